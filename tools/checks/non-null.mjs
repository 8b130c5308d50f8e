// How often a source asserts with `!` that something is there: under 100 in all packages. Each one is a fault the compiler cannot see.
import ts from "typescript";
import { nodesOf, sourcesMatching, treeOf } from "./syntax.mjs";

/** Assertions allowed in all sources together. */
export const fewerThan = 100;

/** Number of `x!` in a text. */
export function nonNullCount(path, text) {
  let count = 0;
  for (const node of nodesOf(treeOf(path, text))) if (ts.isNonNullExpression(node)) count++;
  return count;
}

/** @type {import("./workspace.mjs").Check} */
export const nonNull = {
  name: "non-null assertions",
  async run() {
    const [byPackage, byFile] = [new Map(), []];
    for (const { path, text } of sourcesMatching(/^packages\/[^/]+\/src\/.*\.ts$/)) {
      const count = nonNullCount(path, text);
      if (count === 0) continue;
      const name = path.split("/")[1];
      byPackage.set(name, (byPackage.get(name) ?? 0) + count);
      byFile.push({ path, count });
    }
    const total = byFile.reduce((sum, { count }) => sum + count, 0);
    const most = byFile.sort((a, b) => b.count - a.count).slice(0, 10);
    return {
      problems:
        total < fewerThan
          ? []
          : [
              `${total} assertions with ! in packages/*/src; fewer than ${fewerThan} are allowed — iterate, destructure, or check. Most: ${most.map(({ path, count }) => `${path} ${count}`).join(", ")}.`,
            ],
      notes: [
        `${total}: ${[...byPackage]
          .sort((a, b) => b[1] - a[1])
          .map(([name, count]) => `${name} ${count}`)
          .join(", ")}`,
      ],
    };
  },
};
