// What a package shows: how many names at its main entry, and a docstring for each name of every entry. A name that is shown must be kept, so that fewer are better.
import { join } from "node:path";
import ts from "typescript";
import { sourceProgram } from "./syntax.mjs";
import { packages, root } from "./workspace.mjs";

/** Names allowed at the entry "." of a package; the others are counted only. */
export const mostNames = { model: 45, training: 20 };

/** @returns {{name: string, documented: boolean}[]} what a file exports, values and types, by name */
export function exportedNames(program, file) {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const module = source === undefined ? undefined : checker.getSymbolAtLocation(source);
  if (module === undefined) return [];
  return checker
    .getExportsOfModule(module)
    .map((symbol) => {
      const real = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      const documented = real.getDocumentationComment(checker).length > 0 || real.getJsDocTags(checker).length > 0;
      return { name: symbol.name, documented };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function surfaceProblems(folder, names, most = mostNames[folder]) {
  const problems = names
    .filter(({ documented }) => !documented)
    .map(({ name }) => `packages/${folder} exports ${name} without a docstring — say what it is, with shapes, units and errors.`);
  if (most !== undefined && names.length > most)
    problems.push(
      `packages/${folder} exports ${names.length} names; ${most} are allowed — move what few need to another entry, or stop exporting it.`,
    );
  return problems;
}

/** @type {import("./workspace.mjs").Check} */
export const publicSurface = {
  name: "public surface",
  async run() {
    const problems = [];
    const notes = [];
    const said = new Set();
    for (const { folder, manifest } of packages()) {
      for (const [entry, targets] of Object.entries(manifest.exports ?? {})) {
        const file = targets?.["@biovlm/source"];
        if (typeof file !== "string" || !/\.tsx?$/.test(file)) continue;
        const names = exportedNames(sourceProgram(), join(root, "packages", folder, file));
        const where = entry === "." ? folder : `${folder}${entry.slice(1)}`;
        // a name that two entries show is said once
        const fresh = names.filter(({ name, documented: has }) => has || !said.has(`${folder} ${name}`));
        for (const { name } of names) said.add(`${folder} ${name}`);
        problems.push(...surfaceProblems(where, fresh, entry === "." ? mostNames[folder] : undefined));
        if (entry === ".") notes.push(`${folder} ${names.length}`);
      }
    }
    return { problems, notes: [notes.join(", ")] };
  },
};
