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
  throughTable(bytes: Uint8Array, table: Float32Array, out: Float32Array): void;
}

/** logits, entropy, kept, mean, probabilities */
type RoutingViews = [Float32Array, Float32Array, Int32Array, Float32Array, Float32Array];

/** Where the build puts the library: beside the compiled sources. */
export const BUILT = fileURLToPath(new URL("../dist/biovlm-core.node", import.meta.url));

function loadBinding(path: string): Binding {
  return createRequire(import.meta.url)(path) as Binding;
}

/** The library at `path`, or why it does not serve. Never throws. */
export function bindingAt(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): { readonly binding: Binding; readonly reason?: never } | { readonly binding?: never; readonly reason: string } {
  if (env["BIOVLM_NATIVE"] === "off") return { reason: "BIOVLM_NATIVE=off" };
  if (!existsSync(path)) return { reason: "no native build for this machine" };
  try {
    return { binding: loadBinding(path) };
  } catch (error) {
    const [line] = (error instanceof Error ? error.message : String(error)).replaceAll(path, "the library").split("\n");
    return { reason: `the native build does not load: ${line}` };
  }
}
