import { withinLimit } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { type Core, CoreError, createReferenceCore, keptCount, type PixelSpec } from "../src/index.js";
import { coreOf } from "./builds.js";

const cores: [string, Core][] = [["reference", createReferenceCore()], ...coreOf()];
const x = (n: number, value = 0.5) => new Float32Array(n).fill(value);
const spec: PixelSpec = { size: 8, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
const image = (width: number, height: number) => ({ width, height, data: new Uint8Array(width * height * 3).fill(77) });

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(CoreError);
    expect((error as CoreError).message).toMatch(/^(?!\[biovlm).+ — expected .+, got .+\. .+\.$/s);
    return (error as CoreError).code;
  }
  return "accepted";
}

describe("keptCount", () => {
  it("is max(1, ⌊ρN⌋), with products a hair below a whole number counted as that number", () => {
    expect([keptCount(0.5, 10), keptCount(0.29, 100), keptCount(0.7, 10), keptCount(0.57, 100)]).toEqual([5, 29, 7, 57]);
    expect([keptCount(0.5, 1), keptCount(0.01, 10), keptCount(1, 7), keptCount(0.5, 11), keptCount(0.999, 10)]).toEqual([1, 1, 7, 5, 9]);
    for (const rho of [0, -1, 1.01, Number.NaN, Infinity]) expect(codeOf(() => keptCount(rho, 10))).toBe("bad_option");
  });
});

describe.each(cores)("the contract on the %s build", (_, core) => {
  it("refuses arrays that do not have their shape, sizes that are not whole, and arrays of another kind", () => {
    expect(codeOf(() => core.softmax(x(5), 2, 3))).toBe("bad_shape");
    expect(codeOf(() => core.softmax(x(0), 0, 3))).toBe("bad_shape");
    expect(codeOf(() => core.logSoftmax(x(3), 1.5, 2))).toBe("bad_shape");
    expect(codeOf(() => core.entropy(x(3), -1, -3))).toBe("bad_shape");
    expect(codeOf(() => core.entropy(new Float64Array(3) as never, 1, 3))).toBe("bad_shape");
    expect(codeOf(() => core.entropy([1, 2, 3] as never, 1, 3))).toBe("bad_shape");
    expect(codeOf(() => core.gemm(x(6), x(6), { M: 2, R: 3, D: 3 }))).toBe("bad_shape");
    expect(codeOf(() => core.score(x(4), x(12), 1, { B: 1, N: 1, C: 2, D: 4 }))).toBe("bad_shape");
    expect(codeOf(() => core.route(x(4), x(8), 1, 0.5, { B: 2, N: 1, C: 2, D: 4 }))).toBe("bad_shape");
    expect(codeOf(() => core.select(x(4), 0.5, { B: 1, N: 2, C: 3 }))).toBe("bad_shape");
    expect(codeOf(() => core.l2Normalize(x(4), 2, 3))).toBe("bad_shape");
  });
  it("refuses NaN and infinities, naming array and place, and finite inputs whose product overflows", () => {
    const bad = x(12);
    bad[7] = Number.NaN;
    expect(codeOf(() => core.softmax(bad, 4, 3))).toBe("nan_input");
    expect(() => core.gemm(x(3), bad, { M: 1, R: 4, D: 3 })).toThrow(/b\[7\] — expected a finite number, got NaN/);
    expect(codeOf(() => core.l2Normalize(bad, 3, 4))).toBe("nan_input");
    expect(codeOf(() => core.score(x(2), x(2), Number.NaN, { B: 1, N: 1, C: 1, D: 2 }))).toBe("nan_input");
    expect(codeOf(() => core.gemm(x(2, 3e38), x(2, 3e38), { M: 1, R: 1, D: 2 }))).toBe("nan_input");
  });
  it("refuses a row of zeros, a share of prompts beyond 1 and pixel statistics that cannot be", () => {
    expect(codeOf(() => core.l2Normalize(x(4, 0), 2, 2))).toBe("zero_row");
    expect(codeOf(() => core.select(x(6), 1.5, { B: 1, N: 2, C: 3 }))).toBe("bad_option");
    expect(codeOf(() => core.preprocess(image(9, 9), { ...spec, std: [1, 0, 1] }))).toBe("bad_option");
    expect(codeOf(() => core.preprocess(image(9, 9), { ...spec, mean: [Number.NaN, 0, 0] }))).toBe("bad_option");
  });
  it("refuses pixels that do not fill their size, boxes beyond the image and absurd targets", () => {
    expect(codeOf(() => core.resizeCrop({ ...image(4, 4), width: 5 }, 8))).toBe("bad_shape");
    expect(codeOf(() => core.resizeCrop({ width: 1, height: 1, data: [1, 2, 3] as never }, 8))).toBe("bad_shape");
    for (const size of [0, -1, 1.5, 1e9, Number.NaN]) expect(codeOf(() => core.resizeCrop(image(4, 4), size))).toBe("bad_shape");
    for (const box of [
      { left: 3, top: 0, width: 2, height: 1 },
      { left: -1, top: 0, width: 2, height: 1 },
      { left: 0, top: 0, width: 0, height: 1 },
      { left: 0.5, top: 0, width: 1, height: 1 },
    ]) {
      expect(codeOf(() => core.resizeBox(image(4, 4), box, 8))).toBe("bad_shape");
    }
    expect(codeOf(() => core.preprocess(image(4, 4), spec, new Float32Array(191)))).toBe("bad_shape");
    expect(codeOf(() => core.preprocess(image(4, 4), spec, new Float32Array(192), 1))).toBe("bad_shape");
    expect(codeOf(() => core.normalize(new Uint8Array(10), spec))).toBe("bad_shape");
  });
  it("writes a batch's image at its offset and leaves its neighbours alone", () => {
    const out = new Float32Array(3 * 192).fill(9);
    expect(core.preprocess(image(5, 9), spec, out, 192)).toBe(out);
    expect(out.subarray(0, 192).every((v) => v === 9) && out.subarray(384).every((v) => v === 9)).toBe(true);
    expect(out.subarray(192, 384)).toEqual(core.preprocess(image(5, 9), spec));
  });
  it("leaves its inputs as they were, and gives fresh outputs", () => {
    const logits = Float32Array.from({ length: 12 }, (_, i) => Math.sin(i));
    const before = logits.slice();
    const a = core.select(logits, 0.5, { B: 2, N: 2, C: 3 });
    const b = core.select(logits, 0.5, { B: 2, N: 2, C: 3 });
    expect(logits).toEqual(before);
    expect(a).toEqual(b);
    a.logits.fill(0);
    expect(logits).toEqual(before);
    expect(b.logits).toEqual(before);
  });
  it("a sure row's entropy is tiny, positive and accurate; equal logits give log C", () => {
    const h = core.entropy(Float32Array.of(40, 0, 0, 0, 0, 0), 2, 3);
    expect(h[0]! / (82 * Math.exp(-40))).toBeCloseTo(1, 5);
    expect(h[1]).toBeCloseTo(Math.log(3), 6);
  });
  it("extreme shapes cost what their crop window costs", () => {
    const start = performance.now();
    for (const [w, h] of [
      [1, 60_000],
      [60_000, 1],
      [1, 1],
      [3, 20_000],
    ] as const) {
      expect(core.resizeCrop(image(w, h), 224).every((v) => v === 77)).toBe(true);
    }
    withinLimit("extreme shapes, ms", performance.now() - start, 3000);
  });
});
