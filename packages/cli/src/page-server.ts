// A server for the built page alone, on loopback. It takes no uploads, and knows nothing of models; the files and their headers are the inference
// server's.

import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface PageServer {
  /** "http://127.0.0.1:8319/" */
  readonly url: string;
  close(): Promise<void>;
}

/** The folder of the installed package's built page, or undefined where it is not installed or not built. */
export function builtPageFolder(): string | undefined {
  try {
    const folder = join(dirname(fileURLToPath(import.meta.resolve("@biovlm/demo/package.json"))), "dist");
    return existsSync(join(folder, "index.html")) ? folder : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Serves a folder on 127.0.0.1. Port 0 takes a free one.
 * @throws the system's error, e.g. EADDRINUSE, ENOENT
 */
export async function servePage(folder: string, port: number): Promise<PageServer> {
  const { pageFiles, refuse } = await import("@biovlm/server/page");
  const files = await pageFiles(folder);
  const server = createServer((request, response) => {
    // a name that leads here from elsewhere (DNS rebinding) is none of ours
    if (/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? "")) files.answer(request, response);
    else refuse(response, 421, "this page is served to this computer only");
  });
  server.requestTimeout = 30_000;
  server.headersTimeout = 10_000;
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
