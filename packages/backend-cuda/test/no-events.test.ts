// The runtime library reports usage to its maker unless told not to. Loaded by this package it must leave no identifier behind and call nobody;
// the same library loaded bare shows that the test would notice.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { afterAll, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "biovlm-events-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Files that a process leaves in its home after it has loaded the library and tried to open a model. */
function leftBy(name: string, load: string): string[] {
  const home = join(folder, name);
  const source = `${load}; await ort.InferenceSession.create(new Uint8Array([1, 2, 3])).catch(() => {}); console.log("loaded");`;
  const out = execFileSync(process.execPath, ["--input-type=module", "-"], {
    cwd: join(import.meta.dirname, ".."),
    input: source,
    // no CI variables: the library holds back where it sees them
    env: { PATH: process.env["PATH"], HOME: home },
    encoding: "utf8",
    timeout: 60_000,
  });
  expect(out).toContain("loaded");
  return readdirSync(folder).includes(name) ? readdirSync(home, { recursive: true, encoding: "utf8" }) : [];
}

it("loads the library with its usage events off: no identifier, no store of events", () => {
  const bundled = buildSync({
    entryPoints: [join(import.meta.dirname, "../src/runtime-library.ts")],
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    conditions: ["@biovlm/source"],
    external: ["onnxruntime-node"],
  }).outputFiles[0]!.text;
  expect(leftBy("ours", `${bundled.replace(/^export \{[\s\S]*?\};/m, "")}\nconst ort = await runtimeLibrary("cpu")`)).toEqual([]);
  if (process.platform !== "linux") return;
  expect(leftBy("bare", 'const ort = await import("onnxruntime-node")').join("\n")).toMatch(/deviceid/);
});
