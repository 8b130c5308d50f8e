// Softmax, log-softmax and entropy by row of x [rows,C]: four rows at a time, one row a lane, so no sum crosses lanes.
// A block of four rows is transposed into scratch [C][4], worked on there, and transposed back. Rows short of four repeat the last.
// Each returns 0 when an input is NaN or infinite, else 1. `scratch`: 16·C bytes.

import { exp4, log1p4 } from "./exponential";

/** x − max below this gives exp = 0; clamping keeps d·exp(d) from being −∞·0. */
const FLOOR: f32 = -104;

/** out [rows,C] = exp(x − max) / Σ exp(x − max). */
export function softmaxRows(x: usize, rows: i32, C: i32, out: usize, scratch: usize): i32 {
  let finite = true;
  for (let r = 0; r < rows; r += 4) {
    gather(x, r, rows, C, scratch);
    finite = shift(C, scratch) && finite;
    const inverse = f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), exponentials(C, scratch)));
    for (let at = scratch, end = scratch + (<usize>C << 4); at < end; at += 16) v128.store(at, f32x4.mul(v128.load(at), inverse));
    scatter(out, r, rows, C, scratch);
  }
  return finite ? 1 : 0;
}

/** out [rows,C] = x − max − log Σ exp(x − max). */
export function logSoftmaxRows(x: usize, rows: i32, C: i32, out: usize, scratch: usize): i32 {
  let finite = true;
  for (let r = 0; r < rows; r += 4) {
    gather(x, r, rows, C, scratch);
    finite = shift(C, scratch) && finite;
    const log = log1p4(restOf(C, scratch));
    for (let at = scratch, end = scratch + (<usize>C << 4); at < end; at += 16) v128.store(at, f32x4.sub(v128.load(at), log));
    scatter(out, r, rows, C, scratch);
  }
  return finite ? 1 : 0;
}

/**
 * out [rows] = log Σe^d − Σ d·e^d / Σe^d with d = x − max: both terms ≥ 0, so nothing cancels.
 * Relative error ≤ 1e-6 for C ≤ 64, and growing as √C beyond (float32 sums), down to the surest row.
 */
export function entropyRows(x: usize, rows: i32, C: i32, out: usize, scratch: usize): i32 {
  let finite = true;
  for (let r = 0; r < rows; r += 4) {
    gather(x, r, rows, C, scratch);
    finite = shift(C, scratch) && finite;
    let rest = f32x4.splat(0);
    let weighted = f32x4.splat(0);
    let seen = i32x4.splat(0);
    for (let at = scratch, end = scratch + (<usize>C << 4); at < end; at += 16) {
      const d = f32x4.pmax(v128.load(at), f32x4.splat(FLOOR));
      const e = exp4(d);
      const top = firstTop(d, seen);
      seen = v128.or(seen, top);
      rest = f32x4.add(rest, v128.andnot(e, top));
      weighted = f32x4.sub(weighted, f32x4.mul(d, e));
    }
    const entropy = f32x4.add(log1p4(rest), f32x4.div(weighted, f32x4.add(f32x4.splat(1), rest)));
    const to = out + (<usize>r << 2);
    const left = rows - r;
    if (left >= 4) v128.store(to, entropy);
    else {
      v128.store32_lane(to, entropy, 0);
      if (left > 1) v128.store32_lane(to, entropy, 1, 4);
      if (left > 2) v128.store32_lane(to, entropy, 2, 8);
    }
  }
  return finite ? 1 : 0;
}

/** scratch[c] = (x[r][c], x[r+1][c], x[r+2][c], x[r+3][c]). */
// @ts-ignore: decorator
@inline
function gather(x: usize, r: i32, rows: i32, C: i32, scratch: usize): void {
  const row = <usize>C << 2;
  const r0 = x + row * <usize>r;
  const r1 = x + row * <usize>min(r + 1, rows - 1);
  const r2 = x + row * <usize>min(r + 2, rows - 1);
  const r3 = x + row * <usize>min(r + 3, rows - 1);
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
    v128.store(scratch, v128.shuffle<f64>(ab0, de0, 0, 2));
    v128.store(scratch, v128.shuffle<f64>(ab0, de0, 1, 3), 16);
    v128.store(scratch, v128.shuffle<f64>(ab1, de1, 0, 2), 32);
    v128.store(scratch, v128.shuffle<f64>(ab1, de1, 1, 3), 48);
    scratch += 64;
  }
  for (; c < row; c += 4) {
    let v = v128.load32_zero(r0 + c);
    v = v128.load32_lane(r1 + c, v, 1);
    v = v128.load32_lane(r2 + c, v, 2);
    v128.store(scratch, v128.load32_lane(r3 + c, v, 3));
    scratch += 16;
  }
}

/** The inverse of gather; rows beyond the last are not written. */
function scatter(out: usize, r: i32, rows: i32, C: i32, scratch: usize): void {
  const row = <usize>C << 2;
  const left = rows - r;
  out += row * <usize>r;
  for (let c: usize = 0; c < row; c += 4) {
    const v = v128.load(scratch);
    v128.store32_lane(out + c, v, 0);
    if (left > 1) v128.store32_lane(out + c + row, v, 1);
    if (left > 2) v128.store32_lane(out + c + row * 2, v, 2);
    if (left > 3) v128.store32_lane(out + c + row * 3, v, 3);
    scratch += 16;
  }
}

/** scratch −= its maximum by lane. Whether all was finite: v·0 is NaN where v is not. */
// @ts-ignore: decorator
@inline
function shift(C: i32, scratch: usize): bool {
  const end = scratch + (<usize>C << 4);
  let max = v128.load(scratch);
  let fault = f32x4.splat(0);
  for (let at = scratch; at < end; at += 16) {
    const v = v128.load(at);
    max = f32x4.pmax(max, v);
    fault = f32x4.add(fault, f32x4.mul(v, f32x4.splat(0)));
  }
  for (let at = scratch; at < end; at += 16) v128.store(at, f32x4.sub(v128.load(at), max));
  return v128.all_true<i32>(f32x4.eq(fault, fault));
}

/** Lanes where d is the maximum (0) for the first time. */
// @ts-ignore: decorator
@inline
function firstTop(d: v128, seen: v128): v128 {
  return v128.andnot(f32x4.eq(d, f32x4.splat(0)), seen);
}

/** scratch = exp(scratch); returns the sum without the first maximum. */
// @ts-ignore: decorator
@inline
function exponentials(C: i32, scratch: usize): v128 {
  let rest = f32x4.splat(0);
  let seen = i32x4.splat(0);
  for (let at = scratch, end = scratch + (<usize>C << 4); at < end; at += 16) {
    const d = v128.load(at);
    const e = exp4(f32x4.pmax(d, f32x4.splat(FLOOR)));
    const top = firstTop(d, seen);
    seen = v128.or(seen, top);
    rest = f32x4.add(rest, v128.andnot(e, top));
    v128.store(at, e);
  }
  return rest;
}

/** The same sum, scratch left as it is. */
// @ts-ignore: decorator
@inline
function restOf(C: i32, scratch: usize): v128 {
  let rest = f32x4.splat(0);
  let seen = i32x4.splat(0);
  for (let at = scratch, end = scratch + (<usize>C << 4); at < end; at += 16) {
    const d = v128.load(at);
    const top = firstTop(d, seen);
    seen = v128.or(seen, top);
    rest = f32x4.add(rest, v128.andnot(exp4(f32x4.pmax(d, f32x4.splat(FLOOR))), top));
  }
  return rest;
}
