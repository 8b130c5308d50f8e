// Relative links of the Markdown files lead to files that exist, and `npm run NAME` in them names a script that exists.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { projectFiles, read, root } from "./workspace.mjs";

export function linkProblems(path, text, scripts) {
  const problems = [];
  const prose = text.replace(/^```[\s\S]*?^```/gm, (block) => (/npm run/.test(block) ? block : ""));
  for (const [, target] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^([a-z]+:|#)/.test(target)) continue;
    const file = join(root, dirname(path), decodeURIComponent(target.split("#")[0]));
    if (!existsSync(file)) problems.push(`${path} links to ${target}, which is not there — correct the link.`);
  }
  for (const [, name] of text.matchAll(/npm run (?:-s )?([a-z][a-z0-9:-]*)(?![^\n`]*-w )/g)) {
    if (!(name in scripts)) problems.push(`${path} says "npm run ${name}", which package.json does not have — correct the name.`);
  }
  return problems;
}

/** @type {import("./workspace.mjs").Check} */
export const docLinks = {
  name: "links of the documents",
  async run() {
    const files = projectFiles().filter((path) => path.endsWith(".md"));
    const { scripts } = JSON.parse(read("package.json"));
    return { problems: files.flatMap((path) => linkProblems(path, read(path), scripts)), notes: [`${files.length} documents`] };
  },
};
