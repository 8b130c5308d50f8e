// What the checks that read TypeScript share: each source parsed once, the nodes of a file, where an import leads. No check lives here.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { packages, projectFiles, root } from "./workspace.mjs";

const parsed = new Map();

/** The syntax tree of a text; kept by path, so that several checks of one run parse a file once. */
export function treeOf(path, text) {
  const before = parsed.get(path);
  if (before?.text === text) return before;
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, path.endsWith(".tsx") ? ts.ScriptKind.TSX : undefined);
  parsed.set(path, tree);
  return tree;
}

/** Every node below `node`, in the order of the text, without its words, brackets and comments; `enter` may return false to stay out of a node. */
export function nodesOf(node, enter = () => true) {
  const found = [];
  const take = (child) => {
    found.push(child);
    if (enter(child)) ts.forEachChild(child, take);
  };
  ts.forEachChild(node, take);
  return found;
}

/** Every node and token below `node`, in the order of the text. The compiler reads the text anew for them. */
export function* tokensOf(node) {
  for (const child of node.getChildren()) {
    yield child;
    yield* tokensOf(child);
  }
}

/** 1-based line of a position. */
export const lineOf = (tree, position) => tree.getLineAndCharacterOfPosition(position).line + 1;

/** Sources written by hand of every package and of tools, {path, text}, by a pattern on the path. */
export function sourcesMatching(pattern) {
  return projectFiles()
    .filter((path) => pattern.test(path) && !/(^|\/)generated\/|\.generated\.ts$|\.d\.ts$/.test(path))
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

/** Every module a tree names: import, export from, import type, import() of a value or of a type. */
export function specifiersOf(tree) {
  const found = [];
  for (const node of nodesOf(tree)) {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined)
      found.push({ specifier: node.moduleSpecifier.text, node });
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword && ts.isStringLiteralLike(node.arguments[0]))
      found.push({ specifier: node.arguments[0].text, node });
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) found.push({ specifier: node.argument.literal.text, node });
  }
  return found;
}

/**
 * Says which source an import means, among `known` paths: relative ones by the file, ours by the "@biovlm/source" of their exports.
 * @param {ReadonlySet<string>} known paths relative to the root
 * @returns {(from: string, specifier: string) => string | undefined} undefined for a library or a file outside `known`
 */
export function resolver(known, all = packages()) {
  const entries = new Map();
  for (const { folder, name, manifest } of all) {
    for (const [subpath, target] of Object.entries(manifest.exports ?? {})) {
      const source = typeof target === "string" ? undefined : target["@biovlm/source"];
      if (source !== undefined) entries.set(name + subpath.slice(1), `packages/${folder}/${source.replace(/^\.\//, "")}`);
    }
  }
  return (from, specifier) => {
    if (!specifier.startsWith(".")) return entries.get(specifier);
    const plain = join(dirname(from), specifier).replaceAll("\\", "/");
    return [plain, plain.replace(/\.(m?)js$/, ".$1ts"), `${plain}.ts`, `${plain}/index.ts`].find((path) => known.has(path));
  };
}

let program;

/** One program over the published packages' sources, for checks that need to know what a name means. Nothing is reported from it. */
export function sourceProgram() {
  if (program !== undefined) return program;
  const files = sourcesMatching(/^packages\/[^/]+\/src\/.*\.ts$/).map(({ path }) => join(root, path));
  const { config } = ts.readConfigFile(join(root, "tsconfig.base.json"), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  program = ts.createProgram(files, { ...options, composite: false, noEmit: true, customConditions: ["@biovlm/source"] });
  return program;
}

export const isFile = (path) => existsSync(join(root, path));
