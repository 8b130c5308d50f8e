// The workshop of the store: a model is put together in a folder of its own, hashed as it is written, and only then renamed into the store.
// What a killed process leaves behind lies in the staging folder alone and is swept by the next import.

import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, link, mkdir, open, readdir, realpath, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileFailure, HASH_CHUNK, processRuns, sha256File, systemCode, thisHost, writeAll } from "@biovlm/files/node";
import type { ManifestFile } from "./model-manifest.js";

/** Runs `work` with a fresh folder that is gone afterwards, unless `work` renamed it. */
export async function withStaging<T>(staging: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = join(staging, `${hostMark()}-${process.pid}-${randomBytes(6).toString("hex")}`);
  try {
    await mkdir(staging, { recursive: true });
    await sweepStaging(staging);
    await mkdir(folder);
    return await work(folder);
  } catch (error) {
    throw error instanceof Error && systemCode(error) !== "" ? fileFailure(error, `writing ${folder}`, "BIOVLM_HOME") : error;
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}

/** Removes what dead processes left: their folders on this host, any other after two days. */
async function sweepStaging(staging: string): Promise<string[]> {
  const swept: string[] = [];
  for (const name of await readdir(staging).catch(() => [])) {
    const match = /^([0-9a-f]{8})-(\d+)-[0-9a-f]{12}$/.exec(name);
    if (match === null) continue;
    const age = Date.now() - ((await stat(join(staging, name)).catch(() => undefined))?.mtimeMs ?? Date.now());
    const dead = match[1] === hostMark() && !processRuns(Number(match[2]));
    if (!dead && age < 2 * 86_400_000) continue;
    await rm(join(staging, name), { recursive: true, force: true }).catch(() => {});
    swept.push(name);
  }
  return swept;
}

/** Writes one file of the staged model from chunks, to the disk, and says what it became. */
export async function writeStaged(
  folder: string,
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<ManifestFile> {
  const target = join(folder, path);
  const hash = createHash("sha256");
  let size = 0;
  let handle: FileHandle | undefined;
  try {
    handle = await open(target, "wx", 0o644);
    for await (const chunk of chunks) {
      signal?.throwIfAborted();
      hash.update(chunk);
      await writeAll(handle, chunk);
      size += chunk.length;
    }
    await handle.sync();
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw fileFailure(error, `writing ${target}`, "BIOVLM_HOME");
  } finally {
    await handle?.close().catch(() => {});
  }
  return { path, size, sha256: hash.digest("hex") };
}

/** Copies a file into the staged model; with `hardLink` it shares the disk blocks where the file systems allow. */
export async function copyStaged(
  folder: string,
  path: string,
  from: string,
  { hardLink = false, signal }: { readonly hardLink?: boolean; readonly signal?: AbortSignal | undefined } = {},
): Promise<ManifestFile> {
  if (hardLink) {
    try {
      await link(await realpath(from), join(folder, path));
      return { path, ...(await sha256File(join(folder, path), { signal })) };
    } catch (error) {
      if (!["EXDEV", "EPERM", "EMLINK", "ENOSYS", "ENOTSUP", "EACCES"].includes(systemCode(error))) {
        throw error instanceof Error ? fileFailure(error, `linking ${from}`) : error;
      }
    }
  }
  return writeStaged(folder, path, fileChunks(from, signal), signal);
}

/** The bytes of a file in pieces; each piece is valid until the next is asked for. */
export async function* fileChunks(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    const buffer = new Uint8Array(HASH_CHUNK);
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw fileFailure(error, `reading ${path}`);
  } finally {
    await handle?.close().catch(() => {});
  }
}

let mark: string | undefined;
function hostMark(): string {
  mark ??= createHash("sha256").update(thisHost()).digest("hex").slice(0, 8);
  return mark;
}
