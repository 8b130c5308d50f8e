// The builds a test run covers: every WASM build this engine accepts. Node 20 has relaxed SIMD behind a flag, which is set here.

import { setFlagsFromString } from "node:v8";
import type { Core } from "../src/core.js";
import { guardedCore } from "../src/guarded-core.js";
import { wasmKernels } from "../src/wasm-kernels.js";
import { supports, type WasmBuild, wasmModule } from "../src/wasm-module.js";

if (!supports("relaxed-simd")) setFlagsFromString("--experimental-wasm-relaxed-simd");

export const builds: readonly WasmBuild[] = (["simd", "relaxed-simd"] as const).filter((build) => {
  const runs = supports(build);
  if (!runs) console.log(`skipped: this engine has no ${build}`);
  return runs;
});

const modules = new Map(await Promise.all(builds.map(async (build) => [build, await wasmModule(build)] as const)));

export function moduleOf(build: WasmBuild): WebAssembly.Module {
  return modules.get(build)!;
}

/** A Core per build with canaries round every buffer; `intact` is checked by the kernels' own tests. */
export function coreOf(): [string, Core][] {
  return builds.map((build) => [
    build,
    guardedCore({ build, kernels: "wasm", deterministic: build === "simd", detail: "test" }, wasmKernels(moduleOf(build), 64)),
  ]);
}
