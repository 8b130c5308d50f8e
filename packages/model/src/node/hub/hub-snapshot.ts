// Brings one repository's model files into the Hugging Face cache, verified: ask the hub what the files are → compare with the lock file and
// the pins → download what the cache lacks → link the snapshot → write the lock file. Offline, the cache must hold them already.
// Ends at a list of verified files; turning them into a model of ours is import-model.ts.

import { mkdir, rename, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { quoted } from "@biovlm/files";
import {
  checkRelativePath,
  checkSha256,
  download,
  type ExpectedContent,
  matches,
  networkFetch,
  sha256File,
  withLock,
} from "@biovlm/files/node";
import { ModelError } from "../../contract/errors.js";
import { SIDE_FILES, WEIGHT_FILES } from "../store/model-files.js";
import { cachedCommit, cachedFile, linkSnapshot, type RepoCache, repoCache, writeRef } from "./hf-cache.js";
import { type HubFile, hubFile, refusal, resolvePath } from "./hub-file.js";
import { type LockedFile, type LockedRepo, readHubLock, writeHubLock } from "./hub-lock-file.js";
import { checkRepo, checkRevision } from "./hub-names.js";
import { type HubConnection, hubRequest } from "./hub-request.js";
import type { HubSettings } from "./hub-settings.js";
import { netrcAuthorization } from "./netrc.js";

/** How far one file of a download is, bytes. */
export interface SnapshotProgress {
  readonly file: string;
  /** bytes of the file that are there, and all of them */
  readonly received: number;
  readonly size: number;
}

export interface SnapshotOptions {
  /** Branch, tag or commit. Default: the lock file's commit, else "main". */
  readonly revision?: string;
  /** sha256 pinned by hand, by file. */
  readonly pins?: Readonly<Record<string, string>>;
  /** sha256 pinned by hand of the weights file, whatever its name. */
  readonly weightsSha256?: string;
  /** The weights file to take instead of the first one of `WEIGHT_FILES` that exists. */
  readonly weights?: string;
  readonly settings: HubSettings;
  /** Lock file that the pull must match, and that it writes when it has no entry. Absent: none is read or written. */
  readonly lockFile?: string | undefined;
  /** Replace the lock file's entry by what the hub has now. */
  readonly updateLock?: boolean;
  readonly fetch?: typeof globalThis.fetch;
  readonly retries?: number | undefined;
  readonly backoffMs?: number | undefined;
  readonly stallMs?: number;
  readonly answerMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (progress: SnapshotProgress) => void;
  /** Another process is fetching the same file. */
  readonly onWait?: (file: string, pid: number | undefined) => void;
}

export interface SnapshotFile extends LockedFile {
  readonly path: string;
  /** the verified file in the cache */
  readonly cached: string;
}

export interface Snapshot {
  readonly repo: string;
  readonly commit: string;
  /** "hub" when it was asked, "cache" when no connection was made */
  readonly from: "hub" | "cache";
  readonly weights: string;
  readonly files: readonly SnapshotFile[];
}

/**
 * Rejects with `ModelError`: `bad_name`, `bad_path`, `bad_digest`; `not_found`, `hub_refused`, `hub_protocol`, `no_digest`, `network`;
 * `lock_mismatch`; `integrity`; `offline`; or as `fileFailure` says; with the signal's reason when aborted.
 * @example const snapshot = await fetchSnapshot("owner/name", { settings: hubSettings(), lockFile: "biovlm-lock.json" });
 */
export async function fetchSnapshot(repo: string, options: SnapshotOptions): Promise<Snapshot> {
  checkRepo(repo);
  const lock = options.lockFile === undefined ? undefined : (await readHubLock(options.lockFile)).get(repo);
  const held = options.updateLock === true ? undefined : lock;
  const revision = checkRevision(options.revision ?? held?.commit ?? "main");
  const cache = repoCache(options.settings.cache, repo);
  const snapshot = options.settings.offline
    ? await snapshotFromCache(repo, revision, cache, held, options)
    : await snapshotFromHub(repo, revision, cache, held, options);
  for (const file of snapshot.files) {
    const locked = held?.files[file.path];
    if (held !== undefined && (locked === undefined || locked.sha256 !== file.sha256))
      throw otherThanLocked(repo, file.path, locked?.sha256, file.sha256);
  }
  if (held === undefined && options.lockFile !== undefined) {
    const files = Object.fromEntries(snapshot.files.map(({ path, size, sha256 }) => [path, { size, sha256 }]));
    await writeHubLock(options.lockFile, repo, { commit: snapshot.commit, files }, options.signal);
  }
  return snapshot;
}

async function snapshotFromHub(
  repo: string,
  revision: string,
  cache: RepoCache,
  held: LockedRepo | undefined,
  options: SnapshotOptions,
): Promise<Snapshot> {
  const { settings, signal } = options;
  const token = await hubToken(settings);
  const connection: HubConnection = {
    endpoint: settings.endpoint,
    token,
    basic: await hubBasic(settings),
    fetch: options.fetch ?? (await networkFetch()),
    answerMs: options.answerMs,
  };
  const ask = (at: string, path: string) =>
    hubFile(connection, repo, at, path, {
      signal,
      retries: options.retries,
      backoffMs: options.backoffMs,
    });

  // The first file settles the commit; everything after it is asked of that commit, so that a branch that moves cannot mix two.
  const wantedWeights = options.weights === undefined ? WEIGHT_FILES : [checkRelativePath(options.weights, "the weights option")];
  const wanted = held === undefined ? [...SIDE_FILES, ...wantedWeights] : Object.keys(held.files);
  const found = new Map<string, HubFile>();
  let commit: string | undefined;
  for (const path of wanted) {
    // of several weights files the first is enough
    if (held === undefined && WEIGHT_FILES.includes(path) && wantedWeights.some((name) => found.has(name))) continue;
    const file = await ask(commit ?? revision, path);
    if (file === undefined) continue;
    commit ??= file.commit ?? (/^[0-9a-f]{40}$/.test(revision) ? revision : undefined);
    if (commit === undefined) {
      throw new ModelError(
        "hub_protocol",
        `${settings.endpoint} names no commit for ${repo} — expected the header X-Repo-Commit. Check HF_ENDPOINT, or give --revision with a full commit.`,
      );
    }
    found.set(path, file);
  }
  if (held !== undefined && commit !== undefined && commit !== held.commit) throw otherThanLocked(repo, "commit", held.commit, commit);
  const weights = pickWeights(repo, revision, [...found.keys()], options);
  const pins = pinsOf(options, weights);
  for (const path of [...Object.keys(held?.files ?? {}), ...pins.keys()]) {
    if (!found.has(path))
      throw new ModelError(
        "lock_mismatch",
        `${repo} has no ${quoted(path)} — expected it by the lock file or a pin. Pull with --update-lock if that is meant.`,
      );
  }

  const files: SnapshotFile[] = [];
  for (const [path, file] of found) {
    const etag = await bringFile(repo, commit as string, cache, connection, file, held?.files[path], pins.get(path), options);
    await linkSnapshot(cache, commit as string, path, etag);
    const cached = cache.blob(etag);
    // a blob that is named by its sha256 has just been verified against it
    const content = etag.length === 64 ? { sha256: etag, size: file.size as number } : await sha256File(cached, { signal });
    files.push({ path, cached, ...content });
  }
  for (const file of files) requirePin(repo, file, pins.get(file.path));
  await writeRef(cache, revision, commit as string);
  return { repo, commit: commit as string, from: "hub", weights, files };
}

/** What the file is checked by. A pin says more than a digest of 40 digits, which a mirror may make of something else. @throws ModelError `no_digest` */
function digestOf(file: HubFile, label: string, pin: string | undefined): ExpectedContent["digest"] {
  const pinned = pin === undefined ? undefined : { kind: "sha256" as const, hex: pin };
  const digest = file.digest?.kind === "sha256" ? file.digest : (pinned ?? file.digest);
  if (digest !== undefined) return digest;
  throw new ModelError(
    "no_digest",
    `the hub names no digest for ${label} — expected X-Linked-Etag or git's ETag. Pin the file by hand with --sha256, or use another HF_ENDPOINT.`,
  );
}

const OTHER_MIRROR = "try another mirror (HF_ENDPOINT)";

/** Makes sure that the blob of one file is in the cache and is what it should be; resolves to the blob's name. */
async function bringFile(
  repo: string,
  commit: string,
  cache: RepoCache,
  connection: HubConnection,
  file: HubFile,
  locked: LockedFile | undefined,
  pin: string | undefined,
  options: SnapshotOptions,
): Promise<string> {
  const label = `${repo}/${file.path}`;
  if (file.size === undefined)
    throw new ModelError(
      "hub_protocol",
      `the hub names no size for ${label} — expected X-Linked-Size or Content-Length. Check HF_ENDPOINT.`,
    );
  const digest = digestOf(file, label, pin);
  for (const known of [locked?.sha256, pin]) {
    if (known !== undefined && digest.kind === "sha256" && known !== digest.hex) throw otherThanLocked(repo, file.path, known, digest.hex);
  }
  if (locked !== undefined && locked.size !== file.size)
    throw otherThanLocked(repo, file.path, `${locked.size} bytes`, `${file.size} bytes`);
  const expected: ExpectedContent = { size: file.size, digest };
  const etag = digest.hex;
  const { signal, onWait } = options;
  await withLock(
    cache.lock(etag),
    async (lost) => {
      const blob = cache.blob(etag);
      if (await isThere(blob)) {
        if (await matches(blob, expected, { signal: lost }))
          return options.onProgress?.({ file: file.path, received: expected.size, size: expected.size });
        await setAside(blob, cache);
      }
      await download({
        label,
        target: blob,
        expected,
        quarantine: cache.quarantine,
        advice: {
          space: "set HF_HUB_CACHE to another disk",
          source:
            digest.kind === "sha256"
              ? OTHER_MIRROR
              : `${OTHER_MIRROR} — a mirror's ETag may be no digest of git's: pin the file with --sha256`,
        },
        signal: lost,
        request: async (headers, inner) => {
          const { response } = await hubRequest(connection, resolvePath(repo, commit, file.path), {
            method: "GET",
            headers,
            signal: inner,
          });
          // 416 and what may be tried again is judged by the download
          const failure =
            response.status < 400 || response.status === 416 || response.status >= 500 ? undefined : refusal(repo, commit, response);
          if (failure !== undefined && failure.code !== "network") throw failure;
          return response;
        },
        retries: options.retries,
        backoffMs: options.backoffMs,
        stallMs: options.stallMs,
        ...(options.onProgress === undefined
          ? {}
          : { onProgress: (received) => options.onProgress?.({ file: file.path, received, size: expected.size }) }),
      });
    },
    {
      waitMs: Number.POSITIVE_INFINITY,
      signal,
      ...(onWait === undefined ? {} : { onWait: (holder) => onWait(file.path, holder?.pid) }),
    },
  );
  return etag;
}

async function snapshotFromCache(
  repo: string,
  revision: string,
  cache: RepoCache,
  held: LockedRepo | undefined,
  options: SnapshotOptions,
): Promise<Snapshot> {
  const missing = (what: string) =>
    new ModelError(
      "offline",
      `${repo} is not complete in the cache — expected ${what}, and HF_HUB_OFFLINE forbids to ask the hub. Pull it once with a connection, or bring a bundle (models import).`,
    );
  const commit = held?.commit ?? (await cachedCommit(cache, revision));
  if (commit === undefined) throw missing(`a commit for ${revision}`);
  if (held !== undefined && /^[0-9a-f]{40}$/.test(revision) && revision !== held.commit)
    throw otherThanLocked(repo, "commit", held.commit, revision);
  const paths: string[] = [];
  const wanted =
    held === undefined
      ? [...SIDE_FILES, ...(options.weights === undefined ? WEIGHT_FILES : [checkRelativePath(options.weights, "the weights option")])]
      : Object.keys(held.files);
  for (const path of wanted) if ((await cachedFile(cache, commit, path)) !== undefined) paths.push(path);
  for (const path of Object.keys(held?.files ?? {})) if (!paths.includes(path)) throw missing(path);
  const candidates = paths.filter((path) => WEIGHT_FILES.includes(path) || path === options.weights);
  if (candidates.length === 0) throw missing("a weights file");
  const weights = pickWeights(repo, revision, paths, options);
  const pins = pinsOf(options, weights);
  const files: SnapshotFile[] = [];
  for (const path of paths) {
    if (candidates.includes(path) && path !== weights) continue;
    const there = await cachedFile(cache, commit, path);
    if (there === undefined) throw missing(path);
    const { sha256, size } = await sha256File(there.path, { signal: options.signal });
    const known = held?.files[path]?.sha256 ?? pins.get(path);
    if (there.digest === undefined && known === undefined) {
      throw new ModelError(
        "no_digest",
        `the cache holds ${repo}/${path} without a digest — expected a link to a blob, a lock file or a pin. Pull it once with a connection.`,
      );
    }
    const sound = there.digest === undefined || (await matches(there.path, { size, digest: there.digest }));
    if (!sound) {
      await setAside(there.path, cache);
      throw new ModelError(
        "integrity",
        `${repo}/${path} is damaged in the cache — expected ${there.digest?.kind} ${there.digest?.hex}, got other content; it was moved to ${cache.quarantine}. Pull it again with a connection.`,
      );
    }
    const file = { path, cached: there.path, sha256, size };
    requirePin(repo, file, pins.get(path));
    files.push(file);
  }
  return { repo, commit, from: "cache", weights, files };
}

function pickWeights(repo: string, revision: string, paths: readonly string[], options: SnapshotOptions): string {
  const weights =
    options.weights ?? WEIGHT_FILES.find((name) => paths.includes(name)) ?? paths.find((path) => /\.(safetensors|bin|pt)$/.test(path));
  if (weights === undefined || !paths.includes(weights)) {
    throw new ModelError(
      "not_found",
      `${repo} at ${revision} has no weights — expected ${options.weights ?? WEIGHT_FILES.join(", ")}. Name the file with --weights.`,
    );
  }
  return weights;
}

function pinsOf(options: SnapshotOptions, weights: string): Map<string, string> {
  const pins = new Map<string, string>();
  for (const [path, sha256] of Object.entries(options.pins ?? {})) pins.set(checkRelativePath(path, "a pin"), checkSha256(sha256, "a pin"));
  if (options.weightsSha256 !== undefined) pins.set(weights, checkSha256(options.weightsSha256, "the pin of the weights"));
  return pins;
}

function requirePin(repo: string, file: SnapshotFile, pin: string | undefined): void {
  if (pin !== undefined && pin !== file.sha256) throw otherThanLocked(repo, file.path, pin, file.sha256);
}

function otherThanLocked(repo: string, what: string, expected: string | undefined, got: string): ModelError {
  return new ModelError(
    "lock_mismatch",
    `${repo}: ${what} is not what the lock file or a pin says — expected ${expected ?? "no such file"}, got ${got}. If the change is meant, pull with --update-lock.`,
  );
}

async function setAside(path: string, cache: RepoCache): Promise<void> {
  await mkdir(cache.quarantine, { recursive: true }).catch(() => {});
  await rename(path, join(cache.quarantine, `${basename(path)}-${Date.now().toString(36)}`)).catch(() => {});
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}

/** A mirror's name and password, where the operator keeps them for its host. */
async function hubBasic({ netrcFile, endpoint }: HubSettings): Promise<string | undefined> {
  if (netrcFile === undefined || !URL.canParse(endpoint)) return undefined;
  return netrcAuthorization(netrcFile, new URL(endpoint).hostname);
}

async function hubToken(settings: HubSettings): Promise<string | undefined> {
  if (settings.token !== undefined || settings.tokenFile === undefined) return settings.token;
  const { readFile } = await import("node:fs/promises");
  const text = (await readFile(settings.tokenFile, "utf8").catch(() => "")).trim();
  return /^[\x21-\x7e]{8,400}$/.test(text) ? text : undefined;
}
