// What the WASM module exports. Raw pointers in, raw pointers out; the caller (src/wasm-kernels.ts) has checked every size and owns all memory.
// Nothing here allocates: the heap above `heapBase()` belongs to the caller's arena.

export { gemmPack, gemmTile } from "./gemm";
export { l2Normalize } from "./l2-normalize";
export { horizontal, vertical, throughTable } from "./resample";
export { softmaxRows, logSoftmaxRows, entropyRows } from "./rows";
export { selectRows } from "./select";

/** First byte the caller may use. */
export function heapBase(): usize {
  return __heap_base;
}
