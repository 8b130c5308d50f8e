// A test that cannot run says so by skipping: a `return` before the first expectation would count as passed. Looked for in the callbacks of
// test() and it(), and in describe(), where a return drops the tests below it.
import ts from "typescript";
import { headOf } from "./function-length.mjs";
import { lineOf, nodesOf, sourcesMatching, treeOf } from "./syntax.mjs";

const outside = (node) => !ts.isFunctionLike(node) && !ts.isClassLike(node);
const callee = (node) => (ts.isCallExpression(node) ? node.expression.getText() : "");

/** True for a call that skips, such as ctx.skip("no card here"). */
const skips = (node) => ts.isCallExpression(node) && /(^|\.)skip$/.test(callee(node));

/** True for what judges: expect(…), assert(…), and a function of the suite whose name says so. */
const judges = (node) => ts.isCallExpression(node) && /^(expect|assert|verify|check)/i.test(callee(node));

/** Whether a return skips or judges by itself: `return ctx.skip("…")`, `return expect.unreachable()`, or a skip in the same block before it. */
function saysSkip(statement) {
  const { expression } = statement;
  if (expression !== undefined && (judges(expression) || [expression, ...nodesOf(expression)].some(skips))) return true;
  const block = ts.isBlock(statement.parent) ? statement.parent : undefined;
  return block !== undefined && [...nodesOf(block, outside)].some((node) => skips(node) && node.end <= statement.pos + 1);
}

/** @returns {{line: number, what: string}[]} returns that stand where a skip should */
export function silentReturns(path, text) {
  const tree = treeOf(path, text);
  const found = [];
  for (const call of nodesOf(tree)) {
    if (!ts.isCallExpression(call)) continue;
    const head = headOf(call);
    if (!/^(test|it|describe)$/.test(head)) continue;
    const callback = call.arguments.find((argument) => ts.isArrowFunction(argument) || ts.isFunctionExpression(argument));
    if (callback === undefined || !ts.isBlock(callback.body)) continue;
    const inside = [...nodesOf(callback.body, outside)];
    const first = inside.find((node) => judges(node))?.pos ?? Number.POSITIVE_INFINITY;
    const last = callback.body.statements.at(-1);
    for (const node of inside) {
      if (!ts.isReturnStatement(node) || saysSkip(node)) continue;
      const logs = node.expression !== undefined && /^console\.log/.test(node.expression.getText());
      if (node === last && !logs) continue; // hands the last promise on
      if (head !== "describe" && node.pos > first && !logs) continue;
      found.push({ line: lineOf(tree, node.getStart(tree)), what: head === "describe" ? "drops the tests below it" : "counts as passed" });
    }
  }
  return found;
}

/** @type {import("./workspace.mjs").Check} */
export const testSkips = {
  name: "skips in tests",
  async run() {
    const sources = sourcesMatching(/^(packages\/[^/]+\/(test|src\/testing)|tools\/.*test)\/.*\.ts$/);
    const problems = sources.flatMap(({ path, text }) =>
      silentReturns(path, text).map(({ line, what }) => `${path}:${line} returns, which ${what} — use ctx.skip("reason") or test.skipIf.`),
    );
    return { problems, notes: [`${sources.length} files`] };
  },
};
