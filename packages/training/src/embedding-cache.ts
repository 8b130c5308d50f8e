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
