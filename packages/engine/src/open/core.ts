// The numeric core that an opening asks for.

import type { Core, KernelName, NativeKernels } from "@biovlm/core";
import type { OpeningSpec } from "./opening-spec.js";

/** Native kernels that serve: three times as fast as WASM on two cores (docs/benchmarks.md), and of the plain-SIMD bits. The others are not. */
const ADOPTED: readonly KernelName[] = ["gemm", "select", "route"];

/**
 * The core: plain SIMD where the same bits are wanted everywhere, else the fastest build; scores by the native kernels where they were built for this
 * machine (`core.info.native` says so). BIOVLM_NATIVE=off leaves them out.
 */
export async function openCore({ deterministic }: Pick<OpeningSpec, "deterministic">): Promise<Core> {
  const [{ loadCore }, { nativeKernels }] = await Promise.all([import("@biovlm/core"), import("@biovlm/core-native")]);
  const { native } = nativeKernels();
  return loadCore({ deterministic, native: native === undefined ? undefined : adopted(native) });
}

function adopted({ name, kernels, bitEqual }: NativeKernels): NativeKernels {
  return {
    name,
    kernels: Object.fromEntries(ADOPTED.map((kernel) => [kernel, kernels[kernel]])),
    bitEqual: bitEqual.filter((kernel) => ADOPTED.includes(kernel)),
  };
}
