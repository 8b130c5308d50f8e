// The Kernels contract answered by WASM: lays out each call's buffers, copies blocks in, runs, copies results out.
// Work goes in blocks of about BLOCK bytes, so a call of any size needs little memory and its data stays in the cache between steps.
// A block never splits a sum, so results do not depend on where the blocks fall.

import { Arena } from "./arena.js";
import type { RgbImage } from "./core.js";
import type { Kernels, RoutingArrays, ScoreShape } from "./kernels.js";
import type { AxisPlan, ResamplePlan } from "./resample-plan.js";

interface Exports {
  readonly memory: WebAssembly.Memory;
  heapBase(): number;
  gemmPack(b: number, R: number, D: number, packed: number): void;
  gemmTile(a: number, packed: number, scale: number, M: number, R: number, D: number, out: number, edge: number): number;
  l2Normalize(x: number, rows: number, D: number, out: number): number;
  softmaxRows(x: number, rows: number, C: number, out: number, scratch: number): number;
  logSoftmaxRows(x: number, rows: number, C: number, out: number, scratch: number): number;
  entropyRows(x: number, rows: number, C: number, out: number, scratch: number): number;
  selectRows(logits: number, entropy: number, B: number, N: number, C: number, K: number, ...rest: number[]): number;
  horizontal(
    source: number,
    stride: number,
    rows: number,
    first: number,
    weights: number,
    pairs: number,
    S: number,
    out: number,
    outStride: number,
  ): void;
  vertical(source: number, stride: number, length: number, first: number, weights: number, pairs: number, S: number, out: number): void;
  throughTable(bytes: number, plane: number, table: number, out: number): void;
}

const BLOCK = 128 * 1024;
const PANEL = 8;
/** Whole tiles of both builds: 4 and 6 rows. */
const TILES = 12;
const EDGE_BYTES = 192;

/** WASM kernels with their arena, which tests look into. `guard` plants canaries round every buffer. */
export interface WasmKernels extends Kernels {
  readonly arena: Arena;
}

