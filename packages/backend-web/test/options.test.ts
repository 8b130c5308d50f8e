// Options, threads, precision and the one library of this package.

import { readFileSync } from "node:fs";
import { EncoderError } from "@biovlm/model";
import { describe, expect, it } from "vitest";
import { availableThreads, backends, preferredPrecision, RUNTIME_LIBRARY, wasmBackend, webgpuBackend } from "../src/index.js";

describe("options", () => {
  it("refuses unknown names and values out of range", () => {
    for (const options of [{ thread: 1 }, { threads: 0 }, { maxBatch: 2.5 }, { maxBatch: "8" }]) {
      expect(() => wasmBackend(options as never), JSON.stringify(options)).toThrow(EncoderError);
      expect(() => wasmBackend(options as never)).toThrow(/^option .+ — expected .+, got .+\./);
    }
  });
});

describe("availableThreads", () => {
  const isolated = { crossOriginIsolated: true, SharedArrayBuffer: {}, navigator: { hardwareConcurrency: 4 } };

  it("takes the machine's cores, at most eight, at least one", () => {
    expect(availableThreads(isolated)).toEqual({ threads: 4 });
    expect(availableThreads({ ...isolated, navigator: { hardwareConcurrency: 64 } })).toEqual({ threads: 8 });
    expect(availableThreads({ SharedArrayBuffer: {} })).toEqual({ threads: 1 });
  });

  it("says why there is only one", () => {
    expect(availableThreads({ ...isolated, crossOriginIsolated: false })).toMatchObject({
      threads: 1,
      reason: expect.stringMatching(/COOP .* COEP/),
    });
    expect(availableThreads({ navigator: { hardwareConcurrency: 4 } })).toMatchObject({
      threads: 1,
      reason: expect.stringMatching(/SharedArrayBuffer/),
    });
  });
});

describe("this package", () => {
  it("offers wasm alone in Node, and webgpu refuses there with a reason", async () => {
    expect(backends().map((b) => b.device)).toEqual(["wasm"]);
    const probe = await webgpuBackend().probe();
    expect(probe).toMatchObject({ available: false, reason: expect.stringMatching(/WebGPU/) });
  });

  it("prefers 8 bits on wasm, and float16 only where the adapter has it", () => {
    const adapter = { available: true, software: false, detail: "a card" } as const;
    expect(preferredPrecision("wasm")).toBe("int8");
    expect(preferredPrecision("webgpu", { ...adapter, float16: true })).toBe("fp16");
    expect(preferredPrecision("webgpu", { ...adapter, float16: false })).toBe("fp32");
    expect(preferredPrecision("webgpu", { available: false, reason: "none" })).toBe("fp32");
    expect(preferredPrecision("webgpu")).toBe("fp32");
  });

  it("names its library and version as package.json does", () => {
    const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    expect(manifest.dependencies[RUNTIME_LIBRARY.name]).toBe(RUNTIME_LIBRARY.version);
  });
});
