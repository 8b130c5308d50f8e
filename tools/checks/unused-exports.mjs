// What nothing uses: files, exported names and duplicate exports, found by knip over the packages and tools (tools/checks/knip.json).
// A name that only its own file uses is not exported; types are let be, since a declaration file shows them beside what they describe.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "./workspace.mjs";

const program = "node_modules/knip/bin/knip.js";

/** What is said of each kind of issue that knip reports for a file. */
const remedies = {
  exports: "is exported and used by no other file — drop the export, or the code",
  types: "is an exported type that nothing uses — drop it",
  duplicates: "is exported twice — keep one name",
  enumMembers: "is a member that nothing uses — drop it",
};

/** @param {{issues: Record<string, any>[]}} report what knip prints with --reporter json */
export function knipProblems({ issues }) {
  const problems = [];
  for (const issue of issues) {
    for (const { name } of issue.files ?? [])
      problems.push(`${name} is imported by nothing — remove it, or name it as an entry in tools/checks/knip.json.`);
    for (const [kind, remedy] of Object.entries(remedies)) {
      for (const found of issue[kind] ?? []) {
        const names = Array.isArray(found) ? found : [found];
        problems.push(`${issue.file}:${names[0].line ?? 1} ${names.map(({ name }) => name).join(" and ")} ${remedy}.`);
      }
    }
  }
  return problems;
}

/** @type {import("./workspace.mjs").Check} */
export const unusedExports = {
  name: "unused exports and files",
  async run() {
    if (!existsSync(join(root, program))) return { problems: ["knip is not installed — run npm ci."] };
    const wanted = ["--include", ["files", ...Object.keys(remedies)].join(",")];
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        join(root, program),
        "--config",
        "tools/checks/knip.json",
        "--no-progress",
        "--no-exit-code",
        "--no-config-hints",
        "--reporter",
        "json",
        ...wanted,
      ],
      { cwd: root, maxBuffer: 1 << 26 },
    );
    return { problems: knipProblems(JSON.parse(stdout)) };
  },
};
