// `biovlm demo`: the browser page, served from the installed package to this computer.
// The work alone: what it is asked for by is demo.ts.

import type { CommandRun } from "../command.js";
import { CliError, notFoundError } from "../errors.js";
import { EXIT } from "../exit-codes.js";
import { builtPageFolder, servePage } from "../page-server.js";
import type { DEMO_OPTIONS } from "./demo.js";

export const serveDemo: CommandRun<typeof DEMO_OPTIONS> = async ({ terminal, signal }, options) => {
  const server = await servePage(builtPage(), options.port).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EADDRINUSE" && error.code !== "EACCES") throw error;
    const taken = error.code === "EADDRINUSE" ? "in use" : "not allowed";
    throw new CliError("port_unavailable", EXIT.failure, `port ${options.port} — expected one that is free, got one that is ${taken}`, {
      remedy: "Name another with --port, or 0 for any.",
      cause: error,
    });
  });
  try {
    await terminal.line(server.url);
    terminal.note("open this address in a browser; Ctrl-C ends it");
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  } finally {
    await server.close();
  }
  // being stopped is how it ends
  return EXIT.ok;
};

/** The folder with the built page. @throws CliError `page_not_built` */
function builtPage(): string {
  const folder = builtPageFolder();
  if (folder !== undefined) return folder;
  throw notFoundError("page_not_built", "the page — expected it built in @biovlm/demo, got none", "Run: npm run build -w @biovlm/demo");
}
