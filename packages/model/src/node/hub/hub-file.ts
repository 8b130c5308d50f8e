// What a hub says about one file before it is fetched: commit, size, digest. From the headers alone; no digest is ever invented here.

import { setTimeout as delay } from "node:timers/promises";
import { BiovlmError } from "@biovlm/files";
import type { ExpectedContent } from "@biovlm/files/node";
import { ModelError } from "../../contract/errors.js";
import { type HubConnection, hubRequest } from "./hub-request.js";

export interface HubFile {
  readonly path: string;
  /** 40 hex digits; absent when the server names none */
  readonly commit?: string;
  /** the name of the blob in the cache: the digest the hub gave, without quotes */
  readonly etag?: string;
  readonly size?: number;
  /** sha256 of an LFS file (X-Linked-Etag, or Artifactory's X-Checksum-Sha256), or git's blob sha1 of a small one (ETag); absent when the ETag is neither */
  readonly digest?: ExpectedContent["digest"];
}

/** `/{repo}/resolve/{revision}/{path}`; a revision with a slash is one escaped segment, as the hub wants it. */
export function resolvePath(repo: string, revision: string, path: string): string {
  return `/${repo}/resolve/${encodeURIComponent(revision)}/${path.split("/").map(encodeURIComponent).join("/")}`;
}

/**
 * HEAD on a file. Undefined when the repository has no such file.
 * Rejects with `ModelError`: `not_found` (repository, revision), `hub_refused` (token, consent), `hub_protocol`, `network`.
 */
export async function hubFile(
  connection: HubConnection,
  repo: string,
  revision: string,
  path: string,
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly retries?: number | undefined;
    readonly backoffMs?: number | undefined;
  } = {},
): Promise<HubFile | undefined> {
  for (let attempt = 0; ; attempt++) {
    try {
      const { response, hops } = await hubRequest(connection, resolvePath(repo, revision, path), {
        method: "HEAD",
        signal: options.signal,
        stop: (seen) => seen.at(-1)?.get("x-linked-etag") != null,
      });
      await response.body?.cancel().catch(() => {});
      if (response.status < 400) {
        refuseWebPage(connection.endpoint, path, response, hops);
        return readMetadata(path, response, hops);
      }
      const failure = refusal(repo, revision, response);
      if (failure === undefined) return undefined;
      throw failure;
    } catch (error) {
      if (!(error instanceof BiovlmError) || error.code !== "network" || attempt >= (options.retries ?? 4)) throw error;
      await delay(Math.min((options.backoffMs ?? 500) * 2 ** attempt, 15_000), undefined, { signal: options.signal }).catch(() => {
        throw options.signal?.reason;
      });
    }
  }
}

/** The error for an answer ≥ 400, or undefined when it only says that there is no such file. A `network` error may be tried again. */
export function refusal(repo: string, revision: string, response: Response): ModelError | undefined {
  const code = response.headers.get("x-error-code") ?? "";
  const { status } = response;
  if (code === "GatedRepo") {
    return new ModelError(
      "hub_refused",
      `${repo} is gated — expected a token of an account that accepted its terms. Accept them on the hub, then set HF_TOKEN.`,
    );
  }
  if (code === "RevisionNotFound")
    return new ModelError(
      "not_found",
      `${repo} has no revision ${revision} — expected a branch, a tag or a commit of it. Check --revision.`,
    );
  if (code === "RepoNotFound" || status === 401 || status === 403) {
    return status === 404
      ? new ModelError("not_found", `the hub has no repository ${repo} — expected an existing owner/name. Check the spelling.`)
      : new ModelError(
          "hub_refused",
          `the hub refuses ${repo} (${status}) — expected an existing public repository, or a token that may read it. Check the spelling, or set HF_TOKEN.`,
        );
  }
  if (status === 404) return undefined;
  if (status === 408 || status === 429 || status >= 500) {
    return new ModelError("network", `the hub answers ${status} for ${repo} — expected the file. Try again later.`);
  }
  return new ModelError("hub_protocol", `the hub answers ${status} for ${repo} — expected 200 or a redirect. Check HF_ENDPOINT.`);
}

/** A network's sign-in page answers everything with 200. */
function refuseWebPage(endpoint: string, path: string, { headers }: Response, hops: readonly Headers[]): void {
  const isPage = /^text\/html\b/i.test(headers.get("content-type") ?? "") && !/\.html?$/i.test(path);
  if (!isPage || hops.some((hop) => hop.get("x-repo-commit") !== null)) return;
  throw new ModelError(
    "hub_protocol",
    `${endpoint} — expected a hub, got a web page (a network's sign-in page, or a proxy's refusal). Open it in a browser, or check HF_ENDPOINT.`,
  );
}

function readMetadata(path: string, response: Response, hops: readonly Headers[]): HubFile {
  const first = (name: string) => hops.map((headers) => headers.get(name)).find((value) => value !== null) ?? undefined;
  const commit = first("x-repo-commit");
  // without X-Linked-Etag only the hub's own answer (the last hop, when it is no redirect) describes the file
  const etag = (first("x-linked-etag") ?? (response.status < 300 ? response.headers.get("etag") : undefined))
    ?.replace(/^W\//, "")
    .replace(/^"|"$/g, "")
    .toLowerCase();
  const size = first("x-linked-size") ?? (response.status < 300 ? response.headers.get("content-length") : undefined);
  // Artifactory names digests of the file itself; its ETag, 40 digits too, is none of git's
  const ofFile = (name: string) => (response.status < 300 ? response.headers.get(name)?.toLowerCase() : undefined);
  const sha256 = [ofFile("x-checksum-sha256"), etag].find((hex) => hex !== undefined && /^[0-9a-f]{64}$/.test(hex));
  const isGit = etag !== undefined && /^[0-9a-f]{40}$/.test(etag) && etag !== ofFile("x-checksum-sha1");
  const digest =
    sha256 !== undefined ? ({ kind: "sha256", hex: sha256 } as const) : isGit ? ({ kind: "git-sha1", hex: etag } as const) : undefined;
  return {
    path,
    ...(commit !== undefined && /^[0-9a-f]{40}$/.test(commit) ? { commit } : {}),
    ...(size !== undefined && size !== null && /^\d{1,15}$/.test(size) ? { size: Number(size) } : {}),
    ...(digest === undefined ? {} : { etag: digest.hex, digest }),
  };
}
