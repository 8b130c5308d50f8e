// docs/cli.md says what the command line does: it is generated from the command objects and must equal what they give now.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "./workspace.mjs";

const generator = "tools/checks/cli-reference.mjs";

/** @type {import("./workspace.mjs").Check} */
export const cliDocs = {
  name: "docs/cli.md",
  async run() {
    if (!existsSync(join(root, generator))) {
      // The generator and the page come and go together: one without the other is a mistake.
      return existsSync(join(root, "docs/cli.md"))
        ? { problems: [`docs/cli.md is there but ${generator} is not — restore the generator.`] }
        : { problems: [], skipped: "no generator yet" };
    }
    try {
      await promisify(execFile)(process.execPath, [join(root, generator), "--check"], { cwd: root });
      return { problems: [] };
    } catch (error) {
      return {
        problems: [
          `${String(error.stderr || error.message)
            .trim()
            .slice(0, 1000)} — run node ${generator} and commit docs/cli.md.`,
        ],
      };
    }
  },
};
