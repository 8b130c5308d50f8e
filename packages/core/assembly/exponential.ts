// exp and log1p of four float32 at once, from IEEE products and sums only: the same bits on every engine.
// Errors are measured over dense grids by test/exponential.test.ts, which fails when a figure below no longer holds.

/** ln 2 = LN2_HIGH + LN2_LOW; n·LN2_HIGH is exact for |n| < 2^9. */
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.12194440e-4;

// The constants of exp4, each in four lanes. Loaded, not splatted: V8 builds a splat anew in every turn of a loop, which cost a fifth.
const TABLE: usize = memory.data<f32>([
  1.44269504, 1.44269504, 1.44269504, 1.44269504,
  12582912, 12582912, 12582912, 12582912,
  0.693359375, 0.693359375, 0.693359375, 0.693359375,
  -2.12194440e-4, -2.12194440e-4, -2.12194440e-4, -2.12194440e-4,
  1.9875691500e-4, 1.9875691500e-4, 1.9875691500e-4, 1.9875691500e-4,
  1.3981999507e-3, 1.3981999507e-3, 1.3981999507e-3, 1.3981999507e-3,
  8.3334519073e-3, 8.3334519073e-3, 8.3334519073e-3, 8.3334519073e-3,
  4.1665795894e-2, 4.1665795894e-2, 4.1665795894e-2, 4.1665795894e-2,
  1.6666665459e-1, 1.6666665459e-1, 1.6666665459e-1, 1.6666665459e-1,
  5.0000001201e-1, 5.0000001201e-1, 5.0000001201e-1, 5.0000001201e-1,
  1, 1, 1, 1,
  -87.33654, -87.33654, -87.33654, -87.33654,
], 16);
/** log2 e, 1.5·2^23, ln 2 in two parts */
const LOG2_E: usize = 0;
const ROUND: usize = 16;
const HIGH: usize = 32;
const LOW: usize = 48;
/** Minimax of (eʳ − 1 − r) / r² on |r| ≤ ln2/2 (Cephes expf), from the highest power down. */
const P5: usize = 64;
const P4: usize = 80;
const P3: usize = 96;
const P2: usize = 112;
const P1: usize = 128;
const P0: usize = 144;
const ONE: usize = 160;
/** Below this exp is less than the smallest normal float32 and is taken as 0. */
const LOWEST: usize = 176;

/** exp(x) for x ≤ 0: relative error ≤ 1.2e-7 on [−87.33, 0], 0 below. */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  // Adding ROUND leaves the nearest integer in the low bits: no rounding mode, no conversion.
  const t = f32x4.add(f32x4.mul(x, v128.load(TABLE, LOG2_E)), v128.load(TABLE, ROUND));
  const n = f32x4.sub(t, v128.load(TABLE, ROUND));
  let r = f32x4.sub(x, f32x4.mul(n, v128.load(TABLE, HIGH)));
  r = f32x4.sub(r, f32x4.mul(n, v128.load(TABLE, LOW)));
  let p = f32x4.add(f32x4.mul(v128.load(TABLE, P5), r), v128.load(TABLE, P4));
  p = f32x4.add(f32x4.mul(p, r), v128.load(TABLE, P3));
  p = f32x4.add(f32x4.mul(p, r), v128.load(TABLE, P2));
  p = f32x4.add(f32x4.mul(p, r), v128.load(TABLE, P1));
  p = f32x4.add(f32x4.mul(p, r), v128.load(TABLE, P0));
  const one = v128.load(TABLE, ONE);
  p = f32x4.add(f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r), one);
  // The bits of 1 are the exponent's bias.
  const power = i32x4.add(i32x4.shl(t, 23), one);
  return v128.and(f32x4.mul(p, power), f32x4.ge(x, v128.load(TABLE, LOWEST)));
}

/** log(1 + x) for x ≥ 0: relative error ≤ 2.5e-7, tiny x included. */
// @ts-ignore: decorator
@inline
export function log1p4(x: v128): v128 {
  const one = f32x4.splat(1);
  const u = f32x4.add(x, one);
  // u = m · 2^e with m in [√½, √2): move √½'s bits to zero, and the exponent field is e.
  const bits = i32x4.sub(u, i32x4.splat(0x3f3504f3));
  const e = f32x4.convert_i32x4_s(i32x4.shr_s(bits, 23));
  const m = f32x4.sub(i32x4.add(v128.and(bits, i32x4.splat(0x007fffff)), i32x4.splat(0x3f3504f3)), one);
  const z = f32x4.mul(m, m);
  // Minimax of (log(1+m) − m + m²/2) / m³ (Cephes logf).
  let p = f32x4.splat(7.0376836292e-2);
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(-1.1514610310e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(1.1676998740e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(-1.2420140846e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(1.4249322787e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(-1.6668057665e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(2.0000714765e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(-2.4999993993e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(3.3333331174e-1));
  p = f32x4.mul(p, f32x4.mul(z, m));
  p = f32x4.add(p, f32x4.mul(e, f32x4.splat(LN2_LOW)));
  p = f32x4.sub(p, f32x4.mul(z, f32x4.splat(0.5)));
  const log = f32x4.add(f32x4.add(p, m), f32x4.mul(e, f32x4.splat(LN2_HIGH)));
  // What 1 + x rounded away, to first order.
  return f32x4.add(log, f32x4.div(f32x4.sub(x, f32x4.sub(u, one)), u));
}
