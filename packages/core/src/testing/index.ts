// @biovlm/core/testing: the suite that every implementation of the Kernels contract passes.

export { referenceKernels } from "../reference.js";
export { bitEqualityPromises } from "./bit-equality.js";
export { describeKernels, type KernelTestRunner, kernelPromises, wasmBuildKernels } from "./describe-kernels.js";
export type { KernelPromise, KernelSubject } from "./kernel-promise.js";
