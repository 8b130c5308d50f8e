// A hub on loopback that answers as the Hugging Face hub does: HEAD and GET on /{owner}/{repo}/resolve/{revision}/{path}, its headers, its
// redirect of large files to another origin (the CDN: a second port), Range and If-Range. And that misbehaves on demand.
// Not a model of the hub's API beyond that. It records what it was asked, and every token that reached the CDN.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What one GET of a file's bytes does instead of answering well. */
export interface HubFault {
  /** close the socket after this many bytes of the body */
  readonly cutAt?: number;
  /** how Range is treated wrongly: whole file with 200; a range that starts elsewhere; another total; bytes of another place */
  readonly range?: "ignore" | "wrong_start" | "wrong_total" | "wrong_bytes" | "no_header";
  /** flip one bit of the file's byte at this offset */
  readonly corruptAt?: number;
  /** answer 200 text/html, as captive portals do */
  readonly html?: boolean;
  readonly status?: number;
  readonly retryAfter?: number;
  /** bytes appended to, or (negative) missing from, the body, with a Content-Length to match */
  readonly extra?: number;
  /** send this many bytes, then nothing more, the socket open */
  readonly stallAt?: number;
  /** pause between chunks of 16 KiB */
  readonly slowMs?: number;
}

export interface FakeHubOptions {
  readonly repo: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** 40 hex digits */
  readonly commit?: string;
  /** files of at least this size are "LFS": sha256 in X-Linked-Etag, body on the CDN. Default 4096. */
  readonly lfsFrom?: number;
  /** asked at each GET of a body; `nth` counts the GETs of that file from 0 */
  readonly fault?: (path: string, nth: number) => HubFault | undefined;
  /** changes of the metadata headers, e.g. leaving one out (undefined) or lying */
  readonly metadata?: (path: string, headers: Record<string, string>) => Record<string, string | undefined>;
  /** 401 unless this token comes along */
  readonly requireToken?: string;
}

export interface FakeHub {
  readonly endpoint: string;
  readonly cdn: string;
  readonly commit: string;
  readonly requests: {
    readonly server: "hub" | "cdn";
    readonly method: string;
    readonly url: string;
    readonly headers: IncomingMessage["headers"];
  }[];
  /** Authorization headers seen by the CDN: must stay empty. */
  readonly leaks: string[];
  /** Replaces the fault function. */
  misbehave(fault: FakeHubOptions["fault"]): void;
  close(): Promise<void>;
}

export async function startFakeHub(options: FakeHubOptions): Promise<FakeHub> {
  const commit = options.commit ?? "0123456789abcdef0123456789abcdef01234567";
  const requests: FakeHub["requests"] = [];
  const leaks: string[] = [];
  const counts = new Map<string, number>();
  let fault = options.fault;

  const body = (request: IncomingMessage, response: ServerResponse, path: string, bytes: Uint8Array, extra: Record<string, string>) => {
    const nth = counts.get(path) ?? 0;
    counts.set(path, nth + 1);
    void sendBody(request, response, bytes, extra, fault?.(path, nth) ?? {});
  };

  const cdn = createServer((request, response) => {
    requests.push({ server: "cdn", method: request.method ?? "", url: request.url ?? "", headers: request.headers });
    if (request.headers.authorization !== undefined) leaks.push(request.headers.authorization);
    const path = decodeURIComponent((request.url ?? "").slice("/blob/".length));
    const bytes = options.files[path];
    if (bytes === undefined) return void response.writeHead(404).end();
    body(request, response, path, bytes, {
      etag: `"${createHash("md5").update(bytes).digest("hex")}"`,
      "content-type": "application/octet-stream",
    });
  });
  const cdnUrl = await listen(cdn);

  const hub = createServer((request, response) => {
    requests.push({ server: "hub", method: request.method ?? "", url: request.url ?? "", headers: request.headers });
    const match = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(decodeURI(request.url ?? ""));
    const fail = (status: number, code: string) =>
      void response.writeHead(status, { "x-error-code": code, "content-type": "text/plain" }).end(code);
    if (options.requireToken !== undefined && request.headers.authorization !== `Bearer ${options.requireToken}`)
      return fail(401, "RepoNotFound");
    if (match === null || match[1] !== options.repo) return fail(404, "RepoNotFound");
    if (match[2] !== "main" && match[2] !== commit) return fail(404, "RevisionNotFound");
    const path = match[3]!;
    const bytes = options.files[path];
    if (bytes === undefined) return fail(404, "EntryNotFound");
    const lfs = bytes.length >= (options.lfsFrom ?? 4096);
    const sha1 = createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const plain: Record<string, string> = lfs
      ? { "x-repo-commit": commit, "x-linked-etag": `"${sha256}"`, "x-linked-size": String(bytes.length) }
      : { "x-repo-commit": commit, etag: `"${sha1}"` };
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.metadata?.(path, plain) ?? plain)) if (value !== undefined) headers[name] = value;
    if (lfs) return void response.writeHead(302, { ...headers, location: `${cdnUrl}/blob/${encodeURIComponent(path)}` }).end();
    if (request.method === "HEAD") return void response.writeHead(200, { "content-length": String(bytes.length), ...headers }).end();
    body(request, response, path, bytes, { "content-type": "text/plain", ...headers });
  });
  const endpoint = await listen(hub);

  return {
    endpoint,
    cdn: cdnUrl,
    commit,
    requests,
    leaks,
    misbehave(next) {
      fault = next;
      counts.clear();
    },
    async close() {
      for (const server of [hub, cdn]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  });
}

