// Runs every check of the workspace and says what broke and how to mend it. `node tools/checks/run.mjs [name part]…` runs the named ones.
// Each check is a file beside this one; none of them changes anything.
import { Worker } from "node:worker_threads";
import { architectureDocs } from "./architecture-docs.mjs";
import { browserBundles } from "./browser-bundles.mjs";
import { changesets } from "./changesets.mjs";
import { cliDocs } from "./cli-docs.mjs";
import { commitSubjects } from "./commit-subjects.mjs";
import { cycles } from "./cycles.mjs";
import { declaredUsed } from "./declared-used.mjs";
import { deployVersions } from "./deploy-versions.mjs";
import { docLinks } from "./doc-links.mjs";
import { fileShape } from "./file-shape.mjs";
import { folderSize } from "./folder-size.mjs";
import { functionLength } from "./function-length.mjs";
import { helperHooks } from "./helper-hooks.mjs";
import { moduleBoundaries } from "./module-boundaries.mjs";
import { nonNull } from "./non-null.mjs";
import { oneOfEach } from "./one-of-each.mjs";
import { optionsRead } from "./options-read.mjs";
import { packageExports } from "./package-exports.mjs";
import { plainText } from "./plain-text.mjs";
import { publicSurface } from "./public-surface.mjs";
import { reliabilityDocs } from "./reliability-docs.mjs";
import { testRatio } from "./test-ratio.mjs";
import { testSkips } from "./test-skips.mjs";
import { testTypes } from "./test-types.mjs";
import { unusedExports } from "./unused-exports.mjs";
import { wasmBudget } from "./wasm-budget.mjs";

/** @type {import("./workspace.mjs").Check[]} */
const checks = [
  moduleBoundaries,
  fileShape,
  plainText,
  docLinks,
  changesets,
  deployVersions,
  cliDocs,
  wasmBudget,
  browserBundles,
  testTypes,
  packageExports,
  cycles,
  architectureDocs,
  optionsRead,
  declaredUsed,
  functionLength,
  folderSize,
  testSkips,
  helperHooks,
  reliabilityDocs,
  nonNull,
  publicSurface,
  unusedExports,
  testRatio,
  oneOfEach,
  commitSubjects,
];

const wanted = process.argv.slice(2);
const chosen = wanted.length === 0 ? checks : checks.filter(({ name }) => wanted.some((part) => name.includes(part)));
if (chosen.length === 0) {
  console.error(`no check matches [${wanted.join(", ")}]; there are: ${checks.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
const besides = new Map(chosen.filter(({ module }) => module !== undefined).map((check) => [check, timed(() => beside(check))]));
let broken = 0;
for (const check of [...chosen.filter((check) => !besides.has(check)), ...besides.keys()]) {
  const { result, seconds } = await (besides.get(check) ?? timed(() => check.run()));
  const { problems, notes = [], skipped } = result;
  const state = problems.length > 0 ? "FAILED" : skipped !== undefined ? `skipped: ${skipped}` : "ok";
  console.log(`${check.name}: ${state} (${seconds} s)${notes.map((note) => `\n  ${note}`).join("")}`);
  for (const problem of problems) console.log(`  ✗ ${problem}`);
  broken += problems.length;
}
console.log(broken === 0 ? `${chosen.length} checks passed` : `${broken} problems`);
process.exitCode = broken === 0 ? 0 : 1;

/** A check in a thread of its own. */
function beside({ name, module }) {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL("./check-thread.mjs", import.meta.url), { workerData: { name, module } });
    thread.once("message", resolve).once("error", reject);
  });
}

async function timed(run) {
  const started = performance.now();
  const result = await run();
  return { result, seconds: ((performance.now() - started) / 1000).toFixed(1) };
}
