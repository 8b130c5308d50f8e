// A model as one file for hosts without a network: a plain tar of the manifest and the files it lists, in that order. Any tar reads it; we
// read only what we would have written: names, order, sizes and digests must be the manifest's. Unpacking ends in a staging folder.

import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { quoted } from "@biovlm/files";
import { fileFailure, HASH_CHUNK } from "@biovlm/files/node";
import { ModelError } from "../../contract/errors.js";
import { MANIFEST_FILE } from "./model-files.js";
import { MAX_MANIFEST_BYTES, type ModelManifest, parseManifest, writeManifest } from "./model-manifest.js";
import { fileChunks, writeStaged } from "./model-staging.js";
import { BLOCK, isUstar, paddingOf, readUstarHeader, ustarHeader } from "./ustar.js";

/** The bytes of the bundle of a model folder. The caller has verified the folder, or verifies it while these bytes are read. */
export async function* bundleChunks(folder: string, manifest: ModelManifest, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const text = new TextEncoder().encode(writeManifest(manifest));
  yield ustarHeader({ name: MANIFEST_FILE, size: text.length });
  yield text;
  yield new Uint8Array(paddingOf(text.length));
  for (const { path, size } of manifest.files) {
    yield ustarHeader({ name: path, size });
    yield* fileChunks(join(folder, path), signal);
    yield new Uint8Array(paddingOf(size));
  }
  yield new Uint8Array(2 * BLOCK);
}

/** True when the file begins as a tar does. Rejects as `fileFailure` says. */
export async function isBundle(path: string): Promise<boolean> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    const block = new Uint8Array(BLOCK);
    const { bytesRead } = await handle.read(block, 0, BLOCK, 0);
    return isUstar(block.subarray(0, bytesRead));
  } catch (error) {
    throw fileFailure(error, `reading ${path}`);
  } finally {
    await handle?.close();
  }
}

/**
 * Unpacks a bundle into `folder` and resolves to its manifest; the manifest itself is not written.
 * Rejects with `ModelError`: `malformed_bundle`, `malformed_manifest`, `bad_path`, `integrity`, or as `fileFailure` says.
 */
export async function unpackBundle(
  path: string,
  folder: string,
  options: { readonly signal?: AbortSignal | undefined; readonly onProgress?: (file: string) => void } = {},
): Promise<ModelManifest> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    const tape = new Tape(handle, path);
    const head = readUstarHeader(await tape.exactly(BLOCK));
    if (head?.name !== MANIFEST_FILE || head.size > MAX_MANIFEST_BYTES) throw tape.wrong(`${MANIFEST_FILE} first`);
    const manifest = parseManifest(await tape.exactly(head.size), `${MANIFEST_FILE} of ${path}`);
    await tape.zeros(paddingOf(head.size));
    for (const file of manifest.files) {
      options.onProgress?.(file.path);
      const entry = readUstarHeader(await tape.exactly(BLOCK));
      if (entry?.name !== file.path || entry.size !== file.size) {
        throw tape.wrong(
          `${file.path} of ${file.size} bytes`,
          entry === undefined ? "the end" : `${quoted(entry.name)} of ${entry.size} bytes`,
        );
      }
      const written = await writeStaged(folder, file.path, tape.pieces(file.size), options.signal);
      if (written.sha256 !== file.sha256) {
        throw new ModelError(
          "integrity",
          `${path} is damaged — expected ${file.path} with sha256 ${file.sha256}, got ${written.sha256}. Get the bundle again.`,
        );
      }
      await tape.zeros(paddingOf(file.size));
    }
    await tape.zeros(2 * BLOCK);
    await tape.end();
    return manifest;
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason;
    throw fileFailure(error, `reading ${path}`);
  } finally {
    await handle?.close().catch(() => {});
  }
}

/** Reads a file from front to back, exactly as much as is asked for. */
class Tape {
  readonly #handle: FileHandle;
  readonly #path: string;

  constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.#path = path;
  }

  wrong(what: string, got = "something else"): ModelError {
    return new ModelError(
      "malformed_bundle",
      `${this.#path} — expected ${what}, got ${got}. It is damaged, or no bundle of biovlm; get it again.`,
    );
  }

  async exactly(count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; ) {
      const { bytesRead } = await this.#handle.read(bytes, at, count - at, null);
      if (bytesRead === 0) throw this.wrong(`${count - at} bytes more`, "the end of the file");
      at += bytesRead;
    }
    return bytes;
  }

  async *pieces(count: number): AsyncGenerator<Uint8Array> {
    for (let left = count; left > 0; left -= Math.min(left, HASH_CHUNK)) yield await this.exactly(Math.min(left, HASH_CHUNK));
  }

  async zeros(count: number): Promise<void> {
    if ((await this.exactly(count)).some((byte) => byte !== 0)) throw this.wrong("zero bytes between entries");
  }

  /** Nothing may follow but the zeros with which tar programs fill their last record. */
  async end(): Promise<void> {
    const rest = new Uint8Array(20 * BLOCK + 1);
    const { bytesRead } = await this.#handle.read(rest, 0, rest.length, null);
    if (bytesRead === rest.length || rest.some((byte) => byte !== 0)) throw this.wrong("nothing behind the last entry");
  }
}
