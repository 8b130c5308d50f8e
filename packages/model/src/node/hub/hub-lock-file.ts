// biovlm-lock.json: which commit and which bytes each pulled repository had. Made by the first pull from what the hub said and what was
// verified on arrival; later pulls must match it. Meant to be committed beside a project.

import { readFile } from "node:fs/promises";
import { isJsonObject, type Json, parseStrictJson } from "@biovlm/files";
import { checkRelativePath, checkSha256, fileFailure, systemCode, withLock, writeFileAtomic } from "@biovlm/files/node";
import { ModelError } from "../../contract/errors.js";
import { checkRepo } from "./hub-names.js";

export interface LockedFile {
  readonly size: number;
  readonly sha256: string;
}

export interface LockedRepo {
  /** the commit, 40 hex digits */
  readonly commit: string;
  readonly files: Readonly<Record<string, LockedFile>>;
}

/** Repository ("owner/name") → what it must be. */
export type HubLock = ReadonlyMap<string, LockedRepo>;

const FORMAT = "biovlm-lock/1";

/** Reads a lock file; an absent one is empty. Rejects with `ModelError`: `malformed_manifest`, `bad_path`, `bad_digest`, or as `fileFailure`. */
export async function readHubLock(path: string): Promise<HubLock> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return new Map();
    throw fileFailure(error, `reading ${path}`);
  }
  return parseHubLock(text, path);
}

/** Parses the text of a lock file; `from` names it in messages. */
function parseHubLock(text: string, from: string): HubLock {
  const wrong = (what: string): never => {
    throw new ModelError(
      "malformed_manifest",
      `${from} — expected ${what}, got something else. Restore the file, or delete it to lock anew.`,
    );
  };
  if (text.length > 4_000_000) wrong("at most 4 MB");
  const root = parseStrictJson(text, from, { code: "malformed_manifest" });
  if (!isJsonObject(root) || root["format"] !== FORMAT) return wrong(`"format": "${FORMAT}"`);
  const models = root["models"];
  if (!isJsonObject(models)) return wrong(`an object "models"`);
  const lock = new Map<string, LockedRepo>();
  for (const [repo, entry] of Object.entries(models)) {
    checkRepo(repo);
    if (!isJsonObject(entry) || typeof entry["commit"] !== "string" || !/^[0-9a-f]{40}$/.test(entry["commit"]))
      return wrong(`a commit for ${repo}`);
    if (!isJsonObject(entry["files"])) return wrong(`an object "files" for ${repo}`);
    const files: Record<string, LockedFile> = Object.create(null);
    for (const [name, file] of Object.entries(entry["files"])) {
      const size: Json | undefined = isJsonObject(file) ? file["size"] : undefined;
      if (!isJsonObject(file) || typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
        return wrong(`a size for ${repo}/${name}`);
      files[checkRelativePath(name, from)] = { size, sha256: checkSha256(file["sha256"], from) };
    }
    lock.set(repo, { commit: entry["commit"], files });
  }
  return lock;
}

/** Sets one repository's entry, keeping the others, under a process lock. */
export async function writeHubLock(path: string, repo: string, entry: LockedRepo, signal?: AbortSignal): Promise<void> {
  await withLock(
    `${path}.writing`,
    async () => {
      const all = new Map(await readHubLock(path)).set(repo, entry);
      const models: Record<string, LockedRepo> = {};
      for (const [name, { commit, files }] of [...all].sort(([a], [b]) => (a < b ? -1 : 1))) {
        models[name] = { commit, files: Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))) };
      }
      await writeFileAtomic(path, `${JSON.stringify({ format: FORMAT, models }, null, 2)}\n`);
    },
    { signal },
  );
}
