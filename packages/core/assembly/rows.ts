// Softmax, log-softmax and entropy by row of x [rows,C]: four rows at a time, one row a lane, so no sum crosses lanes.
// A block of four rows is transposed into scratch [C][4], worked on there, and transposed back. Rows short of four repeat the last.
// Each returns 0 when an input is NaN or infinite, else 1. `scratch`: 16·C bytes. `out` may be x for the first two.

import { exp4, log1p4 } from "./exponential";

/** x − max below this gives exp = 0; clamping keeps d·exp(d) from being −∞·0. */
const FLOOR: f32 = -104;

/** out [rows,C] = exp(x − max) / Σ exp(x − max). */
export function softmaxRows(x: usize, rows: i32, C: i32, out: usize, scratch: usize): i32 {
  const end = scratch + (<usize>C << 4);
  let fault = f32x4.splat(0);
  for (let r = 0; r < rows; r += 4) {
    const max = gather(x, r, rows, C, scratch);
    let sum = f32x4.splat(0);
    for (let at = scratch; at < end; at += 16) {
      const v = v128.load(at);
      fault = f32x4.add(fault, f32x4.mul(v, f32x4.splat(0)));
      const e = exp4(f32x4.pmax(f32x4.sub(v, max), f32x4.splat(FLOOR)));
      sum = f32x4.add(sum, e);
      v128.store(at, e);
    }
    scatter(out, r, rows, C, scratch, f32x4.div(f32x4.splat(1), sum), f32x4.splat(0));
  }
  return finite(fault);
}

/** out [rows,C] = x − max − log Σ exp(x − max). */
export function logSoftmaxRows(x: usize, rows: i32, C: i32, out: usize, scratch: usize): i32 {
  const end = scratch + (<usize>C << 4);
  let fault = f32x4.splat(0);
  for (let r = 0; r < rows; r += 4) {
    const max = gather(x, r, rows, C, scratch);
    let rest = f32x4.splat(0);
    let below = i32x4.splat(0);
    for (let at = scratch; at < end; at += 16) {
      const v = v128.load(at);
      fault = f32x4.add(fault, f32x4.mul(v, f32x4.splat(0)));
      const d = f32x4.sub(v, max);
      v128.store(at, d);
      const less = f32x4.lt(d, f32x4.splat(0));
      below = i32x4.sub(below, less);
      rest = f32x4.add(rest, v128.and(exp4(f32x4.pmax(d, f32x4.splat(FLOOR))), less));
    }
    scatter(out, r, rows, C, scratch, f32x4.splat(1), log1p4(withTies(rest, below, C)));
  }
  return finite(fault);
}

/**
 * out [rows] = log Σe^d − Σ d·e^d / Σe^d with d = x − max: both terms ≥ 0, so nothing cancels.
 * Relative error ≤ (C + 20 + g)·2^−24, g the gap between the two highest (x − max is rounded): ≤ 1.8e-6 for C = 11 and g ≤ 0.1,
 * 7e-6 where one class has all but e^−87. A class below e^−87.3 counts as 0, which takes at most 1.1e-36 each from the entropy.
 */
export function entropyRows(x: usize, rows: i32, C: i32, out: usize, scratch: usize): i32 {
  const end = scratch + (<usize>C << 4);
  let fault = f32x4.splat(0);
  for (let r = 0; r < rows; r += 4) {
    const max = gather(x, r, rows, C, scratch);
    let rest = f32x4.splat(0);
    let weighted = rest;
    let below = i32x4.splat(0);
    for (let at = scratch; at < end; at += 16) {
      const v = v128.load(at);
      fault = f32x4.add(fault, f32x4.mul(v, f32x4.splat(0)));
      const d = f32x4.pmax(f32x4.sub(v, max), f32x4.splat(FLOOR));
      const less = f32x4.lt(d, f32x4.splat(0));
      const e = v128.and(exp4(d), less);
      below = i32x4.sub(below, less);
      rest = f32x4.add(rest, e);
      weighted = f32x4.sub(weighted, f32x4.mul(d, e));
    }
    rest = withTies(rest, below, C);
    const entropy = f32x4.add(log1p4(rest), f32x4.div(weighted, f32x4.add(f32x4.splat(1), rest)));
    storeLanes(out + (<usize>r << 2), entropy, rows - r);
  }
  return finite(fault);
}

/** Σ e^d without the first maximum: log1p of it keeps what 1 + rest would round away. Every further maximum adds 1. */
// @ts-ignore: decorator
@inline
function withTies(rest: v128, below: v128, C: i32): v128 {
  return f32x4.add(rest, f32x4.convert_i32x4_s(i32x4.sub(i32x4.splat(C - 1), below)));
}

/** v·0 is NaN exactly where v is not finite, and NaN stays in a sum. */
// @ts-ignore: decorator
@inline
function finite(fault: v128): i32 {
  return v128.all_true<i32>(f32x4.eq(fault, fault)) ? 1 : 0;
}

