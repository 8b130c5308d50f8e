// Decides which WASM build runs here and compiles it. Features are probed by validating a tiny module, never by the engine's name.

import type { CoreBuild } from "./core.js";
import { CoreError } from "./errors.js";

export type WasmBuild = Exclude<CoreBuild, "reference">;

const HEAD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10];
/** i32.const 0, i32x4.splat */
const SPLAT = [65, 0, 253, 17];
const PROBES: Readonly<Record<WasmBuild, readonly number[]>> = {
  // i32x4.dot_i16x8_s of two splats
  simd: [...HEAD, 15, 1, 13, 0, ...SPLAT, ...SPLAT, 253, 186, 1, 11],
  // f32x4.relaxed_madd of three splats
  "relaxed-simd": [...HEAD, 19, 1, 17, 0, ...SPLAT, ...SPLAT, ...SPLAT, 253, 133, 2, 11],
};

/** Whether this engine accepts the instructions of a build. */
export function supports(build: WasmBuild): boolean {
  return typeof WebAssembly === "object" && WebAssembly.validate(new Uint8Array(PROBES[build]));
}

const compiled = new Map<WasmBuild, Promise<WebAssembly.Module>>();

/** The compiled module of a build, once per process. Throws `wasm_unavailable` where the engine or a content policy refuses it. */
export function wasmModule(build: WasmBuild): Promise<WebAssembly.Module> {
  let module = compiled.get(build);
  if (module === undefined) {
    module = compile(build);
    compiled.set(build, module);
    module.catch(() => compiled.delete(build));
  }
  return module;
}

async function compile(build: WasmBuild): Promise<WebAssembly.Module> {
  const { wasm } = build === "simd" ? await import("./generated/simd.js") : await import("./generated/relaxed-simd.js");
  const bytes = Uint8Array.from(atob(wasm), (c) => c.charCodeAt(0));
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    throw new CoreError(
      "wasm_unavailable",
      `${build} build — expected this engine to compile it, got ${cause}. On a page, allow 'wasm-unsafe-eval' in its content policy.`,
      { cause },
    );
  }
}
