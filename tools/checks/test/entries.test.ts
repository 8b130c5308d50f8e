// Entries of packages are loaded in a bare Node process: what does not load, or bears no company, is found and named.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, it } from "vitest";
import { loadProblems } from "../package-exports.mjs";

const folder = mkdtempSync(join(tmpdir(), "biovlm-entries-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const entries = (texts: Record<string, string>) =>
  Object.entries(texts).map(([specifier, text]) => {
    const file = join(folder, `${specifier}.mjs`);
    writeFileSync(file, text);
    return { specifier, address: pathToFileURL(file).href };
  });

it("entries that load are no problem", async () => {
  expect(await loadProblems(entries({ one: "export const a = 1;", two: 'import "node:fs";' }))).toEqual([]);
});

it("the entry that does not load is named, the one beside it is not", async () => {
  const problems = await loadProblems(entries({ sound: "export {};", broken: 'import "./no-such-file.mjs";' }));
  expect(problems).toEqual([expect.stringMatching(/^broken does not load in Node: .*no-such-file/)]);
});

it("entries that load one by one and not together are found", async () => {
  const once = 'if (globalThis.taken) throw new Error("taken"); globalThis.taken = true;';
  expect(await loadProblems(entries({ first: once, second: once }))).toEqual([expect.stringContaining("not all in one process")]);
});
