// @biovlm/backend-cuda: encoders on onnxruntime-node, for the devices cuda, webgpu (native) and cpu. Backends are values; importing this
// package loads no native library and registers nothing.

import type { EncoderBackend } from "@biovlm/model";
import { type DeviceOptions, deviceBackend } from "./device-backend.js";

export type { DeviceOptions, NodeDevice } from "./device-backend.js";
export { RUNTIME_LIBRARY } from "./runtime-library.js";
export { type AdapterSigns, softwareAdapter } from "./software-adapter.js";

/** NVIDIA cards, CUDA 12. Needs the CUDA libraries that onnxruntime-node's own install fetches. */
export function cudaBackend(options?: DeviceOptions): EncoderBackend {
  return deviceBackend("cuda", options);
}

/** WebGPU without a browser: Vulkan, Metal or Direct3D through the library inside onnxruntime-node. */
export function webgpuBackend(options?: DeviceOptions): EncoderBackend {
  return deviceBackend("webgpu", options);
}

/** CPU threads. */
export function cpuBackend(options?: DeviceOptions): EncoderBackend {
  return deviceBackend("cpu", options);
}

/**
 * All three, best device first.
 * @example const encoder = await cpuBackend({ threads: 2 }).open(model.graphs)
 */
export function backends(options?: DeviceOptions): EncoderBackend[] {
  return [cudaBackend(options), webgpuBackend(options), cpuBackend(options)];
}
