// Test files of one process, run by vitest itself: what a file may leave behind, and what its helpers have of each file's own.

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, it } from "vitest";

const root = join(import.meta.dirname, "../../..");
const place = mkdtempSync(join(tmpdir(), "biovlm-shared-process-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));
symlinkSync(join(root, "node_modules"), join(place, "node_modules"), "junction");

/** Runs test files, by their names, in one process; the results by name: "passed", or what each that failed said. */
async function outcome(files: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(place, "run-"));
  mkdirSync(join(folder, "test"));
  const kit = (name: string) => join(root, "tools/testkit/src", name);
  for (const [name, text] of Object.entries(files))
    writeFileSync(
      join(folder, "test", `${name}.ts`),
      `import { afterAll, expect, it, vi } from "vitest";\nimport { eachFile } from ${JSON.stringify(kit("each-file.ts"))};\n${text}\n`,
    );
  const config = {
    root: folder,
    test: {
      include: ["test/*.test.ts"],
      pool: "forks",
      maxWorkers: 1,
      isolate: false,
      setupFiles: [kit("shared-process.ts"), kit("around-files.ts")],
      sequence: { shuffle: false },
    },
  };
  writeFileSync(join(folder, "vitest.config.mjs"), `export default ${JSON.stringify(config)};`);
  const results = join(folder, "results.json");
  const words = [join(root, "node_modules/vitest/vitest.mjs"), "run", "--root", folder, "--reporter=json", `--outputFile=${results}`];
  const { VITEST: _, ...env } = process.env;
  await new Promise<void>((done) => execFile(process.execPath, words, { cwd: folder, env }, () => done()));
  const { default: report } = (await import(pathToFileURL(results).href, { with: { type: "json" } })) as {
    default: { testResults: { name: string; status: string; message: string; assertionResults: { failureMessages: string[] }[] }[] };
  };
  return Object.fromEntries(
    report.testResults.map(({ name, status, message, assertionResults }) => [
      name.replace(/^.*\/(.*)\.test\.ts$/, "$1"),
      status === "passed" ? status : [message, ...assertionResults.flatMap(({ failureMessages }) => failureMessages)].join("\n"),
    ]),
  );
}

it("fails a file that leaves the process otherwise than it found it, and no file beside it", async () => {
  const results = await outcome({
    "variable.test": `it("sets", () => { process.env["BIOVLM_LEFT"] = "secret"; });`,
    "removed.test": `it("removes", () => { delete process.env["PATH"]; });`,
    "stubbed.test": `it("stubs", () => { vi.stubGlobal("fetch", () => 1); });`,
    "added.test": `it("adds", () => { (globalThis as { left?: number }).left = 1; });`,
    "folder.test": `it("goes", () => { process.chdir(".."); });`,
    "listener.test": `it("listens", () => { process.on("SIGHUP", () => {}); });`,
    "clock.test": `it("stops the clock", () => { vi.useFakeTimers(); });`,
    "mocking.test": `vi.mock("node:os"); it("mocks", () => {});`,
    "later.test": `it("mocks later", () => { vi.doMock("node:os"); });`,
    "tidy.test": `afterAll(() => { vi.unstubAllEnvs(); vi.unstubAllGlobals(); });
      it("puts back", () => { vi.stubEnv("BIOVLM_PUT_BACK", "1"); vi.stubGlobal("structuredClone", () => 1); process.once("SIGUSR2", tidied); process.off("SIGUSR2", tidied); });
      function tidied() {}`,
    "plain.test": `it("does nothing", () => {});`,
  });
  expect(results).toEqual({
    variable: expect.stringContaining("variable BIOVLM_LEFT was added"),
    removed: expect.stringContaining("variable PATH was removed"),
    stubbed: expect.stringContaining("global fetch was changed"),
    added: expect.stringContaining("global left was added"),
    folder: expect.stringContaining("the working folder is"),
    listener: expect.stringContaining("listeners of the process for SIGHUP was added"),
    clock: expect.stringContaining("the clock is a made-up one"),
    mocking: expect.stringContaining('vi.mock("node:os") — expected no mocked module'),
    later: expect.stringContaining('vi.doMock("node:os") — expected no mocked module'),
    tidy: "passed",
    plain: "passed",
  });
  expect(JSON.stringify(results)).not.toContain("secret");
}, 120_000);

it("ends what a file has for itself also where all of its tests are skipped", async () => {
  const keeps = `eachFile(import.meta.dirname + "/elsewhere", () => {
    process.env["BIOVLM_KEPT"] = "1";
    return () => delete process.env["BIOVLM_KEPT"];
  });`;
  expect(
    await outcome({
      "a.test": `${keeps} it.skip("is not asked", () => {});`,
      "b.test": `it("finds nothing of it", () => expect(process.env["BIOVLM_KEPT"]).toBeUndefined());`,
    }),
  ).toEqual({ a: "passed", b: "passed" });
});

it("begins what a helper has of each file's own before every file, and ends it after", async () => {
  const uses = `import { own } from "./helper.js";
    it("has its own", () => { expect(own).toEqual({ file: expect.getState().testPath, ended: false }); });`;
  const results = await outcome({
    helper: `export let own = { file: "", ended: true };
      eachFile(import.meta.dirname, () => {
        const before = own;
        if (!before.ended) throw new Error("the file before was not ended");
        own = { file: expect.getState().testPath!, ended: false };
        return () => { own.ended = true; };
      });`,
    "first.test": uses,
    "second.test": uses,
    "third.test": uses,
  });
  expect(results).toEqual({ first: "passed", second: "passed", third: "passed" });
}, 120_000);
