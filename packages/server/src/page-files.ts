// The built browser page as files: those of one folder that were there at the start, with the headers that isolate the page (threads need it) and a
// policy that lets it talk to nobody else. Plain node:http, so that a server of its own and the inference server give the same answers.

import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join } from "node:path";

/** The built browser page, served from memory with its own content security policy. */
export interface PageFiles {
  /** URL paths, "/" among them */
  readonly paths: readonly string[];
  /** Answers GET and HEAD of a path of `paths`, conditional and ranged ones too; 404 and 405 for anything else. */
  answer(request: IncomingMessage, response: ServerResponse): void;
}

/** No inline script or style, no eval, no other origin. `wasm-unsafe-eval` compiles WebAssembly and nothing else. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "img-src 'self' blob:",
  "style-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const HEADERS: Readonly<Record<string, string>> = {
  "Content-Security-Policy": PAGE_POLICY,
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

interface ServedFile {
  readonly path: string;
  readonly bytes: number;
  readonly etag: string;
}

/** Lists a folder once. @throws the system's error, e.g. ENOENT */
export async function pageFiles(folder: string): Promise<PageFiles> {
  const files = await filesOf(folder);
  return { paths: [...files.keys()], answer: (request, response) => answer(files, request, response) };
}

/** Ends a response in plain text with the page's headers. */
export function refuse(response: ServerResponse, status: number, text: string): undefined {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8" }).end(`${text}\n`);
}

/** URL path → file. What is not in the map is not served, whatever the path says. */
async function filesOf(folder: string): Promise<ReadonlyMap<string, ServedFile>> {
  const files = new Map<string, ServedFile>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const { size, mtimeMs } = await stat(path);
    const name = path.slice(folder.length).replaceAll("\\", "/").replace(/^\/*/, "/");
    files.set(name, { path, bytes: size, etag: `"${size.toString(36)}-${Math.floor(mtimeMs).toString(36)}"` });
  }
  const index = files.get("/index.html");
  if (index !== undefined) files.set("/", index);
  return files;
}

function answer(files: ReadonlyMap<string, ServedFile>, request: IncomingMessage, response: ServerResponse): undefined {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("Allow", "GET, HEAD");
    return refuse(response, 405, "only GET and HEAD");
  }
  const path = (request.url ?? "/").split(/[?#]/)[0]!;
  const file = files.get(path);
  if (file === undefined) return refuse(response, 404, "there is no such file");
  const { bytes, etag } = file;
  response.setHeader("Content-Type", TYPES[path.endsWith("/") ? ".html" : extname(path)] ?? "application/octet-stream");
  response.setHeader("Cache-Control", path.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache");
  response.setHeader("ETag", etag);
  response.setHeader("Accept-Ranges", "bytes");
  if (request.headers["if-none-match"] === etag) {
    response.writeHead(304).end();
    return;
  }
  const range = rangeOf(request.headers.range, bytes);
  if (range === "unsatisfiable") {
    response.setHeader("Content-Range", `bytes */${bytes}`);
    return refuse(response, 416, "there is no such range");
  }
  const { from, to } = range ?? { from: 0, to: bytes - 1 };
  if (range !== undefined) response.setHeader("Content-Range", `bytes ${from}-${to}/${bytes}`);
  response.writeHead(range === undefined ? 200 : 206, { "Content-Length": to - from + 1 });
  if (request.method === "HEAD" || bytes === 0) {
    response.end();
    return;
  }
  createReadStream(file.path, { start: from, end: to })
    .on("error", () => response.destroy())
    .pipe(response);
}

/** One range of the form bytes=a- or bytes=a-b; any other form is answered with the whole file, as HTTP allows. */
function rangeOf(header: string | undefined, bytes: number): { readonly from: number; readonly to: number } | "unsatisfiable" | undefined {
  const [, a, b] = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(header ?? "") ?? [];
  if (a === undefined) return undefined;
  const from = Number(a);
  const to = b === "" || b === undefined ? bytes - 1 : Math.min(bytes - 1, Number(b));
  return from > to || from >= bytes ? "unsatisfiable" : { from, to };
}
