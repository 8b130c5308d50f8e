// biovlm-model.json: what a model in the store is made of and where it came from. Read strictly: it also arrives in bundles, from anyone.
// Its own checksum finds a damaged manifest; the digests of the files find damaged files; neither says who made them.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { checkName, isJsonObject, type Json, type JsonObject, parseStrictJson, quoted } from "@biovlm/files";
import { checkRelativePath, checkSha256, fileFailure } from "@biovlm/files/node";
import { ModelError } from "../../contract/errors.js";
import { checkRepo } from "../hub/hub-names.js";
import { MANIFEST_FILE, SIDE_FILES, STORED_WEIGHTS } from "./model-files.js";

/** A file of a stored model: path within it, bytes, digest. */
export interface ManifestFile {
  readonly path: string;
  readonly size: number;
  /** 64 hex digits */
  readonly sha256: string;
}

/** Where the weights came from: `sha256` is that of the weights file as it was there, before any conversion. */
export type ModelSource =
  | { readonly kind: "hub"; readonly repo: string; readonly commit: string; readonly file: string; readonly sha256: string }
  | { readonly kind: "file"; readonly file: string; readonly sha256: string };

/** What a stored model consists of and where it came from. */
export interface ModelManifest {
  readonly name: string;
  /** identity of the weights, "sha256:…" (`modelDigest`) */
  readonly digest: string;
  /** by path; `model.safetensors` and what lies beside it */
  readonly files: readonly ManifestFile[];
  readonly source: ModelSource;
  readonly licence?: string;
  /** ISO 8601, UTC */
  readonly created: string;
}

const FORMAT = "biovlm-model/1";
export const MAX_MANIFEST_BYTES = 1_000_000;

/** The text of the file, its keys in one order. */
export function writeManifest(manifest: ModelManifest): string {
  const body = ordered(manifest);
  return `${JSON.stringify({ ...body, checksum: checksum(body) }, null, 2)}\n`;
}

/** Reads a model folder's manifest. Rejects with `ModelError`: `not_found`, `malformed_manifest`, `bad_path`, `bad_digest`, or as `fileFailure`. */
export async function readManifest(folder: string): Promise<ModelManifest> {
  const path = join(folder, MANIFEST_FILE);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw fileFailure(error, `reading ${path}`);
  }
  return parseManifest(bytes, path);
}

/** Parses a manifest; `from` names it in messages. */
export function parseManifest(bytes: Uint8Array, from: string): ModelManifest {
  const wrong = (what: string): never => {
    throw new ModelError("malformed_manifest", `${from} — expected ${what}, got something else. Import or pull the model again.`);
  };
  if (bytes.length > MAX_MANIFEST_BYTES) return wrong(`at most ${MAX_MANIFEST_BYTES} bytes`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return wrong("UTF-8");
  }
  const root = parseStrictJson(text, from, { code: "malformed_manifest" });
  if (!isJsonObject(root) || root["format"] !== FORMAT) return wrong(`"format": "${FORMAT}"`);
  const string = (object: JsonObject, key: string, pattern: RegExp): string => {
    const value = object[key];
    return typeof value === "string" && pattern.test(value) ? value : wrong(`a usable ${quoted(key)}`);
  };
  const list = root["files"];
  if (!Array.isArray(list) || list.length === 0 || list.length > 32) return wrong(`1 to 32 "files"`);
  const files = (list as readonly Json[]).map((entry): ManifestFile => {
    if (!isJsonObject(entry)) return wrong(`an object in "files"`);
    const path = checkRelativePath(entry["path"], from);
    if (path !== STORED_WEIGHTS && !SIDE_FILES.includes(path)) return wrong(`only files of a model (${quoted(path)} is none)`);
    const size = entry["size"];
    if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return wrong(`a size for ${path}`);
    return { path, size, sha256: checkSha256(entry["sha256"], from) };
  });
  if (new Set(files.map((file) => file.path)).size !== files.length) return wrong("each file once");
  if (!files.some((file) => file.path === STORED_WEIGHTS)) return wrong(STORED_WEIGHTS);
  const origin = root["source"];
  if (!isJsonObject(origin)) return wrong(`an object "source"`);
  const taken = { file: string(origin, "file", PRINTABLE), sha256: checkSha256(origin["sha256"], from) };
  const source: ModelSource =
    origin["kind"] === "hub"
      ? { kind: "hub", repo: checkRepo(origin["repo"]), commit: string(origin, "commit", /^[0-9a-f]{40}$/), ...taken }
      : origin["kind"] === "file"
        ? { kind: "file", ...taken }
        : wrong(`"source" of kind hub or file`);
  const manifest: ModelManifest = {
    name: checkName(root["name"]),
    digest: string(root, "digest", /^sha256:[0-9a-f]{64}$/),
    files,
    source,
    ...(root["licence"] === undefined ? {} : { licence: string(root, "licence", PRINTABLE) }),
    created: string(root, "created", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/),
  };
  // byte for byte what would be written: the checksum, and nothing that parsing forgives
  if (writeManifest(manifest) !== text) return wrong("what its checksum and layout promise");
  return manifest;
}

/** A text that may stand in a manifest: what does not print becomes "_", at most 200 characters. */
export function printable(text: string): string {
  return text.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, "_").slice(0, 200) || "_";
}

const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]{1,200}$/u;

function ordered(manifest: ModelManifest) {
  const { name, digest, licence, created, source } = manifest;
  const { file, sha256 } = source;
  const files = [...manifest.files].sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    format: FORMAT,
    name,
    digest,
    files: files.map(({ path, size, sha256: sum }) => ({ path, size, sha256: sum })),
    source:
      source.kind === "hub" ? { kind: "hub", repo: source.repo, commit: source.commit, file, sha256 } : { kind: "file", file, sha256 },
    ...(licence === undefined ? {} : { licence }),
    created,
  };
}

function checksum(body: ReturnType<typeof ordered>): string {
  return createHash("sha256").update(JSON.stringify(body)).digest("hex");
}
