// Scores, rows and routing on a WASM instance: lays out each call's buffers, copies blocks in, runs, copies results out.
// The numerics are in assembly/; the contract of each function is that of its namesake in kernels.ts.

import type { RoutingArrays, ScoreShape } from "./kernels.js";
import { blockRows, roundUp, type WasmInstance } from "./wasm-instance.js";

const PANEL = 8;
/** Whole tiles of both builds: 4 and 6 rows. */
const TILES = 12;
const EDGE_BYTES = 192;

/** Packs b [R,D] through a staging buffer, a few panels at a time. */
function pack(on: WasmInstance, b: Float32Array, R: number, D: number, packed: number, stage: number, stageRows: number): void {
  for (let r = 0; r < R; r += stageRows) {
    const rows = Math.min(stageRows, R - r);
    on.write(b, r * D, (r + rows) * D, stage);
    on.wasm.gemmPack(stage, rows, D, packed + r * D * 4);
  }
}

export function gemm(
  on: WasmInstance,
  a: Float32Array,
  b: Float32Array,
  scale: number,
  M: number,
  R: number,
  D: number,
  out: Float32Array,
): boolean {
  const rows = Math.min(M, blockRows((D + R) * 4, TILES));
  const stageRows = Math.min(roundUp(R, PANEL), blockRows(D * 4, PANEL));
  const stageBytes = Math.max(rows, stageRows) * D * 4;
  const [packed, stage, result, edge] = on.arena.lay(roundUp(R, PANEL) * D * 4, stageBytes, rows * R * 4, EDGE_BYTES);
  pack(on, b, R, D, packed, stage, stageRows);
  for (let m = 0; m < M; m += rows) {
    const n = Math.min(rows, M - m);
    on.write(a, m * D, (m + n) * D, stage);
    if (on.wasm.gemmTile(stage, packed, scale, n, R, D, result, edge) === 0) return false;
    on.read(out, m * R, n * R, result);
  }
  return true;
}

/** A kernel over x [rows,C] in blocks; `width` results a row. */
export function rowKernel(
  on: WasmInstance,
  kernel: "softmaxRows" | "logSoftmaxRows" | "entropyRows",
  width: (C: number) => number,
): (x: Float32Array, rows: number, C: number, out: Float32Array) => boolean {
  return (x, rows, C, out) => {
    const block = Math.min(rows, blockRows(C * 8, 4));
    const [source, result, scratch] = on.arena.lay(block * C * 4, block * width(C) * 4, C * 16);
    for (let r = 0; r < rows; r += block) {
      const n = Math.min(block, rows - r);
      on.write(x, r * C, (r + n) * C, source);
      if (on.wasm[kernel](source, n, C, result, scratch) === 0) return false;
      on.read(out, r * width(C), n * width(C), result);
    }
    return true;
  };
}

export function l2Normalize(on: WasmInstance, x: Float32Array, rows: number, D: number, out: Float32Array): number {
  const block = Math.min(rows, blockRows(D * 4, 1));
  const [data] = on.arena.lay(block * D * 4);
  for (let r = 0; r < rows; r += block) {
    const n = Math.min(block, rows - r);
    on.write(x, r * D, (r + n) * D, data);
    const bad = on.wasm.l2Normalize(data, n, D, data);
    if (bad >= 0) return r + bad;
    on.read(out, r * D, n * D, data);
  }
  return -1;
}

/** One number for each buffer that routing fills or works in. */
interface RoutingBuffers {
  readonly logits: number;
  readonly entropy: number;
  readonly kept: number;
  readonly mean: number;
  readonly probabilities: number;
  readonly order: number;
  readonly scratch: number;
}

/** Bytes of each for a block of images. */
function routingBytes(images: number, N: number, C: number, K: number): RoutingBuffers {
  return {
    logits: images * N * C * 4,
    entropy: images * N * 4,
    kept: images * K * 4,
    mean: images * C * 4,
    probabilities: images * C * 4,
    order: N * 4,
    scratch: C * 16,
  };
}

/** Addresses of each, and of the buffers of these lengths beside them. */
function layRouting<L extends readonly number[]>(on: WasmInstance, bytes: RoutingBuffers, ...others: L) {
  const { logits: l, entropy: e, kept: k, mean: m, probabilities: p, order: o, scratch: s } = bytes;
  const [logits, entropy, kept, mean, probabilities, order, scratch, ...rest] = on.arena.lay(l, e, k, m, p, o, s, ...others);
  return { at: { logits, entropy, kept, mean, probabilities, order, scratch } satisfies RoutingBuffers, rest };
}

/** Entropies and selection of n images whose logits stand at at.logits; results go to `out` from image b on. */
function selectBlock(
  on: WasmInstance,
  at: RoutingBuffers,
  out: RoutingArrays,
  b: number,
  n: number,
  N: number,
  C: number,
  K: number,
): boolean {
  const { logits, entropy, kept, mean, probabilities, order, scratch } = at;
  if (on.wasm.entropyRows(logits, n * N, C, entropy, scratch) === 0) return false;
  if (on.wasm.selectRows(logits, entropy, n, N, C, K, kept, mean, probabilities, order, scratch) === 0) return false;
  on.read(out.entropy, b * N, n * N, entropy);
  on.read(out.kept, b * K, n * K, kept);
  on.read(out.mean, b * C, n * C, mean);
  on.read(out.probabilities, b * C, n * C, probabilities);
  return true;
}

export function select(on: WasmInstance, out: RoutingArrays, B: number, N: number, C: number, K: number): boolean {
  const images = Math.min(B, blockRows(N * C * 4, 4));
  const { at } = layRouting(on, routingBytes(images, N, C, K));
  for (let b = 0; b < B; b += images) {
    const n = Math.min(images, B - b);
    on.write(out.logits, b * N * C, (b + n) * N * C, at.logits);
    if (!selectBlock(on, at, out, b, n, N, C, K)) return false;
  }
  return true;
}

export function route(
  on: WasmInstance,
  f: Float32Array,
  t: Float32Array,
  scale: number,
  { B, N, C, D }: ScoreShape,
  K: number,
  out: RoutingArrays,
): boolean {
  const R = N * C;
  const images = Math.min(B, blockRows((D + R) * 4, TILES));
  const stageRows = Math.min(roundUp(R, PANEL), blockRows(D * 4, PANEL));
  const stageBytes = Math.max(images, stageRows) * D * 4;
  const { at, rest } = layRouting(on, routingBytes(images, N, C, K), roundUp(R, PANEL) * D * 4, stageBytes, EDGE_BYTES);
  const [packed, stage, edge] = rest;
  pack(on, t, R, D, packed, stage, stageRows);
  for (let b = 0; b < B; b += images) {
    const n = Math.min(images, B - b);
    on.write(f, b * D, (b + n) * D, stage);
    if (on.wasm.gemmTile(stage, packed, scale, n, R, D, at.logits, edge) === 0) return false;
    on.read(out.logits, b * R, n * R, at.logits);
    if (!selectBlock(on, at, out, b, n, N, C, K)) return false;
  }
  return true;
}
