// Files that are replaced: by another file, by the swap of a link as mounted secrets are, torn, touched, gone and back.

import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { watchFiles } from "../src/node/index.js";

const folder = mkdtempSync(join(tmpdir(), "biovlm-watch-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

it("says once that a file's content is another, and nothing of one that was only touched", async () => {
  writeFileSync(at("one"), "a");
  writeFileSync(at("two"), "b");
  const watch = await watchFiles([at("one"), at("two")]);
  expect(await watch.changed()).toBe(false);
  utimesSync(at("one"), 1, 1);
  expect(await watch.changed()).toBe(false);
  writeFileSync(at("new"), "a2");
  renameSync(at("new"), at("one"));
  writeFileSync(at("two"), "b2");
  expect([await watch.changed(), await watch.changed()]).toEqual([true, false]);
  rmSync(at("two"));
  expect([await watch.changed(), await watch.changed()]).toEqual([true, false]);
  writeFileSync(at("two"), "b2");
  expect([await watch.changed(), await watch.changed()]).toEqual([true, false]);
});

it("sees through the links by which a mounted secret is swapped", async () => {
  for (const [version, content] of [
    ["v1", "old"],
    ["v2", "new"],
  ] as const) {
    mkdirSync(at(version));
    writeFileSync(join(at(version), "keys.json"), content);
    // the two are alike in size and time
    utimesSync(join(at(version), "keys.json"), 1000, 1000);
  }
  symlinkSync("v1", at("..data"));
  symlinkSync("..data/keys.json", at("keys.json"));
  const watch = await watchFiles([at("keys.json")]);
  symlinkSync("v2", at("..next"));
  renameSync(at("..next"), at("..data"));
  expect([await watch.changed(), await watch.changed()]).toEqual([true, false]);
});

it("waits for a file that is not there yet", async () => {
  const watch = await watchFiles([at("later")]);
  expect(await watch.changed()).toBe(false);
  writeFileSync(at("later"), "x");
  expect(await watch.changed()).toBe(true);
});
