// Chooses kernels and makes a Core of them: relaxed SIMD, else plain SIMD, else plain loops, with native ones over them where they were
// handed in. What was chosen, and why, is in `core.info`. Nothing is looked for here: a native implementation is a value of the caller's.

import type { Core, CoreBuild, CoreInfo } from "./core.js";
import { CoreError } from "./errors.js";
import { guardedCore } from "./guarded-core.js";
import type { Kernels, NativeKernels } from "./kernels.js";
import { checkNative, mixedKernels, servedKernels } from "./native-kernels.js";
import { createReferenceCore, referenceKernels } from "./reference.js";
import { wasmKernels } from "./wasm-kernels.js";
import { supports, type WasmBuild, wasmModule } from "./wasm-module.js";

/**
 * auto: the native implementation handed in, else WASM, else plain loops. wasm: never native. native: what was handed in, or loading
 * fails. reference: plain loops.
 */
export type KernelChoice = "auto" | "wasm" | "native" | "reference";

/** Which build and whose kernels are wanted. Nothing given: the fastest that runs here. */
export interface LoadOptions {
  /** Never relaxed SIMD, and native kernels only where they have the bits of plain SIMD: the same bits on every engine. Training wants this. Default false. */
  readonly deterministic?: boolean;
  /** A build by name: it runs or loading fails, there is no fallback. Default: the fastest that runs here. */
  readonly build?: CoreBuild;
  /** Whose kernels answer: a choice by name (default auto), or the native implementation itself, which then must serve. */
  readonly kernels?: KernelChoice | NativeKernels;
  /** The native implementation that "auto" and "native" mean, where the choice is a user's and comes by name. */
  readonly native?: NativeKernels | undefined;
}

const BUILDS: readonly CoreBuild[] = ["relaxed-simd", "simd", "reference"];
const CHOICES: readonly KernelChoice[] = ["auto", "wasm", "native", "reference"];
const OPTIONS = ["deterministic", "build", "kernels", "native"];

/**
 * Loads the numeric core. Cores are independent: each has its own working memory.
 * Throws `bad_option`, `wasm_unavailable` when a named build does not run here, and `native_unavailable` when native kernels are asked
 * for and none was handed in, or none of them may serve.
 *
 *     const core = await loadCore();
 *     const p = core.softmax(new Float32Array([1, 2, 3]), 1, 3);
 *
 *     const fast = await loadCore({ kernels: nativeKernels }); // from @biovlm/core-native
 */
export async function loadCore(options: LoadOptions = {}): Promise<Core> {
  check(options);
  const { deterministic = false, kernels = "auto" } = options;
  const choice = typeof kernels === "string" ? kernels : "native";
  const native = typeof kernels === "string" ? options.native : kernels;
  if (choice === "reference" || options.build === "reference") return createReferenceCore();
  const floor = await floorOf(options, choice === "wasm");
  // a build by name is what was asked for, unless native kernels were asked for too
  const wanted = choice === "native" || (choice === "auto" && options.build === undefined);
  if (!wanted || native === undefined) {
    if (choice === "native") refuseNative("expected an implementation handed in, got none. Pass { native } (@biovlm/core-native has one)");
    return guardedCore(floor.info, floor.kernels);
  }
  checkNative(native);
  const serves = servedKernels(native, deterministic);
  if (serves.length === 0) {
    if (choice === "native") {
      refuseNative(
        `expected a kernel of ${native.name} that may serve${deterministic ? " where deterministic is set" : ""}, got none. Ask for auto`,
      );
    }
    return guardedCore(floor.info, floor.kernels);
  }
  const info: CoreInfo = {
    ...floor.info,
    kernels: "native",
    native: { name: native.name, serves },
    deterministic: floor.info.build === "simd" && serves.every((name) => native.bitEqual.includes(name)),
  };
  return guardedCore(info, mixedKernels(floor.kernels, native, serves));
}

interface Floor {
  readonly info: CoreInfo;
  readonly kernels: Kernels;
}

/** The build that answers where nothing native does; plain loops where no WASM build runs, unless `wasm` insists on one. */
async function floorOf({ deterministic = false, build }: LoadOptions, wasm: boolean): Promise<Floor> {
  if (build !== undefined && build !== "reference") return wasmFloor(build, `${build} was asked for`);
  const refused: string[] = [];
  for (const candidate of deterministic ? (["simd"] as const) : (["relaxed-simd", "simd"] as const)) {
    try {
      return await wasmFloor(candidate, refused.join("; ") || "the fastest build that was allowed");
    } catch (error) {
      if (!(error instanceof CoreError)) throw error;
      refused.push(error.message);
    }
  }
  const detail = refused.join("; ");
  if (wasm) throw new CoreError("wasm_unavailable", `kernels wasm — expected a build that runs here, got none: ${detail}`);
  return { info: createReferenceCore(detail).info, kernels: referenceKernels };
}

async function wasmFloor(build: WasmBuild, detail: string): Promise<Floor> {
  if (!supports(build)) {
    throw new CoreError("wasm_unavailable", `${build} build — expected an engine with these instructions, got one without. Update it.`);
  }
  const kernels = wasmKernels(await wasmModule(build));
  return { info: { build, kernels: "wasm", deterministic: build === "simd", detail }, kernels };
}

function refuseNative(rest: string): never {
  throw new CoreError("native_unavailable", `kernels native — ${rest}.`);
}

function check(options: LoadOptions): void {
  for (const key of Object.keys(options)) {
    if (!OPTIONS.includes(key)) throw new CoreError("bad_option", `loadCore — expected ${OPTIONS.join(" or ")}, got ${key}. Drop it.`);
  }
  const { deterministic, build, kernels, native } = options;
  if (build !== undefined && !BUILDS.includes(build)) {
    throw new CoreError("bad_option", `build — expected ${BUILDS.join(", ")}, got ${build}. Leave it out to get the fastest.`);
  }
  if (deterministic && build === "relaxed-simd") {
    throw new CoreError("bad_option", "build relaxed-simd — expected a deterministic build, got one that is not. Use simd.");
  }
  if (typeof kernels === "string" && !CHOICES.includes(kernels)) {
    throw new CoreError("bad_option", `kernels — expected ${CHOICES.join(", ")}, got ${kernels}. Leave it out to get the fastest.`);
  }
  if (kernels !== undefined && typeof kernels !== "string" && native !== undefined) {
    throw new CoreError("bad_option", "native — expected it once, got it in kernels and in native. Drop one.");
  }
  const other = kernels === "wasm" ? build === "reference" : kernels === "reference" && build !== undefined && build !== "reference";
  if (other || (build === "reference" && kernels !== undefined && kernels !== "auto" && kernels !== "reference")) {
    throw new CoreError("bad_option", `build ${build} — expected one that fits the kernels asked for, got another. Drop one of the two.`);
  }
}
