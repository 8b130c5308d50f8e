// The Kernels contract answered by WASM: one instance of the module, whose memory all its kernels share.

import type { Arena } from "./arena.js";
import type { Kernels } from "./kernels.js";
import { WasmInstance } from "./wasm-instance.js";
import { resample, resampleThroughTable } from "./wasm-pixels.js";
import { gemm, l2Normalize, route, rowKernel, select } from "./wasm-scores.js";

/** WASM kernels with their arena, which tests look into. */
export interface WasmKernels extends Kernels {
  readonly arena: Arena;
}

/** The kernels of one build. `guard` plants canaries round every buffer, for tests. */
export function wasmKernels(module: WebAssembly.Module, guard = 0): WasmKernels {
  const instance = new WasmInstance(module, guard);
  return {
    arena: instance.arena,
    gemm: gemm.bind(null, instance),
    l2Normalize: l2Normalize.bind(null, instance),
    softmax: rowKernel(instance, "softmaxRows", (C) => C),
    logSoftmax: rowKernel(instance, "logSoftmaxRows", (C) => C),
    entropy: rowKernel(instance, "entropyRows", () => 1),
    select: select.bind(null, instance),
    route: route.bind(null, instance),
    resample: resample.bind(null, instance),
    resampleThroughTable: resampleThroughTable.bind(null, instance),
  };
}
