import { cases } from "@biovlm/testkit";
import { describe, expect, it, vi } from "vitest";
import { referenceKernels as reference } from "../src/reference.js";
import { centreCropPlan } from "../src/resample-plan.js";
import { bitEqualityPromises, describeKernels } from "../src/testing/index.js";
import { excess, U } from "../src/testing/kernel-cases.js";
import { seeded } from "../src/testing/seeded.js";
import { wasmKernels } from "../src/wasm-kernels.js";
import { builds, moduleOf } from "./builds.js";

// The full counts take minutes.
vi.setConfig({ testTimeout: 900_000 });

/** A fortieth by default; the relaxed build differs by one instruction only and gets a hundredth. All 100 000 of each under soak. */
const COUNTS = { simd: cases(100_000, 40), "relaxed-simd": cases(100_000, 100) };

describeKernels("the reference, held to itself", { kernels: reference, cases: cases(1000) }, { describe, it });

for (const build of builds) {
  const kernels = wasmKernels(moduleOf(build), 32);
  const fault = () => (kernels.arena.intact() ? undefined : "a canary was overwritten");
  describeKernels(`the ${build} build`, { kernels, cases: COUNTS[build], fault }, { describe, it });
}

describe("the suite itself", () => {
  const plain = wasmKernels(moduleOf("simd"));
  const subject = (changed: object) => ({ kernels: { ...plain, ...changed }, cases: 400 });
  const failures = (changed: object, promises = bitEqualityPromises(plain)) =>
    promises.filter((promise) => {
      try {
        promise.run(subject(changed));
        return false;
      } catch {
        return true;
      }
    });
  it("finds no difference between two instances of one build", () => {
    expect(failures({})).toEqual([]);
  });
  it("finds a result that is one bit off", () => {
    const softmax: typeof plain.softmax = (x, rows, C, out) => {
      const ok = plain.softmax(x, rows, C, out);
      out[rows * C - 1] = Math.fround((out[rows * C - 1] ?? 0) * (1 + 2 ** -23));
      return ok;
    };
    expect(failures({ softmax }).map((promise) => promise.needs)).toEqual([["softmax"]]);
  });
  it("finds kernels that accept what they must refuse", () => {
    const gemm: typeof plain.gemm = (...call) => plain.gemm(...call) || true;
    expect(failures({ gemm }).map((promise) => promise.needs)).toEqual([["gemm"]]);
  });
  it("says which kernel is missing", () => {
    for (const promise of bitEqualityPromises(plain, ["entropy"])) {
      expect(() => promise.run({ kernels: {}, cases: 1 })).toThrow(/kernel entropy — expected it/);
    }
  });
});

describe.each(builds)("memory of the %s build", (build) => {
  it("R27: stays small whatever the call, and views survive its growth", () => {
    const fresh = wasmKernels(moduleOf(build));
    const random = seeded(9);
    const start = fresh.arena.byteLength;
    for (const [M, R, D] of [
      [3, 5, 7],
      [5000, 110, 512],
      [2, 3, 4],
      [300, 2000, 64],
      [1, 1, 1],
    ] as const) {
      const a = Float32Array.from({ length: M * D }, () => random.next() - 0.5);
      const b = Float32Array.from({ length: R * D }, () => random.next() - 0.5);
      const got = new Float32Array(M * R);
      fresh.gemm(a, b, 1, M, R, D, got);
      const last = new Float32Array(R);
      reference.gemm(a.subarray((M - 1) * D), b, 1, 1, R, D, last);
      expect(excess(got.subarray((M - 1) * R), last, () => D * U * 4)).toBeLessThanOrEqual(1);
    }
    expect(fresh.arena.byteLength).toBeGreaterThan(start);
    const settled = fresh.arena.byteLength;
    expect(settled).toBeLessThan(4 * 2 ** 20);
    const x = new Float32Array(110 * 512).fill(0.1);
    const out = new Float32Array(110 * 110);
    for (let i = 0; i < cases(2000); i++) fresh.gemm(x, x, 1, 110, 110, 512, out);
    const image = { data: new Uint8Array(2000 * 1500 * 3), width: 2000, height: 1500 };
    fresh.resample(image, centreCropPlan(2000, 1500, 224), new Uint8Array(224 * 224 * 3));
    expect(fresh.arena.byteLength).toBeLessThanOrEqual(Math.max(settled, 4 * 2 ** 20));
  });
});
