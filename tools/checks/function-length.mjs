// No function, method or arrow of more than 80 lines, from its first line to its last; what a test hands to describe() or test() is a list
// of tests and left out.
import ts from "typescript";
import { lineOf, nodesOf, sourcesMatching, treeOf } from "./syntax.mjs";

/** Lines allowed for one function. */
export const mostLines = 80;

const suites = /^(describe|test|it|suite|bench|beforeAll|beforeEach|afterAll|afterEach)$/;

/** The name at the head of a call such as describe(…), test.each(…)(…), it.skipIf(…)(…). */
export function headOf(call) {
  let head = call.expression;
  while (ts.isCallExpression(head) || ts.isPropertyAccessExpression(head) || ts.isTaggedTemplateExpression(head))
    head = ts.isTaggedTemplateExpression(head) ? head.tag : head.expression;
  return ts.isIdentifier(head) ? head.text : "";
}

/** True for a function handed to describe(), test(), it() and their like. */
export function isTestCallback(node) {
  return ts.isCallExpression(node.parent) && node.parent.arguments.includes(node) && suites.test(headOf(node.parent));
}

function nameOf(node) {
  const named = node.name ?? (ts.isVariableDeclaration(node.parent) || ts.isPropertyAssignment(node.parent) ? node.parent.name : undefined);
  if (named !== undefined) return named.getText();
  if (ts.isCallExpression(node.parent)) return `a function given to ${node.parent.expression.getText().split("\n")[0].slice(0, 40)}()`;
  return ts.isConstructorDeclaration(node) ? "constructor" : "a function";
}

/** @returns {{path: string, line: number, name: string, lines: number}[]} functions longer than allowed */
export function longFunctions(path, text, most = mostLines) {
  const tree = treeOf(path, text);
  const found = [];
  for (const node of nodesOf(tree)) {
    if (!ts.isFunctionLike(node) || node.body === undefined || isTestCallback(node)) continue;
    const [first, last] = [lineOf(tree, node.getStart(tree)), lineOf(tree, node.end)];
    if (last - first + 1 > most) found.push({ path, line: first, name: nameOf(node), lines: last - first + 1 });
  }
  return found;
}

/** @type {import("./workspace.mjs").Check} */
export const functionLength = {
  name: "function length",
  async run() {
    const sources = sourcesMatching(/^(packages\/[^/]+\/(src|scripts|bench)|tools)\/.*\.(ts|mts|mjs)$/);
    const long = sources.flatMap(({ path, text }) => longFunctions(path, text)).sort((a, b) => b.lines - a.lines);
    return {
      problems: long.map(
        ({ path, line, name, lines }) =>
          `${path}:${line} ${name} has ${lines} lines; ${mostLines} are allowed — name its steps and call them.`,
      ),
      notes: [`${sources.length} files, ${long.length} functions over ${mostLines} lines`],
    };
  },
};