/** scratch[c] = (x[r][c], x[r+1][c], x[r+2][c], x[r+3][c]); returns the maximum by lane. */
// @ts-ignore: decorator
@inline
function gather(x: usize, r: i32, rows: i32, C: i32, scratch: usize): v128 {
  const row = <usize>C << 2;
  const r0 = x + row * <usize>r;
  const r1 = x + row * <usize>min(r + 1, rows - 1);
  const r2 = x + row * <usize>min(r + 2, rows - 1);
  const r3 = x + row * <usize>min(r + 3, rows - 1);
  let max = f32x4.splat(-Infinity);
  let c: usize = 0;
  for (; c + 16 <= row; c += 16) {
    const a = v128.load(r0 + c);
    const b = v128.load(r1 + c);
    const d = v128.load(r2 + c);
    const e = v128.load(r3 + c);
    const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
    const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
    const de0 = v128.shuffle<f32>(d, e, 0, 4, 1, 5);
    const de1 = v128.shuffle<f32>(d, e, 2, 6, 3, 7);
    const c0 = v128.shuffle<f64>(ab0, de0, 0, 2);
    const c1 = v128.shuffle<f64>(ab0, de0, 1, 3);
    const c2 = v128.shuffle<f64>(ab1, de1, 0, 2);
    const c3 = v128.shuffle<f64>(ab1, de1, 1, 3);
    v128.store(scratch, c0);
    v128.store(scratch, c1, 16);
    v128.store(scratch, c2, 32);
    v128.store(scratch, c3, 48);
    max = f32x4.pmax(max, f32x4.pmax(f32x4.pmax(c0, c1), f32x4.pmax(c2, c3)));
    scratch += 64;
  }
  for (; c < row; c += 4) {
    let v = v128.load32_zero(r0 + c);
    v = v128.load32_lane(r1 + c, v, 1);
    v = v128.load32_lane(r2 + c, v, 2);
    v = v128.load32_lane(r3 + c, v, 3);
    v128.store(scratch, v);
    max = f32x4.pmax(max, v);
    scratch += 16;
  }
  return max;
}

/** The inverse of gather, of scratch·factor − shift; rows beyond the last are not written. */
// @ts-ignore: decorator
@inline
function scatter(out: usize, r: i32, rows: i32, C: i32, scratch: usize, factor: v128, shift: v128): void {
  const row = <usize>C << 2;
  const left = rows - r;
  const r0 = out + row * <usize>r;
  const r1 = r0 + row;
  const r2 = r1 + row;
  const r3 = r2 + row;
  let c: usize = 0;
  if (left >= 4) {
    for (; c + 16 <= row; c += 16) {
      const c0 = f32x4.sub(f32x4.mul(v128.load(scratch), factor), shift);
      const c1 = f32x4.sub(f32x4.mul(v128.load(scratch, 16), factor), shift);
      const c2 = f32x4.sub(f32x4.mul(v128.load(scratch, 32), factor), shift);
      const c3 = f32x4.sub(f32x4.mul(v128.load(scratch, 48), factor), shift);
      const low01 = v128.shuffle<f32>(c0, c1, 0, 4, 1, 5);
      const high01 = v128.shuffle<f32>(c0, c1, 2, 6, 3, 7);
      const low23 = v128.shuffle<f32>(c2, c3, 0, 4, 1, 5);
      const high23 = v128.shuffle<f32>(c2, c3, 2, 6, 3, 7);
      v128.store(r0 + c, v128.shuffle<f64>(low01, low23, 0, 2));
      v128.store(r1 + c, v128.shuffle<f64>(low01, low23, 1, 3));
      v128.store(r2 + c, v128.shuffle<f64>(high01, high23, 0, 2));
      v128.store(r3 + c, v128.shuffle<f64>(high01, high23, 1, 3));
      scratch += 64;
    }
  }
  for (; c < row; c += 4) {
    const v = f32x4.sub(f32x4.mul(v128.load(scratch), factor), shift);
    v128.store32_lane(r0 + c, v, 0);
    if (left > 1) v128.store32_lane(r1 + c, v, 1);
    if (left > 2) v128.store32_lane(r2 + c, v, 2);
    if (left > 3) v128.store32_lane(r3 + c, v, 3);
    scratch += 16;
  }
}

/** The first `count` lanes of v, at most 4, to consecutive floats. */
// @ts-ignore: decorator
@inline
function storeLanes(to: usize, v: v128, count: i32): void {
  if (count >= 4) {
    v128.store(to, v);
    return;
  }
  v128.store32_lane(to, v, 0);
  if (count > 1) v128.store32_lane(to, v, 1, 4);
  if (count > 2) v128.store32_lane(to, v, 2, 8);
}
