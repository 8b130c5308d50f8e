// What the compiled binding exports, and its loading. The binding checks every length again and throws where one does not fit.

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
  throughTable(bytes: Uint8Array, table: Float32Array, out: Float32Array): void;
}

/** logits, entropy, kept, mean, probabilities */
type RoutingViews = [Float32Array, Float32Array, Int32Array, Float32Array, Float32Array];

/** Where the build puts the library: beside the compiled sources. */
export const BUILT = fileURLToPath(new URL("../dist/biovlm-core.node", import.meta.url));

/** Loads a library; throws what the loader throws where it is absent or made for another machine. */
export function loadBinding(path: string): Binding {
  return createRequire(import.meta.url)(path) as Binding;
}