async function sendBody(
  request: IncomingMessage,
  response: ServerResponse,
  file: Uint8Array,
  extra: Record<string, string>,
  fault: HubFault,
) {
  if (fault.html === true) {
    return response
      .writeHead(200, { "content-type": "text/html; charset=utf-8" })
      .end("<!doctype html><title>Sign in to the network</title>");
  }
  if (fault.status !== undefined) {
    const retry: Record<string, string> = fault.retryAfter === undefined ? {} : { "retry-after": String(fault.retryAfter) };
    return response.writeHead(fault.status, retry).end();
  }
  let bytes = file;
  if (fault.corruptAt !== undefined) {
    bytes = file.slice();
    bytes[fault.corruptAt]! ^= 0x10;
  }
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
  const fresh = request.headers["if-range"] === undefined || request.headers["if-range"] === extra["etag"];
  let start = range !== null && fresh && fault.range !== "ignore" ? Number(range[1]) : 0;
  if (start > 0 && start >= file.length) return response.writeHead(416, { "content-range": `bytes */${file.length}` }).end();
  const headers: Record<string, string> = { "accept-ranges": "bytes", ...extra };
  const partial = start > 0;
  if (partial) {
    const told = fault.range === "wrong_start" ? start - 1 : start;
    const total = fault.range === "wrong_total" ? file.length + 7 : file.length;
    if (fault.range !== "no_header") headers["content-range"] = `bytes ${told}-${file.length - 1}/${total}`;
    if (fault.range === "wrong_start") start = told;
  }
  let piece = bytes.subarray(start);
  if (partial && fault.range === "wrong_bytes") piece = bytes.subarray(0, file.length - start);
  if (fault.extra !== undefined) {
    piece =
      fault.extra < 0 ? piece.subarray(0, Math.max(0, piece.length + fault.extra)) : Buffer.concat([piece, new Uint8Array(fault.extra)]);
  }
  response.writeHead(partial ? 206 : 200, { ...headers, "content-length": String(piece.length) });
  const end = Math.min(piece.length, fault.cutAt ?? Infinity, fault.stallAt ?? Infinity);
  for (let at = 0; at < end; at += 16_384) {
    const chunk = piece.subarray(at, Math.min(at + 16_384, end));
    if (!response.write(chunk)) await drained(response);
    if (fault.slowMs !== undefined) await new Promise((resolve) => setTimeout(resolve, fault.slowMs));
    if (response.destroyed) return;
  }
  if (fault.stallAt !== undefined) return response.flushHeaders();
  if (fault.cutAt !== undefined && fault.cutAt < piece.length) {
    // behind the bytes that were written: a reset would overtake those that the client has not read
    return setTimeout(() => response.socket?.destroySoon(), 5);
  }
  return response.end();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
}
