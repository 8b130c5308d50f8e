// The reference kernels: every numeric step of BioVLM's inference in plain loops, float64 inside, rounded once at the end.
// Documentation first, oracle of the tests second, and the floor where WASM SIMD does not run. Nothing here is tuned.

import type { Core } from "./core.js";
import { f32, i32, u8 } from "./elements.js";
import { guardedCore } from "./guarded-core.js";
import type { RgbImage } from "./image.js";
import type { Kernels, RoutingArrays, ScoreShape } from "./kernels.js";
import { PRECISION_BITS, type ResamplePlan } from "./resample-plan.js";

/** The Core contract answered by plain loops. */
export function createReferenceCore(detail = "the reference was asked for"): Core {
  return guardedCore({ build: "reference", kernels: "reference", deterministic: false, detail }, referenceKernels);
}

/** Every kernel as a plain loop in float64, rounded once: what the fast ones are measured against. Shapes as in `Kernels`. */
export const referenceKernels: Kernels = {
  resample,
  resampleThroughTable,
  l2Normalize,
  gemm,
  softmax: (x, rows, C, out) => eachRow(x, rows, C, (at, { max, sum }) => fill(out, at, C, (i) => Math.exp(f32(x, i) - max) / sum)),
  logSoftmax: (x, rows, C, out) => eachRow(x, rows, C, (at, { max, rest }) => fill(out, at, C, (i) => f32(x, i) - max - Math.log1p(rest))),
  entropy: (x, rows, C, out) =>
    eachRow(x, rows, C, (at, stats) => {
      out[at / C] = rowEntropy(x, at, C, stats);
    }),
  select,
  route,
};

/** Two passes of 22-bit fixed-point sums; the horizontal result is rounded to 8 bits before the vertical pass, as Pillow does. */
function resample(image: RgbImage, plan: ResamplePlan, out: Uint8Array): void {
  const { size: S, horizontal: h, vertical: v } = plan;
  const half = 1 << (PRECISION_BITS - 1);
  const top = i32(v.first, 0);
  const rows = i32(v.first, S - 1) + i32(v.count, S - 1) - top;
  const between = new Uint8ClampedArray(rows * S * 3);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < S; x++) {
      for (let c = 0; c < 3; c++) {
        let sum = half;
        for (let j = 0; j < i32(h.count, x); j++) {
          sum += u8(image.data, ((top + y) * image.width + i32(h.first, x) + j) * 3 + c) * i32(h.weights, x * h.taps + j);
        }
        between[(y * S + x) * 3 + c] = sum >> PRECISION_BITS;
      }
    }
  }
  const clamped = new Uint8ClampedArray(out.buffer, out.byteOffset, out.length);
  for (let y = 0; y < S; y++) {
    for (let i = 0; i < S * 3; i++) {
      let sum = half;
      for (let j = 0; j < i32(v.count, y); j++)
        sum += u8(between, (i32(v.first, y) - top + j) * S * 3 + i) * i32(v.weights, y * v.taps + j);
      clamped[y * S * 3 + i] = sum >> PRECISION_BITS;
    }
  }
}

function resampleThroughTable(image: RgbImage, plan: ResamplePlan, table: Float32Array, out: Float32Array, offset: number): void {
  const plane = plan.size * plan.size;
  const bytes = new Uint8Array(plane * 3);
  resample(image, plan, bytes);
  for (let i = 0; i < plane; i++) for (let c = 0; c < 3; c++) out[offset + c * plane + i] = f32(table, c * 256 + u8(bytes, i * 3 + c));
}

function l2Normalize(x: Float32Array, rows: number, D: number, out: Float32Array): number {
  for (let r = 0; r < rows; r++) {
    let squared = 0;
    for (let i = r * D; i < (r + 1) * D; i++) squared += f32(x, i) * f32(x, i);
    if (!(squared > 0 && squared < Infinity)) return r;
    fill(out, r * D, D, (i) => f32(x, i) / Math.sqrt(squared));
  }
  return -1;
}

function gemm(a: Float32Array, b: Float32Array, scale: number, M: number, R: number, D: number, out: Float32Array): boolean {
  let finite = true;
  for (let m = 0; m < M; m++) {
    for (let r = 0; r < R; r++) {
      let sum = 0;
      for (let d = 0; d < D; d++) sum += f32(a, m * D + d) * f32(b, r * D + d);
      out[m * R + r] = scale * sum;
      finite &&= Number.isFinite(out[m * R + r]);
    }
  }
  return finite;
}

function select(out: RoutingArrays, B: number, N: number, C: number, K: number): boolean {
  const { logits, entropy, kept, mean, probabilities } = out;
  if (!referenceKernels.entropy(logits, B * N, C, entropy)) return false;
  for (let b = 0; b < B; b++) {
    const H = entropy.subarray(b * N, b * N + N);
    // Array.sort is stable: equal entropies stay in index order.
    const order = Array.from(H, (_, n) => n).sort((i, j) => f32(H, i) - f32(H, j));
    const best = order.slice(0, K);
    kept.set(best, b * K);
    for (let c = 0; c < C; c++) {
      let sum = 0;
      for (const n of best) sum += f32(logits, (b * N + n) * C + c);
      mean[b * C + c] = sum / K;
    }
  }
  return referenceKernels.softmax(mean, B, C, probabilities);
}

function route(f: Float32Array, t: Float32Array, scale: number, { B, N, C, D }: ScoreShape, K: number, out: RoutingArrays): boolean {
  return gemm(f, t, scale, B, N * C, D, out.logits) && select(out, B, N, C, K);
}

interface RowStats {
  readonly max: number;
  /** Σ exp(x − max), and the same without the first maximum, so that log1p(rest) keeps what 1 + rest would round away */
  readonly sum: number;
  readonly rest: number;
}

/** Visits each row with its stats; false as soon as a row holds NaN or an infinity. */
function eachRow(x: Float32Array, rows: number, C: number, visit: (at: number, stats: RowStats) => void): boolean {
  for (let at = 0; at < rows * C; at += C) {
    let top = at;
    for (let i = at; i < at + C; i++) {
      if (!Number.isFinite(x[i])) return false;
      if (f32(x, i) > f32(x, top)) top = i;
    }
    let rest = 0;
    for (let i = at; i < at + C; i++) if (i !== top) rest += Math.exp(f32(x, i) - f32(x, top));
    visit(at, { max: f32(x, top), sum: 1 + rest, rest });
  }
  return true;
}

/** H = log Σe^d − Σ d·e^d / Σe^d with d = x − max ≤ 0: both terms are ≥ 0, so nothing cancels. */
function rowEntropy(x: Float32Array, at: number, C: number, { max, sum, rest }: RowStats): number {
  let weighted = 0;
  for (let i = at; i < at + C; i++) weighted += (max - f32(x, i)) * Math.exp(f32(x, i) - max);
  return Math.log1p(rest) + weighted / sum;
}

function fill(out: Float32Array, at: number, length: number, value: (i: number) => number): void {
  for (let i = at; i < at + length; i++) out[i] = value(i);
}
