// Chooses a build and makes a Core of it: relaxed SIMD, else plain SIMD, else plain loops. What was chosen, and why, is in `core.info`.

import type { Core, CoreBuild } from "./core.js";
import { CoreError } from "./errors.js";
import { guardedCore } from "./guarded-core.js";
import { createReferenceCore } from "./reference.js";
import { wasmKernels } from "./wasm-kernels.js";
import { supports, type WasmBuild, wasmModule } from "./wasm-module.js";

export interface LoadOptions {
  /** Never relaxed SIMD: the same bits on every engine. Training wants this. Default false. */
  readonly deterministic?: boolean;
  /** A build by name: it runs or loading fails, there is no fallback. Default: the fastest that runs here. */
  readonly build?: CoreBuild;
}

const BUILDS: readonly CoreBuild[] = ["relaxed-simd", "simd", "reference"];
const OPTIONS = ["deterministic", "build"];

/**
 * Loads the numeric core. Cores are independent: each has its own working memory.
 * Throws `bad_option`, and `wasm_unavailable` when a named build does not run here.
 *
 *     const core = await loadCore();
 *     const p = core.softmax(new Float32Array([1, 2, 3]), 1, 3);
 */
export async function loadCore(options: LoadOptions = {}): Promise<Core> {
  check(options);
  const { deterministic = false, build } = options;
  if (build === "reference") return createReferenceCore();
  if (build !== undefined) return wasmCore(build, `${build} was asked for`);
  const refused: string[] = [];
  for (const candidate of deterministic ? (["simd"] as const) : (["relaxed-simd", "simd"] as const)) {
    try {
      return await wasmCore(candidate, refused.join("; ") || "the fastest build that was allowed");
    } catch (error) {
      if (!(error instanceof CoreError)) throw error;
      refused.push(error.message.replace("[biovlm:core] ", ""));
    }
  }
  return createReferenceCore(refused.join("; "));
}

async function wasmCore(build: WasmBuild, detail: string): Promise<Core> {
  if (!supports(build)) {
    throw new CoreError("wasm_unavailable", `${build} build — expected an engine with these instructions, got one without. Update it.`);
  }
  return guardedCore({ build, deterministic: build === "simd", detail }, wasmKernels(await wasmModule(build)));
}

function check(options: LoadOptions): void {
  for (const key of Object.keys(options)) {
    if (!OPTIONS.includes(key)) throw new CoreError("bad_option", `loadCore — expected ${OPTIONS.join(" or ")}, got ${key}. Drop it.`);
  }
  const { deterministic, build } = options;
  if (build !== undefined && !BUILDS.includes(build)) {
    throw new CoreError("bad_option", `build — expected ${BUILDS.join(", ")}, got ${build}. Leave it out to get the fastest.`);
  }
  if (deterministic && build === "relaxed-simd") {
    throw new CoreError("bad_option", "build relaxed-simd — expected a deterministic build, got one that is not. Use simd.");
  }
}
