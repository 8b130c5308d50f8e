// The kernel suite for a test runner. The runner's functions are handed in: nothing here depends on one.

import type { Kernels } from "../kernels.js";
import { wasmKernels } from "../wasm-kernels.js";
import { supports, type WasmBuild, wasmModule } from "../wasm-module.js";
import type { KernelPromise, KernelSubject } from "./kernel-promise.js";
import { pixelPromises } from "./pixel-promises.js";
import { routingPromises } from "./routing-promises.js";
import { scorePromises } from "./score-promises.js";

/** Every promise of the Kernels contract, in order. A page without a test runner walks this list itself. */
export const kernelPromises: readonly KernelPromise[] = [...scorePromises, ...routingPromises, ...pixelPromises];

/** What is needed of a test runner; vitest's and jest's fit. */
export interface KernelTestRunner {
  describe(title: string, body: () => void): unknown;
  it(title: string, body: () => void): unknown;
}

/**
 * One test for each promise about kernels that the subject has; what is left out is printed.
 * @example describeKernels("native", { kernels, cases: 10_000 }, { describe, it });
 */
export function describeKernels(
  name: string,
  subject: KernelSubject,
  runner: KernelTestRunner,
  promises: readonly KernelPromise[] = kernelPromises,
): void {
  runner.describe(`kernels of ${name}`, () => {
    for (const promise of promises) {
      const absent = promise.needs.find((kernel) => subject.kernels[kernel] === undefined);
      if (absent === undefined) runner.it(promise.title, () => promise.run(subject));
      else console.log(`skipped: ${name}, ${promise.title}: it has no ${absent}`);
    }
  });
}

/** The kernels of one of core's WASM builds, to compare with; undefined where this engine does not run it. */
export async function wasmBuildKernels(build: WasmBuild): Promise<Kernels | undefined> {
  return supports(build) ? wasmKernels(await wasmModule(build)) : undefined;
}
