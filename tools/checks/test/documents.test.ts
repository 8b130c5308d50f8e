// What the documents claim and what the checks of them find: tests by their numbers, names of the house, subjects of commits, knip's words.
import { describe, expect, it } from "vitest";
import { architectureProblems, housePaths } from "../architecture-docs.mjs";
import { subjectProblems } from "../commit-subjects.mjs";
import { reliabilityProblems, titlesOf } from "../reliability-docs.mjs";
import { knipProblems } from "../unused-exports.mjs";

describe("a row of the threats", () => {
  const titles: Record<string, string[]> = {
    "packages/a/test/x.test.ts": ["R3: bombs are refused"],
    "packages/a/test/y.test.ts": ["nothing"],
  };
  const find = (path: string, before?: string) => {
    const full = path.includes("/") || before === undefined ? path : before.replace(/[^/]+$/, path);
    return { full, ...(titles[full] === undefined ? {} : { files: [full] }) };
  };
  const check = (row: string) =>
    reliabilityProblems(`| # | threat | test | figure |\n|---|---|---|---|\n${row}\n`, find, (path: string) => titles[path] ?? []);

  it("whose test carries its number passes", () => {
    expect(check("| R3 | bombs | `packages/a/test/x.test.ts` | 22 of 22 |")).toEqual([]);
  });

  it("with a test that is absent, that lacks the number, or with none at all is found", () => {
    expect(check("| R3 | bombs | `packages/a/test/none.test.ts` | 1 |").join()).toContain("not there");
    expect(check("| R3 | bombs | `packages/a/test/x.test.ts`, `y.test.ts` | 1 |")).toMatchObject([
      expect.stringContaining("y.test.ts, where no title carries R3"),
    ]);
    expect(check("| R3, R33 | bombs | `packages/a/test/x.test.ts` | 1 |")).toMatchObject([expect.stringContaining("carries R33")]);
    expect(check("| R3 | bombs | by hand | 1 |")).toMatchObject([expect.stringContaining("names no test")]);
  });

  it("with a cell of more than 200 characters is found", () => {
    expect(check(`| R3 | bombs | \`packages/a/test/x.test.ts\` | ${"x".repeat(201)} |`)).toMatchObject([
      expect.stringContaining("201 characters"),
    ]);
  });

  it("titles are those of tests and suites, plain, tagged with each, or with parts put in", () => {
    const part = "$".concat("{d}");
    const text = `describe("a", () => { it.each([1])("b %s", f); test.skipIf(x)(\`c ${part}\`, f); other("e"); });`;
    expect(titlesOf("t.ts", text)).toEqual(["a", "b %s", `\`c ${part}\``]);
  });
});

describe("the house", () => {
  const house = "```\npackages/\n  core/    kernels of floats\n           and more words\n  cli/  server/  thin\ntools/     checks\n```\n";
  const world = (paths: string[]) => ({
    exists: (path: string) => paths.includes(path),
    entries: new Set(["@b/model/testing"]),
    words: new Set(["encodeImages"]),
  });

  it("shows folders in folders", () => {
    expect(housePaths(house)).toEqual(["packages/", "packages/core/", "packages/cli/", "packages/server/", "tools/"]);
  });

  it("that names only what there is passes, and a folder, path, package or name that is not there is found", () => {
    const all = world(["packages/", "packages/core/", "packages/cli/", "packages/server/", "tools/", "packages/core/src/x.ts"]);
    expect(architectureProblems(`${house}\`core/x.ts\` \`@b/model/testing\` \`encodeImages(p) → [B,D]\``, all)).toEqual([]);
    expect(architectureProblems(house, world(["packages/", "tools/"]))).toHaveLength(3);
    expect(architectureProblems("`core/y.ts` `@b/none` `useKernels()`", all)).toHaveLength(3);
  });
});

it("a subject of 72 characters passes, one of 73 does not; letters are counted, not bytes", () => {
  expect(subjectProblems(`abc ${"é".repeat(72)}\n`)).toEqual([]);
  expect(subjectProblems(`abc ${"x".repeat(73)}\ndef short\n`)).toMatchObject([expect.stringContaining("commit abc")]);
});

it("knip's report becomes a line for each file, name and pair", () => {
  const report = {
    issues: [
      {
        file: "a.ts",
        files: [{ name: "a.ts" }],
        exports: [{ name: "x", line: 3 }],
        duplicates: [
          [
            { name: "y", line: 4 },
            { name: "z", line: 4 },
          ],
        ],
      },
      { file: "b.ts", files: [], exports: [], types: [] },
    ],
  };
  expect(knipProblems(report)).toEqual([
    expect.stringMatching(/^a\.ts is imported by nothing/),
    expect.stringMatching(/^a\.ts:3 x is exported/),
    expect.stringMatching(/^a\.ts:4 y and z is exported twice/),
  ]);
});
