// @biovlm/backend-web: encoders on onnxruntime-web, for the devices webgpu (browsers) and wasm (browsers and Node). Backends are values;
// importing this package loads no runtime and registers nothing.

import type { EncoderBackend } from "@biovlm/model";
import { type WebOptions, webBackend } from "./web-backend.js";

export { type Delivered, type DeliverOptions, deliverFile, type FileToDeliver } from "./delivery/deliver-file.js";
export { openPageStore, type PageStore } from "./delivery/opfs-store.js";
export { askToPersist, clearStore, type StorageRoom, storageRoom } from "./delivery/page-storage.js";
export { type AdapterReport, gpuAdapter } from "./gpu-adapter.js";
export { preferredPrecision } from "./preferred-precision.js";
export { RUNTIME_LIBRARY, type RuntimeFiles } from "./runtime-library.js";
export { availableThreads, type ThreadReport } from "./threads.js";
export type { WebDevice, WebOptions } from "./web-backend.js";

/** CPU by WebAssembly: in browsers and in Node, with nothing to install. */
export function wasmBackend(options?: WebOptions): EncoderBackend {
  return webBackend("wasm", options);
}

/** The browser's WebGPU. In Node it refuses: onnxruntime-node has the native one. */
export function webgpuBackend(options?: WebOptions): EncoderBackend {
  return webBackend("webgpu", options);
}

/**
 * What can run here: webgpu and wasm in browsers, wasm in Node, best first.
 * @example const encoder = await wasmBackend({ threads: 1 }).open(model.graphs)
 */
export function backends(options?: WebOptions): EncoderBackend[] {
  const inBrowser =
    (globalThis as { window?: unknown; WorkerGlobalScope?: unknown }).window !== undefined || "WorkerGlobalScope" in globalThis;
  return inBrowser ? [webgpuBackend(options), wasmBackend(options)] : [wasmBackend(options)];
}
