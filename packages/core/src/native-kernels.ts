// Which kernels of a native implementation serve, and the mixture of them with those of a build. It computes nothing.

import { CoreError } from "./errors.js";
import { KERNEL_NAMES, type KernelName, type Kernels, type NativeKernels } from "./kernels.js";

/** The scores of an image must not depend on which of these was called: they serve together or not at all. */
const SCORES: readonly KernelName[] = ["gemm", "select", "route"];

/** The kernels of `native` that may serve, in the contract's order; with `deterministic` only those of the plain-SIMD bits. */
export function servedKernels(native: NativeKernels, deterministic: boolean): readonly KernelName[] {
  const allowed = KERNEL_NAMES.filter((name) => native.kernels[name] !== undefined && (!deterministic || native.bitEqual.includes(name)));
  const scores = SCORES.every((name) => allowed.includes(name));
  return allowed.filter((name) => scores || !SCORES.includes(name));
}

/** `floor`, with the kernels named taken from `native`. */
export function mixedKernels(floor: Kernels, native: NativeKernels, serves: readonly KernelName[]): Kernels {
  const chosen = Object.fromEntries(Object.entries(native.kernels).filter(([name]) => serves.some((kernel) => kernel === name)));
  return { ...floor, ...chosen };
}

/** Throws `bad_option` unless the value has a name, functions under the contract's names alone, and promises bits only of those. */
export function checkNative(native: NativeKernels): void {
  const { name, kernels, bitEqual } = native;
  if (typeof name !== "string" || typeof kernels !== "object" || kernels === null || !Array.isArray(bitEqual)) {
    throw new CoreError("bad_option", "native kernels — expected { name, kernels, bitEqual }, got something else. See NativeKernels.");
  }
  for (const [key, kernel] of Object.entries(kernels)) {
    if (!KERNEL_NAMES.some((known) => known === key) || (kernel !== undefined && typeof kernel !== "function")) {
      throw new CoreError("bad_option", `native kernels — expected functions ${KERNEL_NAMES.join(", ")}, got ${key}. Drop it.`);
    }
  }
  const unknown = native.bitEqual.find((key) => kernels[key] === undefined);
  if (unknown !== undefined) {
    throw new CoreError("bad_option", `native bitEqual — expected names of its own kernels, got ${unknown}. Drop it.`);
  }
}
