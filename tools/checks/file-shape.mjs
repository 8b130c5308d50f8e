// Size and name of every file written by hand: contract and kernel files stay ≤ 300 lines, others ≤ 400; no drawer names; a source file
// opens with lines that say what it is.
import { basename, extname } from "node:path";
import { projectFiles, read } from "./workspace.mjs";

const drawer = /^(utils?|helpers?|common|misc)$/;
const code = new Set([".ts", ".tsx", ".mts", ".mjs", ".js", ".rs", ".py", ".css"]);

/** Lines allowed, by the first pattern that matches. */
const budgets = [
  [/^packages\/model\/src\/encoder\.ts$/, 150, "the contract"],
  [/^packages\/training\/src\/train\.ts$/, 200, "the loop in plain sight"],
  [/^packages\/core\/(src|assembly)\//, 300, "a kernel file"],
  [/^packages\/core-native\/src\//, 300, "a kernel file"],
  [/^packages\/model\/src\/(encoder-graphs|classifier)\.ts$/, 300, "a contract file"],
  [/./, 400, "a file"],
];

const opensWithComment = /^(#![^\n]*\n)?\s*(\/\/|\/\*|#|"""|<!--)/;

export function fileProblems(path, text) {
  const problems = [];
  const stem = basename(path, extname(path));
  for (const part of path.split("/").slice(0, -1).concat(stem)) {
    if (drawer.test(part)) problems.push(`${path}: "${part}" says nothing — name the file by what flows through it.`);
  }
  if (!code.has(extname(path)) || /(^|\/)generated\/|\.generated\.ts$/.test(path)) return problems;
  const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
  const [, most, kind] = budgets.find(([pattern]) => pattern.test(path));
  if (lines > most) problems.push(`${path} has ${lines} lines; ${kind} may have ${most} — split it by what it does.`);
  if (/^packages\/[^/]+\/(src|assembly)\//.test(path)) {
    const name = basename(path).replace(/\.(ts|tsx|mts)$/, "");
    if (!/^[a-z0-9]+([-.][a-z0-9]+)*$/.test(name)) problems.push(`${path} is not kebab-case — rename it.`);
    if (basename(path) !== "index.ts" && !opensWithComment.test(text))
      problems.push(`${path} does not say what it is — open it with 2–6 comment lines.`);
  }
  return problems;
}

/** @type {import("./workspace.mjs").Check} */
export const fileShape = {
  name: "file length and names",
  async run() {
    const files = projectFiles().filter((path) => !/^tools\/(oracle|goldens)\//.test(path));
    const problems = files.flatMap((path) => fileProblems(path, code.has(extname(path)) ? read(path) : ""));
    return { problems, notes: [`${files.filter((path) => code.has(extname(path))).length} files`] };
  },
};
