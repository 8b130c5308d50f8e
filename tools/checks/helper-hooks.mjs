// A helper of tests is evaluated once in a process, which several test files share: a hook at its head is the first file's alone, and what it puts into
// the environment nobody takes out again. What each file has for itself it makes with `eachFile` of the testkit.
import ts from "typescript";
import { lineOf, nodesOf, sourcesMatching, treeOf } from "./syntax.mjs";

/** Set up before every file: their hooks are every file's. */
const SET_UP = /^tools\/testkit\/src\/(around-files|equal-bytes|shared-process)\.ts$/;
const HOOK = /^(before|after)(All|Each)$|^vi\.(mock|doMock|stubEnv|stubGlobal|useFakeTimers)$|^process\.(on|once|addListener|chdir)$/;
const outside = (node) => !ts.isFunctionLike(node) && !ts.isClassLike(node);

/** Whether a node writes to process.env: assigns, deletes, or hands it to Object.assign first. */
function writesEnvironment(node) {
  const { SyntaxKind: kind } = ts;
  const environment = (target) => /^process\.env\b/.test(target.getText());
  if (ts.isBinaryExpression(node))
    return node.operatorToken.kind >= kind.FirstAssignment && node.operatorToken.kind <= kind.LastAssignment && environment(node.left);
  if (ts.isDeleteExpression(node)) return environment(node.expression);
  return ts.isCallExpression(node) && node.expression.getText() === "Object.assign" && environment(node.arguments[0] ?? node);
}

/** @returns {{line: number, what: string}[]} what a helper does where it is evaluated, for the first file of a process alone */
export function hooksAtHead(path, text) {
  const tree = treeOf(path, text);
  return [...nodesOf(tree, outside)].flatMap((node) => {
    const called = ts.isCallExpression(node) ? node.expression.getText() : "";
    const what = HOOK.test(called) ? `${called}(…)` : writesEnvironment(node) ? "a change of process.env" : undefined;
    return what === undefined ? [] : [{ line: lineOf(tree, node.getStart(tree)), what }];
  });
}

/** @type {import("./workspace.mjs").Check} */
export const helperHooks = {
  name: "hooks of test helpers",
  async run() {
    const helpers = sourcesMatching(/^((packages|tools)\/[^/]+\/test\/.*|tools\/testkit\/src\/.*)\.ts$/).filter(
      ({ path }) => !/\.test\.ts$/.test(path) && !SET_UP.test(path),
    );
    const problems = helpers.flatMap(({ path, text }) =>
      hooksAtHead(path, text).map(
        ({ line, what }) =>
          `${path}:${line} ${what} at the head of a helper is for the first test file of a process alone — use eachFile of @biovlm/testkit.`,
      ),
    );
    return { problems, notes: [`${helpers.length} helpers`] };
  },
};
