// A loopback server for browser tests: files from memory and from mounted folders, with the headers a cross-origin isolated page needs
// (wasm threads) and a strict Content-Security-Policy. It serves nothing that was not named.
import { createReadStream, realpathSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, sep } from "node:path";

export interface PageServerOptions {
  /** Bodies by absolute URL path, e.g. {"/": "<!doctype html>…"}. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Folders by URL prefix that ends in "/", e.g. {"/ort/": "node_modules/onnxruntime-web/dist"}. */
  readonly mounts?: Readonly<Record<string, string>>;
  /** COOP same-origin and COEP require-corp (true). */
  readonly isolated?: boolean;
  /** Content-Security-Policy, or false for none. */
  readonly csp?: string | false;
}

export interface PageServer {
  readonly origin: string;
  close(): Promise<void>;
}

export const strictCsp =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'; img-src 'self' blob: data:; style-src 'self'; base-uri 'none'; form-action 'none'";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".webp": "image/webp",
  ".svg": "image/svg+xml",
};

/** Starts the server on a free loopback port. */
export async function servePages(options: PageServerOptions): Promise<PageServer> {
  const { files = {}, mounts = {}, isolated = true, csp = strictCsp } = options;
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://loopback").pathname);
    response.setHeader("Cache-Control", "no-store");
    response.setHeader("X-Content-Type-Options", "nosniff");
    response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
    if (isolated) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    if (csp !== false) response.setHeader("Content-Security-Policy", csp);
    response.setHeader("Content-Type", types[path.endsWith("/") ? ".html" : extname(path)] ?? "application/octet-stream");
    const body = Object.hasOwn(files, path) ? files[path] : undefined;
    if (body !== undefined) return void response.end(body);
    const file = mounted(mounts, path);
    if (file === undefined) return void response.writeHead(404).end();
    createReadStream(file)
      .on("error", () => response.destroy())
      .pipe(response);
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve, reject) => {
      server.close((error) => (error ? reject(error) : resolve()));
      server.closeAllConnections();
    });
  return { origin: `http://127.0.0.1:${port}`, close };
}

function mounted(mounts: Readonly<Record<string, string>>, path: string): string | undefined {
  for (const [prefix, folder] of Object.entries(mounts)) {
    if (!path.startsWith(prefix)) continue;
    try {
      const base = realpathSync(folder);
      const file = realpathSync(join(base, path.slice(prefix.length)));
      if (file.startsWith(base + sep) && statSync(file).isFile()) return file;
    } catch {
      return undefined;
    }
  }
  return undefined;
}
