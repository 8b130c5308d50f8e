// docs/architecture.md names only what exists: folders of the house, files, packages and identifiers in backticks.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sourcesMatching } from "./syntax.mjs";
import { packages, root } from "./workspace.mjs";

const document = "docs/architecture.md";

/** Paths of the house: fenced blocks that begin with "packages/" or hold it; a name ending in "/" at the head of a line lies in the one above it. */
export function housePaths(text) {
  const found = [];
  for (const [, block] of text.matchAll(/^```[a-z]*\n([\s\S]*?)^```/gm)) {
    let above = [];
    for (const line of block.split("\n")) {
      const head = /^(\s*)((?:[\w.-]+\/?\s+)*[\w.-]+\/?)(?=\s{2,}|\s*$)/.exec(line);
      if (head === null) continue;
      const [, indent, names] = head;
      const words = names.trim().split(/\s+/);
      if (indent.length > 8 || (!words[0].endsWith("/") && !/^[\w.-]+\.\w+$/.test(words[0]))) continue;
      above = above.filter(({ depth }) => depth < indent.length);
      const parent = above.map(({ name }) => name).join("");
      for (const word of words.filter((word) => /\/$|\.\w+$/.test(word) || word.startsWith("."))) found.push(parent + word);
      if (words.length === 1 && words[0].endsWith("/")) above.push({ depth: indent.length, name: words[0] });
    }
  }
  return found;
}

/** What stands in single backticks outside fenced blocks. */
export const backticked = (text) => [...text.replace(/^```[\s\S]*?^```/gm, "").matchAll(/`([^`\n]+)`/g)].map(([, word]) => word);

/** Words of style that name no thing of the sources, with what they stand for. */
const style = new Map([
  ["utils", "a name that no file may have"],
  ["sideEffects: false", "a field of every manifest"],
  ["xForward", "the pattern of a kernel's name"],
  ["xBackward", "the pattern of its gradient's name"],
]);

/** Where a path of the document may lie: as it is, below packages, below the src of the package it begins with, or in every package. */
export function placesOf(path) {
  const [first, ...rest] = path.split("/");
  return [path, `packages/${path}`, `packages/${first}/src/${rest.join("/")}`, ...(first === "src" ? [`packages/model/${path}`] : [])];
}

/**
 * @param {string} text the document
 * @param {{exists: (path: string) => boolean, entries: ReadonlySet<string>, words: ReadonlySet<string>}} world entries such as
 * "@biovlm/model/testing", words that the sources hold
 */
export function architectureProblems(text, { exists, entries, words }) {
  const problems = [];
  for (const path of housePaths(text))
    if (!exists(path)) problems.push(`${document} shows ${path} in the house, which is not there — correct the house.`);
  for (const word of backticked(text)) {
    if (style.has(word)) continue;
    if (word.startsWith("@")) {
      if (!entries.has(word)) problems.push(`${document} names ${word}, which no package exports — correct the name.`);
    } else if (/^[\w.@/-]+$/.test(word) && (word.includes("/") || /\.(ts|mts|mjs|md|json)$/.test(word))) {
      if (word.startsWith("./")) {
        if (![...entries].some((entry) => entry.endsWith(word.slice(1))))
          problems.push(`${document} names the entry ${word}, which no package has — correct the name.`);
      } else if (!placesOf(word.replace(/\/$/, "")).some(exists))
        problems.push(`${document} names ${word}, which is not there — correct the path.`);
    } else {
      const identifier = /^[A-Za-z_][\w]*/.exec(word)?.[0];
      if (identifier !== undefined && !words.has(identifier) && !exists(`packages/${word}`))
        problems.push(`${document} names ${word}, which no source holds — correct the name.`);
    }
  }
  return problems;
}

/** @type {import("./workspace.mjs").Check} */
export const architectureDocs = {
  name: "docs/architecture.md",
  async run() {
    const text = readFileSync(join(root, document), "utf8");
    const all = packages();
    const entries = new Set(
      all.flatMap(({ name, manifest }) => [name, ...Object.keys(manifest.exports ?? {}).map((subpath) => name + subpath.slice(1))]),
    );
    const words = new Set(all.map(({ folder }) => folder));
    for (const { text: source } of sourcesMatching(/^packages\/[^/]+\/(src|assembly)\/.*\.ts$/))
      for (const [word] of source.matchAll(/[A-Za-z_]\w*/g)) words.add(word);
    const exists = (path) => existsSync(join(root, path));
    return {
      problems: architectureProblems(text, { exists, entries, words }),
      notes: [`${housePaths(text).length} paths of the house, ${backticked(text).length} names`],
    };
  },
};
