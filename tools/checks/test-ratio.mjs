// Tests weigh at least four tenths of the sources in every package, in lines: test/**/*.ts and src/testing over the rest of src.

import { sourcesMatching } from "./syntax.mjs";
import { packages } from "./workspace.mjs";

/** Lines of tests for one line of source, at least. */
export const least = 0.4;

const lines = (text) => text.split("\n").length - (text.endsWith("\n") ? 1 : 0);

/** @param {{path: string, text: string}[]} files of one package @returns {{tests: number, sources: number, ratio: number}} */
export function ratioOf(files) {
  const counts = { tests: 0, sources: 0 };
  for (const { path, text } of files) counts[/^packages\/[^/]+\/(test|src\/testing)\//.test(path) ? "tests" : "sources"] += lines(text);
  return { ...counts, ratio: counts.sources === 0 ? Number.POSITIVE_INFINITY : counts.tests / counts.sources };
}

/** @type {import("./workspace.mjs").Check} */
export const testRatio = {
  name: "tests for sources",
  async run() {
    const all = packages().map(({ folder }) => ({
      folder,
      ...ratioOf(sourcesMatching(new RegExp(`^packages/${folder}/(src|test)/.*\\.tsx?$`))),
    }));
    return {
      problems: all
        .filter(({ ratio }) => ratio < least)
        .map(
          ({ folder, tests, sources, ratio }) =>
            `packages/${folder} has ${tests} lines of tests for ${sources} of source (${ratio.toFixed(2)}); at least ${least} is wanted — test what stands untested.`,
        ),
      notes: [all.map(({ folder, ratio }) => `${folder} ${ratio.toFixed(2)}`).join(", ")],
    };
  },
};
