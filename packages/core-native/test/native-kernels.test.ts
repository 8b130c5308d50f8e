import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadCore } from "@biovlm/core";
import { bitEqualityPromises, describeKernels, wasmBuildKernels } from "@biovlm/core/testing";
import { cases, withoutProgram } from "@biovlm/testkit";
import { describe, expect, it, vi } from "vitest";
import { nativeKernels } from "../src/index.js";

// The full counts take minutes.
vi.setConfig({ testTimeout: 900_000 });

const { native } = nativeKernels();
const plain = await wasmBuildKernels("simd");
const absent = withoutProgram("native build") || native === undefined;

if (native !== undefined) {
  describeKernels(`native code, ${native.name}`, { kernels: native.kernels, cases: cases(100_000, 100) }, { describe, it });
  if (plain !== undefined) {
    const promises = bitEqualityPromises(plain, native.bitEqual);
    describeKernels("native code beside plain SIMD", { kernels: native.kernels, cases: cases(100_000, 100) }, { describe, it }, promises);
  }
}

describe("native kernels in a core", () => {
  it.skipIf(absent)("serve every kernel, also where deterministic is asked for (skipped: no native build)", async () => {
    for (const deterministic of [false, true]) {
      const { info } = await loadCore({ deterministic, kernels: "native", native });
      expect(info.kernels).toBe("native");
      expect(info.native?.serves).toEqual(native?.bitEqual);
    }
    expect((await loadCore({ deterministic: true, native })).info.deterministic).toBe(true);
  });
  it.skipIf(absent)("take results that go to their input (skipped: no native build)", () => {
    const x = Float32Array.of(3, 4, 6, 8);
    expect(native?.kernels.l2Normalize?.(x, 2, 2, x)).toBe(-1);
    expect(x).toEqual(Float32Array.of(0.6, 0.8, 0.6, 0.8));
  });
  it.skipIf(absent)("throw where an array is short, and go on serving (skipped: no native build)", () => {
    const kernels = native?.kernels;
    expect(() => kernels?.softmax?.(new Float32Array(3), 2, 2, new Float32Array(4))).toThrow(/expected \[2, 2\] numbers, got 3/);
    expect(() => kernels?.gemm?.(new Float32Array(4), new Float32Array(4), 1, 2, 2, 2, new Float32Array(3))).toThrow(/out \[M,R\]/);
    const axis = { size: 1, taps: 1, first: Int32Array.of(5), count: Int32Array.of(1), weights: Int32Array.of(1), copy: false };
    const image = { data: new Uint8Array(3), width: 1, height: 1 };
    expect(() => kernels?.resample?.(image, { size: 1, horizontal: axis, vertical: axis }, new Uint8Array(3))).toThrow(/fits the image/);
    expect(kernels?.softmax?.(new Float32Array(2), 1, 2, new Float32Array(2))).toBe(true);
  });
});

describe("where no native library serves", () => {
  it("none was built: a reason, and the core is WASM", async () => {
    const found = nativeKernels("/nowhere/biovlm-core.node", {});
    expect(found).toEqual({ reason: "no native build for this machine" });
    expect((await loadCore({ native: found.native })).info.kernels).toBe("wasm");
  });
  it("a file that is no library: a reason without its path", async () => {
    const folder = await mkdtemp(join(tmpdir(), "biovlm-native-"));
    const path = join(folder, "biovlm-core.node");
    await writeFile(path, "not a library");
    const found = nativeKernels(path, {});
    expect(found.native).toBeUndefined();
    expect(found.reason).toMatch(/^the native build does not load: /);
    expect(found.reason).not.toContain(folder);
    await rm(folder, { recursive: true });
  });
  it("switched off by the environment: a reason", () => {
    expect(nativeKernels(undefined, { BIOVLM_NATIVE: "off" })).toEqual({ reason: "BIOVLM_NATIVE=off" });
  });
});
