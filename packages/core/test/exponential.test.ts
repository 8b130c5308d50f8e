import { describe, expect, it } from "vitest";
import { compileAssembly } from "../scripts/compile-assembly.mjs";

// The two approximations alone, compiled with this entry: out[i] = f(x[i]) over n floats at `at`, in place.
const entry = `
import { exp4, log1p4 } from "./exponential";
export function exps(at: usize, n: i32): void { for (let i = 0; i < n; i += 4, at += 16) v128.store(at, exp4(v128.load(at))); }
export function logs(at: usize, n: i32): void { for (let i = 0; i < n; i += 4, at += 16) v128.store(at, log1p4(v128.load(at))); }
`;
const binary = await compileAssembly("simd", { entry: "entry.ts", extra: { "entry.ts": entry } });
const wasm = new WebAssembly.Instance(new WebAssembly.Module(binary)).exports as unknown as {
  memory: WebAssembly.Memory;
  exps(at: number, n: number): void;
  logs(at: number, n: number): void;
};
const AT = 4096;
const N = 1 << 20;
wasm.memory.grow(Math.ceil((N * 4 + AT) / 65536));

/** The largest relative error of f over the grid, and where. */
function worst(f: "exps" | "logs", grid: Float32Array, exact: (x: number) => number): { error: number; at: number } {
  const view = new Float32Array(wasm.memory.buffer, AT, grid.length);
  view.set(grid);
  wasm[f](AT, grid.length);
  let found = { error: 0, at: Number.NaN };
  for (let i = 0; i < grid.length; i++) {
    const want = exact(grid[i]!);
    const error = want === 0 ? Math.abs(view[i]!) : Math.abs(view[i]! / want - 1);
    if (!(error <= found.error)) found = { error, at: grid[i]! };
  }
  return found;
}

const grid = (value: (share: number) => number) => Float32Array.from({ length: N }, (_, i) => value(i / (N - 1)));

describe("the errors stated in assembly/exponential.ts", () => {
  it("exp: relative error ≤ 1.2e-7 on [−87.33, 0] and on the small arguments near 0", () => {
    expect(
      worst(
        "exps",
        grid((s) => -87.33 * s),
        Math.exp,
      ).error,
    ).toBeLessThanOrEqual(1.2e-7);
    expect(
      worst(
        "exps",
        grid((s) => -(2 ** (-40 * s))),
        Math.exp,
      ).error,
    ).toBeLessThanOrEqual(1.2e-7);
  });
  it("exp: 1 at 0 and at −0, and 0 from −87.34 down", () => {
    expect(worst("exps", Float32Array.of(0, -0, 0, -0), Math.exp).error).toBe(0);
    expect(
      worst(
        "exps",
        grid((s) => -87.34 - 1e30 * s ** 8),
        () => 0,
      ).error,
    ).toBe(0);
  });
  it("log1p: relative error ≤ 2.5e-7 from the smallest float32 to 1e30", () => {
    expect(
      worst(
        "logs",
        grid((s) => 2 ** (-149 + 249 * s)),
        Math.log1p,
      ).error,
    ).toBeLessThanOrEqual(2.5e-7);
    expect(
      worst(
        "logs",
        grid((s) => 64 * s),
        Math.log1p,
      ).error,
    ).toBeLessThanOrEqual(2.5e-7);
    expect(worst("logs", Float32Array.of(0, 0, 0, 0), Math.log1p).error).toBe(0);
  });
});
