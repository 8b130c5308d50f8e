// Is a model in the store what its manifest says? Every file of up to 64 MB is hashed each time; a larger one is hashed when its stamp (size,
// times, inode) is not the one it had when it was last hashed. Says what is wrong; what becomes of a damaged model is the store's business.
// A disk that changes bytes without touching the times is found by a full check (`biovlm models verify`) only.

import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isJsonObject, parseStrictJson } from "@biovlm/files";
import { fileFailure, sha256File, systemCode, writeFileAtomic } from "@biovlm/files/node";
import type { ManifestFile, ModelManifest } from "./model-manifest.js";

/** Files of up to this size are hashed at every load. */
const ALWAYS_HASHED = 64e6;

export interface VerifyOptions {
  /** Hash every file, whatever its stamp. */
  readonly full?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Told before each file that is hashed. */
  readonly onProgress?: (file: ManifestFile) => void;
}

export interface Damage {
  readonly path: string;
  /** "expected …, got …" */
  readonly what: string;
}

/** Resolves to what is wrong, none for a sound model. Rejects as `fileFailure` says when a file cannot be read at all. */
export async function findDamage(
  folder: string,
  manifest: ModelManifest,
  stampFile: string,
  options: VerifyOptions = {},
): Promise<readonly Damage[]> {
  const stamps = options.full === true ? new Map<string, string>() : await readStamps(stampFile);
  const fresh = new Map<string, string>();
  const damage: Damage[] = [];
  for (const file of manifest.files) {
    options.signal?.throwIfAborted();
    const path = join(folder, file.path);
    const before = await stampOf(path, file);
    if (typeof before !== "string") {
      damage.push(before);
      continue;
    }
    if (file.size > ALWAYS_HASHED && stamps.get(file.path) === before) {
      fresh.set(file.path, before);
      continue;
    }
    options.onProgress?.(file);
    const { sha256 } = await sha256File(path, { signal: options.signal });
    if (sha256 !== file.sha256) damage.push({ path: file.path, what: `expected sha256 ${file.sha256}, got ${sha256}` });
    else if (file.size > ALWAYS_HASHED && (await stampOf(path, file)) === before) fresh.set(file.path, before);
  }
  const changed = fresh.size !== stamps.size || [...fresh].some(([path, stamp]) => stamps.get(path) !== stamp);
  if (damage.length === 0 && changed) await saveStamps(stampFile, fresh);
  return damage;
}

/** Records the files as they are now as hashed and sound, for a store that has just written them. */
export async function stampModel(folder: string, manifest: ModelManifest, stampFile: string): Promise<void> {
  const stamps = new Map<string, string>();
  for (const file of manifest.files) {
    if (file.size <= ALWAYS_HASHED) continue;
    const stamp = await stampOf(join(folder, file.path), file);
    if (typeof stamp === "string") stamps.set(file.path, stamp);
  }
  await saveStamps(stampFile, stamps);
}

/** The stamp binds what was hashed to the digest that it had. */
async function stampOf(path: string, file: ManifestFile): Promise<string | Damage> {
  try {
    const info = await lstat(path, { bigint: true });
    if (!info.isFile()) return { path: file.path, what: "expected a plain file, got something else (a link or a folder)" };
    if (info.size !== BigInt(file.size)) return { path: file.path, what: `expected ${file.size} bytes, got ${info.size}` };
    return [info.dev, info.ino, info.size, info.mtimeNs, info.ctimeNs, file.sha256].join(" ");
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error))) return { path: file.path, what: "expected the file, got none" };
    throw fileFailure(error, `reading ${path}`);
  }
}

async function readStamps(stampFile: string): Promise<Map<string, string>> {
  try {
    const root = parseStrictJson(await readFile(stampFile, "utf8"), stampFile);
    if (isJsonObject(root)) return new Map(Object.entries(root).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
  } catch {
    // none, or damaged: the files are hashed
  }
  return new Map();
}

/** A store on a read-only disk works too; it hashes each time. */
async function saveStamps(stampFile: string, stamps: ReadonlyMap<string, string>): Promise<void> {
  await writeFileAtomic(stampFile, JSON.stringify(Object.fromEntries(stamps))).catch(() => {});
}
