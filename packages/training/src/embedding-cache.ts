// Image embeddings kept by content: the key names the images' digests, the preprocess and the model, so a hit is always right.
// Damaged bytes, or those of another key, are caught by the digest here whatever the store does; the embedding is then computed again.

import type { KeyedBytes } from "./checkpoint.js";

/** Float32 numbers under a key, or undefined when absent or damaged. */
export async function readFloats(store: KeyedBytes | undefined, key: string): Promise<Float32Array | undefined> {
  const bytes = await store?.get(key);
  if (bytes === undefined || bytes.length < 36 || bytes.length % 4 !== 0) return undefined;
  const body = bytes.slice(32);
  const digest = await sealOf(key, body);
  return digest.every((v, i) => v === bytes[i]) ? new Float32Array(body.buffer) : undefined;
}

/** Keeps the numbers, in front of them a sha256 over key and numbers. */
export async function writeFloats(store: KeyedBytes | undefined, key: string, values: Float32Array): Promise<void> {
  if (store === undefined) return;
  const body = new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
  const out = new Uint8Array(32 + body.length);
  out.set(await sealOf(key, body));
  out.set(body, 32);
  await store.put(key, out);
}

async function sealOf(key: string, body: Uint8Array): Promise<Uint8Array> {
  const name = new TextEncoder().encode(`${key}\n`);
  const whole = new Uint8Array(name.length + body.length);
  whole.set(name);
  whole.set(body, name.length);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

/**
 * A store for what can be computed again: an entry that cannot be read is absent, one that cannot be written is not kept. The first failure
 * (disk full, read-only folder …) is told to `onFailure`; a run then only loses time, here or when it is repeated.
 */
export function expendable(store: KeyedBytes, onFailure: (error: unknown) => void): KeyedBytes {
  let told = false;
  const tell = (error: unknown): undefined => {
    if (!told) onFailure(error);
    told = true;
  };
  return {
    get: (key) => store.get(key).catch(tell),
    put: (key, bytes) => store.put(key, bytes).catch(tell),
  };
}

export interface EmbedAllOptions {
  readonly store?: KeyedBytes | undefined;
  /** names model and preprocess */
  readonly cacheKey: string;
  /** images per entry */
  readonly chunk?: number | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Embeds n images in order, in chunks; a chunk whose images' digests are known is read instead.
 * `digests` [n] sha256 of the image bytes; `embed(from, to)` gives rows [to − from, D], L2-normalised.
 */
export async function embedAll(
  digests: readonly string[],
  embed: (from: number, to: number) => Promise<Float32Array>,
  options: EmbedAllOptions,
): Promise<Float32Array> {
  const chunk = options.chunk ?? 256;
  const parts: Float32Array[] = [];
  for (let from = 0; from < digests.length; from += chunk) {
    options.signal?.throwIfAborted();
    const to = Math.min(digests.length, from + chunk);
    const key = `embeddings/${options.cacheKey}/${await digestOf(digests.slice(from, to))}`;
    const cached = await readFloats(options.store, key);
    const rows = cached ?? (await embed(from, to));
    if (cached === undefined) await writeFloats(options.store, key, rows);
    parts.push(rows);
    options.onProgress?.(to, digests.length);
  }
  const out = new Float32Array(parts.reduce((a, p) => a + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

async function digestOf(digests: readonly string[]): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(digests.join("\n"))));
  return Array.from(hash, (b) => b.toString(16).padStart(2, "0")).join("");
}
