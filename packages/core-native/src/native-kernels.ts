// The Kernels contract of @biovlm/core answered by the compiled binding, as a value; absent, a sentence says why. It computes nothing.

import { KERNEL_NAMES, type Kernels, type NativeKernels } from "@biovlm/core";
import { type Binding, bindingAt, libraryPath } from "./binding.js";

/** The kernels, or why there are none here. */
export type NativeFound =
  | { readonly native: NativeKernels; readonly reason?: never }
  | { readonly native?: never; readonly reason: string };

/**
 * The kernels built for this machine. It never throws: where no library was built or it does not load, `reason` says so and WASM serves.
 * All of them give the bits of the plain-SIMD WASM build, for any processor and any number of threads (RAYON_NUM_THREADS sets that).
 * `BIOVLM_NATIVE=off` in `env` leaves them out.
 *
 *     const { native } = nativeKernels();
 *     const core = await loadCore({ native });
 */
export function nativeKernels(path: string = libraryPath(), env: Readonly<Record<string, string | undefined>> = process.env): NativeFound {
  const { binding, reason } = bindingAt(path, env);
  if (binding === undefined) return { reason };
  return { native: { name: binding.describe(), kernels: kernelsOf(binding), bitEqual: KERNEL_NAMES } };
}

function kernelsOf(binding: Binding): Kernels {
  const { softmax, logSoftmax, entropy, l2Normalize, gemm } = binding;
  const resample: Kernels["resample"] = ({ data, width, height }, { size, horizontal, vertical }, out) => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
    binding.resample(bytes, width, height, size, horizontal, vertical, out);
  };
  return {
    softmax,
    logSoftmax,
    entropy,
    l2Normalize,
    gemm,
    select: (out, B, N, C, K) => binding.select(out.logits, out.entropy, out.kept, out.mean, out.probabilities, B, N, C, K),
    route: (f, t, scale, { B, N, C, D }, K, out) =>
      binding.route(f, t, scale, out.logits, out.entropy, out.kept, out.mean, out.probabilities, [B, N, C, D, K]),
    resample,
    resampleThroughTable(image, plan, table, out, offset) {
      const length = plan.size * plan.size * 3;
      const bytes = new Uint8Array(length);
      resample(image, plan, bytes);
      binding.throughTable(bytes, table, out.subarray(offset, offset + length));
    },
  };
}
