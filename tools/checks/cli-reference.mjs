// Writes docs/cli.md from the command objects of packages/cli; with --check it only says whether the page is what they give now.
// Needs `npm run build` first.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const page = fileURLToPath(new URL("../../docs/cli.md", import.meta.url));
const dist = (name) => new URL(`../../packages/cli/dist/${name}.js`, import.meta.url).href;
const [{ referencePage }, { COMMANDS, GROUPS }] = [await import(dist("reference")), await import(dist("command-table"))];
const wanted = referencePage(COMMANDS, GROUPS);
if (!process.argv.includes("--check")) writeFileSync(page, wanted);
else if (readFileSync(page, "utf8") !== wanted) {
  console.error("docs/cli.md is not what the commands give now");
  process.exitCode = 1;
}
