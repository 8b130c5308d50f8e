// docs/reliability.md claims nothing that is not there: each test it names exists and holds a test whose title carries the row's number,
// and a cell is short enough to be read in the table.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { headOf } from "./function-length.mjs";
import { nodesOf, treeOf } from "./syntax.mjs";
import { root } from "./workspace.mjs";

const document = "docs/reliability.md";

/** Characters allowed in one cell of a table. */
export const mostCharacters = 200;

/** @returns {{numbers: string[], tests: string[], cells: string[], line: number}[]} the rows of the tables, tests as written */
export function rowsOf(text) {
  const rows = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (!/^\s*\|/.test(line) || /^[\s|:-]+$/.test(line)) continue;
    const cells = line
      .trim()
      .replace(/^\||\|$/g, "")
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim());
    const numbers = cells[0].match(/\bR\d+\b/g) ?? [];
    const tests = cells.flatMap((cell) =>
      [...cell.matchAll(/`([^`\s]*(?:\.test\.ts|\/test(?:\/[^`\s]*)?|\/src\/testing))`/g)].map(([, path]) => path),
    );
    rows.push({ numbers, tests, cells, line: index + 1 });
  }
  return rows;
}

/** Titles of the tests and suites of a file. */
export function titlesOf(path, text) {
  const titles = [];
  for (const node of nodesOf(treeOf(path, text))) {
    if (!ts.isCallExpression(node) || !/^(test|it|describe)$/.test(headOf(node))) continue;
    const [first] = node.arguments;
    if (first !== undefined && ts.isStringLiteralLike(first)) titles.push(first.text);
    else if (first !== undefined && ts.isTemplateExpression(first)) titles.push(first.getText());
  }
  return titles;
}

/** Files of tests that a path means: itself, or those below it. A bare name stands beside the path before it in its row. */
function testFiles(path, before) {
  const full = path.includes("/") || before === undefined ? path : join(/\.ts$/.test(before) ? dirname(before) : before, path);
  if (!existsSync(join(root, full))) return { full, files: undefined };
  if (!statSync(join(root, full)).isDirectory()) return { full, files: [full] };
  const names = readdirSync(join(root, full), { recursive: true, encoding: "utf8" });
  return { full, files: names.filter((name) => name.endsWith(".ts")).map((name) => join(full, name)) };
}

/**
 * @param {string} text the document
 * @param {(path: string, before?: string) => {full: string, files?: string[]}} find
 * @param {(path: string) => string[]} titles titles of a test file
 */
export function reliabilityProblems(text, find, titles) {
  const problems = [];
  for (const { numbers, tests, cells, line } of rowsOf(text)) {
    for (const cell of cells)
      if (cell.length > mostCharacters)
        problems.push(
          `${document}:${line} has a cell of ${cell.length} characters; ${mostCharacters} are allowed — keep the figure, move its story to docs/measurements.`,
        );
    if (numbers.length > 0 && tests.length === 0)
      problems.push(`${document}:${line} names no test for ${numbers.join(", ")} — name it, or list the threat as open.`);
    const carried = new Set();
    let before;
    for (const test of tests) {
      const { full, files } = find(test, before);
      before = full;
      if (files === undefined) {
        problems.push(`${document}:${line} names ${full}, which is not there — correct the path.`);
        continue;
      }
      const found = files.flatMap(titles);
      const here = numbers.filter((number) => found.some((title) => new RegExp(`\\b${number}\\b`).test(title)));
      for (const number of here) carried.add(number);
      if (numbers.length > 0 && here.length === 0)
        problems.push(
          `${document}:${line} names ${full}, where no title carries ${numbers.join(" or ")} — begin the test's title with "${numbers[0]}: ", or name the right file.`,
        );
    }
    for (const number of numbers)
      if (tests.length > 0 && !carried.has(number))
        problems.push(`${document}:${line} has no test whose title carries ${number} — begin it with "${number}: ".`);
  }
  return problems;
}

/** @type {import("./workspace.mjs").Check} */
export const reliabilityDocs = {
  name: "docs/reliability.md",
  async run() {
    const text = readFileSync(join(root, document), "utf8");
    const known = new Map();
    const titles = (path) => {
      if (!known.has(path)) known.set(path, titlesOf(path, readFileSync(join(root, path), "utf8")));
      return known.get(path);
    };
    const rows = rowsOf(text).filter(({ numbers }) => numbers.length > 0);
    return {
      problems: reliabilityProblems(text, testFiles, titles),
      notes: [`${rows.length} rows, ${rows.flatMap(({ tests }) => tests).length} tests named`],
    };
  },
};