export function wasmKernels(module: WebAssembly.Module, guard = 0): WasmKernels {
  const wasm = new WebAssembly.Instance(module).exports as unknown as Exports;
  const arena = new Arena(wasm.memory, wasm.heapBase(), guard);

  const read = (out: Float32Array | Int32Array, offset: number, length: number, at: number) => {
    const view = out instanceof Float32Array ? arena.floats : arena.ints;
    out.set(view.subarray(at >> 2, (at >> 2) + length), offset);
  };
  const write = (x: Float32Array, from: number, to: number, at: number) => arena.floats.set(x.subarray(from, to), at >> 2);

  /** Packs b [R,D] through a staging buffer, a few panels at a time. */
  function pack(b: Float32Array, R: number, D: number, packed: number, stage: number, stageRows: number): void {
    for (let r = 0; r < R; r += stageRows) {
      const rows = Math.min(stageRows, R - r);
      write(b, r * D, (r + rows) * D, stage);
      wasm.gemmPack(stage, rows, D, packed + r * D * 4);
    }
  }

  function gemm(a: Float32Array, b: Float32Array, scale: number, M: number, R: number, D: number, out: Float32Array): boolean {
    const rows = Math.min(M, blockRows((D + R) * 4, TILES));
    const stageRows = Math.min(roundUp(R, PANEL), blockRows(D * 4, PANEL));
    const stageBytes = Math.max(rows, stageRows) * D * 4;
    const [packed, stage, result, edge] = arena.lay(roundUp(R, PANEL) * D * 4, stageBytes, rows * R * 4, EDGE_BYTES) as Four;
    pack(b, R, D, packed, stage, stageRows);
    for (let m = 0; m < M; m += rows) {
      const n = Math.min(rows, M - m);
      write(a, m * D, (m + n) * D, stage);
      if (wasm.gemmTile(stage, packed, scale, n, R, D, result, edge) === 0) return false;
      read(out, m * R, n * R, result);
    }
    return true;
  }

  /** Runs a row kernel over x [rows,C] in blocks; `width` results a row. */
  function byRow(kernel: "softmaxRows" | "logSoftmaxRows" | "entropyRows", width: (C: number) => number) {
    return (x: Float32Array, rows: number, C: number, out: Float32Array): boolean => {
      const block = Math.min(rows, blockRows(C * 8, 4));
      const [source, result, scratch] = arena.lay(block * C * 4, block * width(C) * 4, C * 16) as Three;
      for (let r = 0; r < rows; r += block) {
        const n = Math.min(block, rows - r);
        write(x, r * C, (r + n) * C, source);
        if (wasm[kernel](source, n, C, result, scratch) === 0) return false;
        read(out, r * width(C), n * width(C), result);
      }
      return true;
    };
  }

  function l2Normalize(x: Float32Array, rows: number, D: number, out: Float32Array): number {
    const block = Math.min(rows, blockRows(D * 4, 1));
    const [data] = arena.lay(block * D * 4) as One;
    for (let r = 0; r < rows; r += block) {
      const n = Math.min(block, rows - r);
      write(x, r * D, (r + n) * D, data);
      const bad = wasm.l2Normalize(data, n, D, data);
      if (bad >= 0) return r + bad;
      read(out, r * D, n * D, data);
    }
    return -1;
  }

  /** Addresses of one block's routing results, and the bytes each needs. */
  function routingBytes(images: number, N: number, C: number, K: number): number[] {
    return [images * N * C * 4, images * N * 4, images * K * 4, images * C * 4, images * C * 4, N * 4, C * 16];
  }

  /** Entropies and selection of a block of images whose logits stand at at[0]; results go to `out` from image b on. */
  function selectBlock(at: readonly number[], out: RoutingArrays, b: number, n: number, N: number, C: number, K: number): boolean {
    const [logits, entropy, kept, mean, probabilities, order, scratch] = at as [number, number, number, number, number, number, number];
    if (wasm.entropyRows(logits, n * N, C, entropy, scratch) === 0) return false;
    if (wasm.selectRows(logits, entropy, n, N, C, K, kept, mean, probabilities, order, scratch) === 0) return false;
    read(out.entropy, b * N, n * N, entropy);
    read(out.kept, b * K, n * K, kept);
    read(out.mean, b * C, n * C, mean);
    read(out.probabilities, b * C, n * C, probabilities);
    return true;
  }

  function select(out: RoutingArrays, B: number, N: number, C: number, K: number): boolean {
    const images = Math.min(B, blockRows(N * C * 4, 4));
    const at = arena.lay(...routingBytes(images, N, C, K));
    for (let b = 0; b < B; b += images) {
      const n = Math.min(images, B - b);
      write(out.logits, b * N * C, (b + n) * N * C, at[0]!);
      if (!selectBlock(at, out, b, n, N, C, K)) return false;
    }
    return true;
  }

  function route(f: Float32Array, t: Float32Array, scale: number, { B, N, C, D }: ScoreShape, K: number, out: RoutingArrays): boolean {
    const R = N * C;
    const images = Math.min(B, blockRows((D + R) * 4, TILES));
    const stageRows = Math.min(roundUp(R, PANEL), blockRows(D * 4, PANEL));
    const stageBytes = Math.max(images, stageRows) * D * 4;
    const [packed, stage, edge, ...at] = arena.lay(roundUp(R, PANEL) * D * 4, stageBytes, EDGE_BYTES, ...routingBytes(images, N, C, K));
    pack(t, R, D, packed!, stage!, stageRows);
    for (let b = 0; b < B; b += images) {
      const n = Math.min(images, B - b);
      write(f, b * D, (b + n) * D, stage!);
      if (wasm.gemmTile(stage!, packed!, scale, n, R, D, at[0]!, edge!) === 0) return false;
      read(out.logits, b * R, n * R, at[0]!);
      if (!selectBlock(at, out, b, n, N, C, K)) return false;
    }
    return true;
  }

  /** Resamples into working memory and hands its address to `take`; `extra` bytes are laid out beside it. */
  function resampled(image: RgbImage, plan: ResamplePlan, extra: readonly number[], take: (bytes: number, extra: number[]) => void): void {
    const { size: S, horizontal: h, vertical: v } = plan;
    const left = h.first[0]!;
    const width = h.first[S - 1]! + h.count[S - 1]! - left;
    const top = v.first[0]!;
    const rows = v.first[S - 1]! + v.count[S - 1]! - top;
    const hPairs = roundUp(pairsOf(h), 2);
    const vPairs = pairsOf(v);
    const stride = width * 3;
    const strip = Math.min(rows, blockRows(stride, 4));
    const betweenStride = roundUp(S * 3 + 1, 16);
    // The slack beyond source, between and result is what the kernels' headers say they touch.
    const [hFirst, hWeights, vFirst, vWeights, source, between, result, ...rest] = arena.lay(
      S * 4,
      S * hPairs * 8,
      S * 4,
      S * vPairs * 8,
      strip * stride + 6 * hPairs + 4,
      (rows + 2 * vPairs) * betweenStride + 16,
      S * S * 3 + 16,
      ...extra,
    ) as [...Six, number, ...number[]];
    for (let i = 0; i < S; i++) {
      arena.ints[(hFirst >> 2) + i] = (h.first[i]! - left) * 3;
      arena.ints[(vFirst >> 2) + i] = v.first[i]! - top;
    }
    writeWeights(arena.ints, hWeights >> 2, h, hPairs);
    writeWeights(arena.ints, vWeights >> 2, v, vPairs);
    const whole = width === image.width;
    for (let y = 0; y < rows; y += strip) {
      const n = Math.min(strip, rows - y);
      const from = ((top + y) * image.width + left) * 3;
      if (whole) arena.bytes.set(image.data.subarray(from, from + n * stride), source);
      else {
        for (let i = 0, at = from; i < n; i++, at += image.width * 3) {
          arena.bytes.set(image.data.subarray(at, at + stride), source + i * stride);
        }
      }
      wasm.horizontal(source, stride, n, hFirst, hWeights, hPairs, S, between + y * betweenStride, betweenStride);
    }
    wasm.vertical(between, betweenStride, S * 3, vFirst, vWeights, vPairs, S, result);
    take(result, rest);
  }

  return {
    arena,
    gemm,
    l2Normalize,
    softmax: byRow("softmaxRows", (C) => C),
    logSoftmax: byRow("logSoftmaxRows", (C) => C),
    entropy: byRow("entropyRows", () => 1),
    select,
    route,
    resample(image, plan, out) {
      resampled(image, plan, [], (bytes) => out.set(arena.bytes.subarray(bytes, bytes + out.length)));
    },
    resampleThroughTable(image, plan, table, out, offset) {
      const plane = plan.size * plan.size;
      resampled(image, plan, [table.length * 4, plane * 12], (bytes, [tableAt, planes]) => {
        write(table, 0, table.length, tableAt!);
        wasm.throughTable(bytes, plane, tableAt!, planes!);
        read(out, offset, plane * 3, planes!);
      });
    },
  };
}

