// A backend written by CONTRIBUTING.md alone: its code blocks, as they stand, in a folder outside this repository. It compiles under the strict
// options of our own packages, keeps every promise of the suite, and one row makes it a device of the engine.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { encoderPromises } from "@biovlm/model/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../../..");
const outside = mkdtempSync(join(tmpdir(), "biovlm-added-"));
const folder = join(outside, "loops-backend");
const table = "packages/engine/src/open/backends.ts";
/** "```ts PATH" … "```" → PATH → text */
const blocks = new Map(
  [...readFileSync(join(root, "CONTRIBUTING.md"), "utf8").matchAll(/^```ts (\S+)\n([\s\S]*?)^```$/gm)].map(([, path, text]) => [
    path,
    text,
  ]),
);
const block = (path: string): string => blocks.get(path) ?? "";

beforeAll(() => {
  mkdirSync(folder);
  // what `npm install` would put there
  symlinkSync(join(root, "node_modules"), join(outside, "node_modules"));
  for (const [path, text] of blocks) if (path?.startsWith("loops-backend/")) writeFileSync(join(outside, path), text ?? "");
  const { compilerOptions } = JSON.parse(readFileSync(join(root, "tsconfig.base.json"), "utf8")) as { compilerOptions: object };
  const options = { ...compilerOptions, composite: false, noEmit: true, customConditions: ["@biovlm/source"], types: ["node"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files: ["loops.ts", "loops.test.ts"] }));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "loops-backend", type: "module", exports: "./loops.ts" }));
  writeFileSync(
    join(folder, "vitest.config.mjs"),
    `export default { resolve: { conditions: ["@biovlm/source"], preserveSymlinks: false }, ssr: { resolve: { conditions: ["@biovlm/source", "node", "import", "module", "default"] } }, server: { fs: { strict: false } }, test: { include: ["loops.test.ts"], pool: "forks", maxWorkers: 1 } };\n`,
  );
});
afterAll(() => rmSync(outside, { recursive: true, force: true }));

describe("a backend added by the book", () => {
  it("is one folder and one row", () => {
    expect([...blocks.keys()].map((path) => dirname(path ?? "")).filter((path) => path === "loops-backend")).toHaveLength(2);
    expect(block(table).trim().split("\n")).toHaveLength(1);
  });

  it("compiles under our own strict options", { timeout: 120_000 }, () => {
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    expect(execFileSync(process.execPath, [compiler, "-p", folder], { encoding: "utf8" })).toBe("");
  });

  it("keeps every promise of the suite", { timeout: 120_000 }, () => {
    const runner = join(root, "node_modules/vitest/vitest.mjs");
    const { VITEST: _v, VITEST_WORKER_ID: _w, VITEST_POOL_ID: _p, ...env } = process.env;
    const said = execFileSync(process.execPath, [runner, "run", "--root", folder, "--reporter", "json"], { encoding: "utf8", env });
    const { numPassedTests, numFailedTests } = JSON.parse(said.slice(said.indexOf("{"))) as {
      numPassedTests: number;
      numFailedTests: number;
    };
    expect(numFailedTests).toBe(0);
    expect(numPassedTests).toBe(encoderPromises.length);
  });

  it("is a device of the engine by its row alone", async () => {
    const source = readFileSync(join(root, table), "utf8");
    const end = source.indexOf("\n];", source.indexOf("const BACKENDS"));
    expect(end).toBeGreaterThan(0);
    const row = block(table).replace('"loops-backend"', JSON.stringify(join(folder, "loops.ts")));
    const path = join(outside, "backends.ts");
    writeFileSync(path, `${source.slice(0, end)}\n${row}${source.slice(end)}`);
    const { DEVICES, backendsFor } = (await import(/* @vite-ignore */ path)) as typeof import("../src/open/backends.js");
    expect(DEVICES).toContain("loops");
    const [backend] = await backendsFor("loops");
    expect(await backend?.probe()).toMatchObject({ available: true });
  });
});
