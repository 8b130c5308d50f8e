// Every dependency that a package declares is imported by its sources: what nobody imports is downloaded by every user for nothing. The
// other way round, that what is imported is declared, is looked after by module-boundaries.mjs.
import ts from "typescript";
import { nodesOf, sourcesMatching, specifiersOf, treeOf } from "./syntax.mjs";
import { packageOf, packages } from "./workspace.mjs";

/** "package > dependency" → why it is declared though no source names it in an import. @type {Record<string, string>} */
export const reasons = {
  "demo > axe-core": "its tests hold every view to axe's rules",
  "jobs > ioredis": "bullmq's client, which it looks for beside itself",
  "cli > @biovlm/backend-cuda": "doctor reads the version of its runtime, by name",
  "cli > @biovlm/backend-web": "doctor reads the version of its runtime, by name",
};

/** Libraries that a source names: imports, and paths looked up by `resolve("library/…")`. */
export function librariesOf(path, text) {
  const tree = treeOf(path, text);
  const found = new Set(specifiersOf(tree).map(({ specifier }) => packageOf(specifier)));
  for (const node of nodesOf(tree)) {
    if (!ts.isCallExpression(node) || !/(^|\.)(resolve|require)$/.test(node.expression.getText(tree))) continue;
    const [first] = node.arguments;
    if (first !== undefined && ts.isStringLiteralLike(first)) found.add(packageOf(first.text));
  }
  return found;
}

/**
 * @param {{folder: string, manifest: Record<string, any>}} entry
 * @param {ReadonlySet<string>} used libraries its sources name
 */
export function unusedProblems({ folder, manifest }, used, known = reasons) {
  const declared = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies });
  const problems = declared
    .filter((library) => !used.has(library) && known[`${folder} > ${library}`] === undefined)
    .map(
      (library) =>
        `packages/${folder}/package.json declares ${library}, which no source imports — remove it, or say why in tools/checks/declared-used.mjs.`,
    );
  for (const key of Object.keys(known)) {
    const [owner, library] = key.split(" > ");
    if (owner === folder && (used.has(library) || !declared.includes(library)))
      problems.push(`tools/checks/declared-used.mjs excuses ${key}, which needs no excuse — remove the line.`);
  }
  return problems;
}

/** @type {import("./workspace.mjs").Check} */
export const declaredUsed = {
  name: "declared and used dependencies",
  async run() {
    const problems = [];
    let count = 0;
    for (const entry of packages()) {
      const used = new Set();
      for (const { path, text } of sourcesMatching(new RegExp(`^packages/${entry.folder}/(src/.*\\.ts|vite\\.config\\.ts)$`)))
        for (const library of librariesOf(path, text)) used.add(library);
      // the page bundles what it uses, so that its libraries are development ones
      const manifest =
        entry.folder === "demo" ? { dependencies: { ...entry.manifest.dependencies, ...entry.manifest.devDependencies } } : entry.manifest;
      problems.push(...unusedProblems({ folder: entry.folder, manifest }, used));
      count += Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies }).length;
    }
    return { problems, notes: [`${count} dependencies`] };
  },
};
