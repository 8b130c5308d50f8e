// Resampling on a WASM instance: lays the plan and strips of the source into working memory, runs the two passes, hands on the bytes.
// Only the window of the source that the plan reads is copied; the passes themselves are in assembly/resample.ts.

import { i32 } from "./elements.js";
import type { RgbImage } from "./image.js";
import type { AxisPlan, ResamplePlan } from "./resample-plan.js";
import { blockRows, roundUp, type WasmInstance } from "./wasm-instance.js";

export function resample(on: WasmInstance, image: RgbImage, plan: ResamplePlan, out: Uint8Array): void {
  const { at } = resampled(on, image, plan);
  out.set(on.arena.bytes.subarray(at, at + out.length));
}

export function resampleThroughTable(
  on: WasmInstance,
  image: RgbImage,
  plan: ResamplePlan,
  table: Float32Array,
  out: Float32Array,
  offset: number,
): void {
  const plane = plan.size * plan.size;
  const { at, rest } = resampled(on, image, plan, table.length * 4, plane * 12);
  const [tableAt, planes] = rest;
  on.write(table, 0, table.length, tableAt);
  on.wasm.throughTable(at, plane, tableAt, planes);
  on.read(out, offset, plane * 3, planes);
}

/** The rectangle of source pixels that a plan reads. */
interface Window {
  readonly left: number;
  readonly width: number;
  readonly top: number;
  readonly rows: number;
}

/** Resamples into working memory: the address of the bytes, and of the buffers of these lengths laid out beside them. */
function resampled<L extends readonly number[]>(on: WasmInstance, image: RgbImage, plan: ResamplePlan, ...extra: L) {
  const { wasm, arena } = on;
  const { size: S, horizontal: h, vertical: v } = plan;
  const [left, width] = reach(h);
  const [top, rows] = reach(v);
  const hPairs = roundUp(pairsOf(h), 2);
  const vPairs = pairsOf(v);
  const stride = width * 3;
  const strip = Math.min(rows, blockRows(stride, 4));
  const betweenStride = roundUp(S * 3 + 1, 16);
  // The slack beyond source, between and result is what the kernels' headers say they touch.
  const [hFirst, hWeights, vFirst, vWeights, source, between, at, ...rest] = arena.lay(
    S * 4,
    S * hPairs * 8,
    S * 4,
    S * vPairs * 8,
    strip * stride + 6 * hPairs + 4,
    (rows + 2 * vPairs) * betweenStride + 16,
    S * S * 3 + 16,
    ...extra,
  );
  for (const [i, first] of h.first.entries()) arena.ints[(hFirst >> 2) + i] = (first - left) * 3;
  for (const [i, first] of v.first.entries()) arena.ints[(vFirst >> 2) + i] = first - top;
  writeWeights(arena.ints, hWeights >> 2, h, hPairs);
  writeWeights(arena.ints, vWeights >> 2, v, vPairs);
  for (let y = 0; y < rows; y += strip) {
    const n = Math.min(strip, rows - y);
    copyStrip(arena.bytes, source, image, { left, width, top: top + y, rows: n });
    wasm.horizontal(source, stride, n, hFirst, hWeights, hPairs, S, between + y * betweenStride, betweenStride);
  }
  wasm.vertical(between, betweenStride, S * 3, vFirst, vWeights, vPairs, S, at);
  return { at, rest };
}

/** First source index that an axis reads, and how many from there on. */
function reach({ size, first, count }: AxisPlan): [number, number] {
  const start = i32(first, 0);
  return [start, i32(first, size - 1) + i32(count, size - 1) - start];
}

function copyStrip(bytes: Uint8Array, to: number, image: RgbImage, { left, width, top, rows }: Window): void {
  const stride = width * 3;
  const from = (top * image.width + left) * 3;
  if (width === image.width) {
    bytes.set(image.data.subarray(from, from + rows * stride), to);
    return;
  }
  for (let i = 0, at = from; i < rows; i++, at += image.width * 3) bytes.set(image.data.subarray(at, at + stride), to + i * stride);
}

function pairsOf(axis: AxisPlan): number {
  return Math.ceil(axis.count.reduce((most, n) => Math.max(most, n), 1) / 2);
}

/** Each pair of taps as (hi₀, hi₁), (lo₀, lo₁): w = hi·2^11 + lo. Two int16 in an int32, the first in the low half. */
function writeWeights(ints: Int32Array, at: number, { size, taps, count, weights }: AxisPlan, pairs: number): void {
  for (let i = 0; i < size; i++) {
    const n = i32(count, i);
    for (let p = 0; p < pairs; p++) {
      const w0 = 2 * p < n ? i32(weights, i * taps + 2 * p) : 0;
      const w1 = 2 * p + 1 < n ? i32(weights, i * taps + 2 * p + 1) : 0;
      ints[at++] = ((w0 >> 11) & 0xffff) | ((w1 >> 11) << 16);
      ints[at++] = (w0 & 0x7ff) | ((w1 & 0x7ff) << 16);
    }
  }
}
