// Promises about products and rows: gemm, softmax, logSoftmax, entropy, l2Normalize against the reference's float64 loops.
// Each tolerance is what rounding alone may do; NaN and infinities must be refused where the reference refuses them.

import { f32 } from "../elements.js";
import { referenceKernels as reference } from "../reference.js";
import { excess, FLUSHED, floats, gap, poison, SIZES, TINY, U } from "./kernel-cases.js";
import { type KernelPromise, property, verdicts, within } from "./kernel-promise.js";

const gemm = property("gemm: within D roundings of the exact sum", ["gemm"], 1, (random, kernels) => {
  const [M, R, D] = [random.pick(SIZES), random.pick(SIZES), random.pick(SIZES)];
  const [a, b] = [floats(random, M * D), floats(random, R * D)];
  const scale = random.pick([1, 100, 0.37, -2]);
  const poisoned = poison(random, random.pick([a, b]));
  const [got, want] = [new Float32Array(M * R), new Float32Array(M * R)];
  const ok = kernels.gemm(a, b, scale, M, R, D, got);
  const fault = verdicts(ok, reference.gemm(a, b, scale, M, R, D, want), poisoned);
  if (fault || !ok) return fault;
  const allowed = (i: number) => {
    let sum = 0;
    for (let d = 0; d < D; d++) sum += Math.abs(f32(a, Math.floor(i / R) * D + d) * f32(b, (i % R) * D + d));
    return Math.abs(scale) * ((D + 2) * U * sum + (D + 2) * 2 ** -149) + 2 ** -149;
  };
  return within(`[${M},${D}]·[${R},${D}]ᵀ`, excess(got, want, allowed));
});

/** x [rows,C] through a row kernel with `width` results a row, judged by `tolerance(x, C, want)` → (i, wanted) → allowed. */
function rowPromise(
  title: string,
  kernel: "softmax" | "logSoftmax" | "entropy",
  seed: number,
  tolerance: (x: Float32Array, C: number, want: Float32Array) => (i: number, wanted: number) => number,
): KernelPromise {
  return property(`${kernel}: ${title}`, [kernel], seed, (random, kernels) => {
    const [rows, C] = [random.pick(SIZES), random.pick(SIZES)];
    const x = floats(random, rows * C, random.pick([5, 50, 1e4]));
    const poisoned = poison(random, x);
    const length = kernel === "entropy" ? rows : rows * C;
    const [got, want] = [new Float32Array(length), new Float32Array(length)];
    const ok = kernels[kernel](x, rows, C, got);
    const fault = verdicts(ok, reference[kernel](x, rows, C, want), poisoned);
    if (fault || !ok) return fault;
    if (kernel === "entropy" && got.some((h) => !(h >= 0))) return "a negative entropy";
    return within(`[${rows},${C}]`, excess(got, want, tolerance(x, C, want)));
  });
}

const softmax = rowPromise(
  "relative error within the rounding of x − max and of the sum",
  "softmax",
  2,
  (x, C) => (i, p) => (gap(x, C, i) + C + 8) * U * p + 2 * TINY,
);

const logSoftmax = rowPromise("within the rounding of x − max and of the sum", "logSoftmax", 3, (x, C, want) => {
  // −log p of the row's surest entry: its relative error holds however small it is.
  const surest = (i: number) => {
    const at = Math.floor(i / C) * C;
    return -Math.max(...want.subarray(at, at + C));
  };
  return (i, l) => 2 * U * Math.abs(l) + (C + 30) * U * Math.min(1, surest(i)) * 2 + gap(x, C, i) * U + (C + 1) * TINY;
});

const entropy = rowPromise(
  "relative error within (C + 20 + gap to the runner-up) roundings, never negative",
  "entropy",
  4,
  (x, C) => (r, h) => {
    const [first = 0, second = first] = [...x.subarray(r * C, r * C + C)].sort((p, q) => q - p);
    return (C + 20 + first - second) * U * h + FLUSHED * C;
  },
);

const l2Normalize = property(
  "l2Normalize: each number within one rounding; zero rows and numbers that are not finite are named",
  ["l2Normalize"],
  5,
  (random, kernels) => {
    const [rows, D] = [random.pick(SIZES), random.pick(SIZES)];
    const x = floats(random, rows * D, random.pick([1, 1e30]));
    poison(random, x);
    const [got, want] = [new Float32Array(rows * D), new Float32Array(rows * D)];
    const [bad, expected] = [kernels.l2Normalize(x, rows, D, got), reference.l2Normalize(x, rows, D, want)];
    if (bad !== expected) return `refused row ${bad}, the reference ${expected}`;
    if (bad >= 0) return undefined;
    return within(
      `[${rows},${D}]`,
      excess(got, want, (_, v) => 2 * U * Math.abs(v) + 2 ** -149),
    );
  },
);

export const scorePromises: readonly KernelPromise[] = [gemm, softmax, logSoftmax, entropy, l2Normalize];
