// `biovlm demo`: the browser page, served from the installed package to this computer.

import { defineCommand } from "../command.js";
import { CliError, notFoundError } from "../errors.js";
import { EXIT } from "../exit-codes.js";
import { builtPageFolder, servePage } from "../page-server.js";

export const demo = defineCommand({
  name: "demo",
  summary: "open the page: classify and learn in a browser tab",
  description: [
    "Serves the page on this computer only (127.0.0.1) until Ctrl-C. Images are read and learned from in the tab and are sent nowhere; the page talks to no other host.",
    "The browser keeps the model for the address with this port, so that a second visit starts at once, also without this command.",
  ],
  aboutImages: true,
  options: {
    port: { type: "integer", min: 0, max: 65_535, default: 8319, setting: true, description: "port on 127.0.0.1; 0 takes a free one" },
  },
  examples: [{ command: "biovlm demo", shows: "prints the page's address and serves it until Ctrl-C" }],
  async run({ terminal, signal }, options) {
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
  },
});

/** The folder with the built page. @throws CliError `page_not_built` */
function builtPage(): string {
  const folder = builtPageFolder();
  if (folder !== undefined) return folder;
  throw notFoundError("page_not_built", "the page — expected it built in @biovlm/demo, got none", "Run: npm run build -w @biovlm/demo");
}
