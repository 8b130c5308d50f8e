// One instance of the WASM module with its working memory: what every kernel call needs to copy blocks in and results out.
// Work goes in blocks of about BLOCK bytes, so a call of any size needs little memory and its data stays in the cache between steps.
// A block never splits a sum, so results do not depend on where the blocks fall.

import { Arena } from "./arena.js";

/** What assembly/index.ts exports: addresses and counts in, addresses filled. */
export interface WasmExports {
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

/** `guard` plants canaries round every buffer, for tests. */
export class WasmInstance {
  readonly wasm: WasmExports;
  readonly arena: Arena;

  constructor(module: WebAssembly.Module, guard = 0) {
    this.wasm = new WebAssembly.Instance(module).exports as unknown as WasmExports;
    this.arena = new Arena(this.wasm.memory, this.wasm.heapBase(), guard);
  }

  /** x[from..to) → working memory at `at`. */
  write(x: Float32Array, from: number, to: number, at: number): void {
    this.arena.floats.set(x.subarray(from, to), at >> 2);
  }

  /** `length` numbers at `at` → out from `offset` on. */
  read(out: Float32Array | Int32Array, offset: number, length: number, at: number): void {
    const view = out instanceof Float32Array ? this.arena.floats : this.arena.ints;
    out.set(view.subarray(at >> 2, (at >> 2) + length), offset);
  }
}

/** Rows of `bytes` each that fill a block: a multiple of `step`, at least one step. */
export function blockRows(bytes: number, step: number): number {
  return Math.max(step, Math.floor(BLOCK / bytes / step) * step);
}

export function roundUp(n: number, step: number): number {
  return Math.ceil(n / step) * step;
}
