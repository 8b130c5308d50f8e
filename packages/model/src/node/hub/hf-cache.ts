// The Hugging Face cache on disk, as its own tools lay it out: models--owner--name/{blobs,refs,snapshots}. Blobs are named by the hub's
// digest (sha256, or git's blob sha1), snapshots link to them, refs name commits. Paths and links only; no network.

import { copyFile, lstat, mkdir, readFile, realpath, rename, rm, stat, symlink } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import type { ExpectedContent } from "@biovlm/files/node";
import { fileFailure, systemCode, writeFileAtomic } from "@biovlm/files/node";

/** The places of one repository in the cache. Names must have passed `checkRepo`, `checkRevision`, `checkRelativePath`. */
export interface RepoCache {
  readonly folder: string;
  readonly quarantine: string;
  blob(etag: string): string;
  ref(revision: string): string;
  snapshot(commit: string, path?: string): string;
  lock(etag: string): string;
}

export function repoCache(cache: string, repo: string): RepoCache {
  const name = `models--${repo.replace("/", "--")}`;
  const folder = join(cache, name);
  return {
    folder,
    quarantine: join(folder, "quarantine"),
    blob: (etag) => join(folder, "blobs", etag),
    ref: (revision) => join(folder, "refs", ...revision.split("/")),
    snapshot: (commit, path = "") => join(folder, "snapshots", commit, ...path.split("/")),
    // not the name that Python's filelock uses: its lock files stay behind, ours are removed
    lock: (etag) => join(cache, ".locks", name, `${etag}.biovlm-lock`),
  };
}

/** The commit that a branch or tag had when it was last pulled, or undefined. A commit is returned as it is. */
export async function cachedCommit(repo: RepoCache, revision: string): Promise<string | undefined> {
  if (/^[0-9a-f]{40}$/.test(revision)) return revision;
  const text = await readFile(repo.ref(revision), "utf8").catch(() => "");
  return /^[0-9a-f]{40}$/.test(text.trim()) ? text.trim() : undefined;
}

/** Makes `snapshots/<commit>/<path>` lead to the blob: a relative symlink, or a copy where links are not allowed. Replaces what is there. */
export async function linkSnapshot(repo: RepoCache, commit: string, path: string, etag: string): Promise<string> {
  const place = repo.snapshot(commit, path);
  const blob = repo.blob(etag);
  const fresh = `${place}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(place), { recursive: true });
    await rm(fresh, { force: true });
    await symlink(relative(dirname(place), blob), fresh).catch(async (error) => {
      if (!["EPERM", "ENOSYS", "ENOTSUP", "EINVAL"].includes(systemCode(error))) throw error;
      await copyFile(blob, fresh);
    });
    await rename(fresh, place);
    return place;
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => {});
    throw fileFailure(error, `linking ${place}`);
  }
}

/** Records that `revision` is `commit`. */
export async function writeRef(repo: RepoCache, revision: string, commit: string): Promise<void> {
  if (revision !== commit) await writeFileAtomic(repo.ref(revision), commit);
}

/**
 * A file of a snapshot in the cache, with the digest that its blob's name gives; undefined when absent. A link that leaves the
 * repository's folder and its blobs counts as absent. A plain copy (no links on this system) has no digest of its own.
 */
export async function cachedFile(
  repo: RepoCache,
  commit: string,
  path: string,
): Promise<{ readonly path: string; readonly size: number; readonly digest?: ExpectedContent["digest"] } | undefined> {
  const place = repo.snapshot(commit, path);
  try {
    const [real, root] = await Promise.all([realpath(place), realpath(repo.folder)]);
    // blobs may stand on another disk, behind a link of the operator's
    const blobs = await realpath(dirname(repo.blob("any"))).catch(() => root);
    if (!real.startsWith(root + sep) && !real.startsWith(blobs + sep)) return undefined;
    const info = await stat(real);
    if (!info.isFile()) return undefined;
    const linked = (await lstat(place)).isSymbolicLink();
    const etag = basename(real);
    const kind = /^[0-9a-f]{64}$/.test(etag) ? "sha256" : /^[0-9a-f]{40}$/.test(etag) ? "git-sha1" : undefined;
    return { path: real, size: info.size, ...(linked && kind !== undefined ? { digest: { kind, hex: etag } } : {}) };
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(systemCode(error))) return undefined;
    throw fileFailure(error, `reading ${place}`);
  }
}