type One = [number];
type Three = [number, number, number];
type Four = [number, number, number, number];
type Six = [number, number, number, number, number, number];

/** Rows of `bytes` each that fill a block: a multiple of `step`, at least one step. */
function blockRows(bytes: number, step: number): number {
  return Math.max(step, Math.floor(BLOCK / bytes / step) * step);
}

function roundUp(n: number, step: number): number {
  return Math.ceil(n / step) * step;
}

function pairsOf(axis: AxisPlan): number {
  return Math.ceil(axis.count.reduce((most, n) => Math.max(most, n), 1) / 2);
}

/** Each pair of taps as (hi₀, hi₁), (lo₀, lo₁): w = hi·2^11 + lo. Two int16 in an int32, the first in the low half. */
function writeWeights(ints: Int32Array, at: number, { size, taps, count, weights }: AxisPlan, pairs: number): void {
  for (let i = 0; i < size; i++) {
    for (let p = 0; p < pairs; p++) {
      const w0 = 2 * p < count[i]! ? weights[i * taps + 2 * p]! : 0;
      const w1 = 2 * p + 1 < count[i]! ? weights[i * taps + 2 * p + 1]! : 0;
      ints[at++] = ((w0 >> 11) & 0xffff) | ((w1 >> 11) << 16);
      ints[at++] = (w0 & 0x7ff) | ((w1 & 0x7ff) << 16);
    }
  }
}
