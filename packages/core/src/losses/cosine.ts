// 1 − mean cosine between two [N,C,D] blocks over a chosen axis: forward and backward on the first.
// "embedding" gives N·C cosines over D; "class" gives N·D cosines over C, as the released code does.

import { checkLength } from "../shape-checks.js";

/** What the cosine loss compares: embeddings (over D, for each class) or classes (over C, for each embedding axis, as released). */
export type CosineAxis = "embedding" | "class";

/** Norms² are clamped to EPSILON², as torch.nn.functional.cosine_similarity(eps=1e-7) does. */
const EPSILON = 1e-7;

/** t, g [N,C,D] → 1 − mean cos(t, g). */
export function cosineForward(t: Float32Array, g: Float32Array, axis: CosineAxis, N: number, C: number, D: number): number {
  checkLength("cosine t", t.length, [N, C, D]);
  checkLength("cosine g", g.length, [N, C, D]);
  let sum = 0;
  const count = eachLine(axis, N, C, D, (from, stride, length) => {
    const { tt, gg, tg } = dots(t, g, from, stride, length);
    sum += tg / Math.sqrt(tt * gg);
  });
  return 1 - sum / count;
}

/** Adds weight · ∂loss/∂t to dT [N,C,D]: −(g/√(tt·gg) − cos·t/tt) / count. */
export function cosineBackward(
  t: Float32Array,
  g: Float32Array,
  axis: CosineAxis,
  weight: number,
  dT: Float64Array,
  N: number,
  C: number,
  D: number,
): void {
  const count = axis === "embedding" ? N * C : N * D;
  eachLine(axis, N, C, D, (from, stride, length) => {
    const { tt, gg, tg, clamped } = dots(t, g, from, stride, length);
    const norm = Math.sqrt(tt * gg);
    const pull = clamped ? 0 : tg / norm / tt;
    for (let i = 0, at = from; i < length; i++, at += stride) dT[at]! -= (weight / count) * (g[at]! / norm - pull * t[at]!);
  });
}

function eachLine(
  axis: CosineAxis,
  N: number,
  C: number,
  D: number,
  visit: (from: number, stride: number, length: number) => void,
): number {
  if (axis === "embedding") {
    for (let r = 0; r < N * C; r++) visit(r * D, 1, D);
    return N * C;
  }
  for (let n = 0; n < N; n++) for (let d = 0; d < D; d++) visit(n * C * D + d, D, C);
  return N * D;
}

function dots(t: Float32Array, g: Float32Array, from: number, stride: number, length: number) {
  let tt = 0;
  let gg = 0;
  let tg = 0;
  for (let i = 0, at = from; i < length; i++, at += stride) {
    const a = t[at]!;
    const b = g[at]!;
    tt += a * a;
    gg += b * b;
    tg += a * b;
  }
  const floor = EPSILON * EPSILON;
  return { tt: Math.max(tt, floor), gg: Math.max(gg, floor), tg, clamped: tt < floor };
}
