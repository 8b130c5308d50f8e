// What the compiled binding exports, and its loading. The binding checks every length again and throws where one does not fit.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { AxisPlan } from "@biovlm/core";

type Axis = Pick<AxisPlan, "taps" | "first" | "count" | "weights">;
type RowKernel = (x: Float32Array, rows: number, C: number, out: Float32Array) => boolean;

/** The functions of binding/src/lib.rs. */
export interface Binding {
  describe(): string;
  softmax: RowKernel;
  logSoftmax: RowKernel;
  entropy: RowKernel;
  l2Normalize(x: Float32Array, rows: number, D: number, out: Float32Array): number;
  gemm(a: Float32Array, b: Float32Array, scale: number, M: number, R: number, D: number, out: Float32Array): boolean;
  select(...call: [...RoutingViews, B: number, N: number, C: number, K: number]): boolean;
  /** sizes: B, N, C, D, K */
  route(f: Float32Array, t: Float32Array, scale: number, ...rest: [...RoutingViews, sizes: number[]]): boolean;
  resample(data: Uint8Array, width: number, height: number, size: number, horizontal: Axis, vertical: Axis, out: Uint8Array): void;
  /** absent in builds before it; empty where images were not built in */
  imageFormats?(): string[];
  prepareImage?(bytes: Uint8Array, jpeg: boolean, width: number, height: number, size: number): Promise<Uint8Array | null>;
  /** "avx512-vnni", or null where this processor serves none; absent in builds before it */
  imageTowerLevel?(): string | null;
  openImageTower?(sizes: number[], weights: Float32Array[], threads: number): Promise<NativeTower>;
  throughTable(bytes: Uint8Array, table: Float32Array, out: Float32Array): void;
}

/** An image tower of the binding; its memory goes with it. */
export interface NativeTower {
  runRgb(rgb: Uint8Array, mean: Float32Array, std: Float32Array): Promise<Float32Array>;
  runPixels(pixels: Float32Array): Promise<Float32Array>;
}

/** logits, entropy, kept, mean, probabilities */
type RoutingViews = [Float32Array, Float32Array, Int32Array, Float32Array, Float32Array];

/** Where the build puts the library: beside the compiled sources. */
export const BUILT = fileURLToPath(new URL("../dist/biovlm-core.node", import.meta.url));

const require = createRequire(import.meta.url);

/** Name of the package that has this machine's library: one for each platform, on Linux for each C library. */
function platformPackage(): string {
  const { platform, arch } = process;
  if (platform === "win32") return `@biovlm/core-native-win32-${arch}-msvc`;
  if (platform !== "linux") return `@biovlm/core-native-${platform}-${arch}`;
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return `@biovlm/core-native-linux-${arch}-${header.glibcVersionRuntime === undefined ? "musl" : "gnu"}`;
}

/** The library that was built here or, where none was, that of the platform's package; where neither is there, the path of the build. */
export function libraryPath(built: string = BUILT, from: NodeJS.Require = require): string {
  if (existsSync(built)) return built;
  try {
    return from.resolve(platformPackage());
  } catch {
    return built;
  }
}

/** The library at `path`, or why it does not serve. Never throws. */
export function bindingAt(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): { readonly binding: Binding; readonly reason?: never } | { readonly binding?: never; readonly reason: string } {
  if (env["BIOVLM_NATIVE"] === "off") return { reason: "BIOVLM_NATIVE=off" };
  if (!existsSync(path)) return { reason: "no native build for this machine" };
  try {
    return { binding: require(path) as Binding };
  } catch (error) {
    const [line] = (error instanceof Error ? error.message : String(error)).replaceAll(path, "the library").split("\n");
    return { reason: `the native build does not load: ${line}` };
  }
}
