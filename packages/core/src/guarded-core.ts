// The Core contract over any set of kernels: every shape, option and number is checked here, once, before a kernel runs.
// No numerics beyond K; a kernel's refusal becomes an error that names the array and the place.

import type { Core, CoreInfo, Routing } from "./core.js";
import { CoreError } from "./errors.js";
import type { Box, RgbImage } from "./image.js";
import { keptCount } from "./kept-count.js";
import type { Kernels, RoutingArrays } from "./kernels.js";
import { MAX_SIDE, normalizePixels, pixelTable, planarTarget } from "./pixel-table.js";
import { boxPlan, centreCropPlan } from "./resample-plan.js";
import { checkArray, checkFinite, checkImage, checkSize } from "./shape-checks.js";

/** Wraps kernels into a Core. */
export function guardedCore(info: CoreInfo, kernels: Kernels): Core {
  return {
    info,
    resizeCrop(image, size) {
      checkImage(image);
      checkSize("size", size, MAX_SIDE);
      const out = new Uint8Array(size * size * 3);
      kernels.resample(image, centreCropPlan(image.width, image.height, size), out);
      return out;
    },
    resizeBox(image, box, size) {
      checkImage(image);
      checkBox(box, image);
      checkSize("size", size, MAX_SIDE);
      const out = new Uint8Array(size * size * 3);
      kernels.resample(image, boxPlan(box, size), out);
      return out;
    },
    preprocess(image, spec, out, offset = 0) {
      checkImage(image);
      const table = pixelTable(spec);
      const target = planarTarget(spec.size, out, offset);
      kernels.resampleThroughTable(image, centreCropPlan(image.width, image.height, spec.size), table, target, offset);
      return target;
    },
    normalize: normalizePixels,
    l2Normalize(x, rows, D) {
      checkArray("x", x, [rows, D]);
      const out = new Float32Array(rows * D);
      const bad = kernels.l2Normalize(x, rows, D, out);
      if (bad >= 0) {
        checkFinite("x", x);
        throw new CoreError("zero_row", `l2Normalize row ${bad} — expected a non-zero norm, got all zeros. Drop the row or recompute it.`);
      }
      return out;
    },
    gemm(a, b, { M, R, D }) {
      checkArray("a", a, [M, D]);
      checkArray("b", b, [R, D]);
      const out = output(M * R);
      if (!kernels.gemm(a, b, 1, M, R, D, out)) refuse("gemm", { a, b });
      return out;
    },
    score(f, t, scale, { B, N, C, D }) {
      checkScore(f, t, scale, B, N, C, D);
      const out = output(B * N * C);
      if (!kernels.gemm(f, t, scale, B, N * C, D, out)) refuse("score", { f, t });
      return out;
    },
    softmax: (x, rows, C) => byRow("softmax", x, rows, C, rows * C, kernels.softmax),
    logSoftmax: (x, rows, C) => byRow("logSoftmax", x, rows, C, rows * C, kernels.logSoftmax),
    entropy: (x, rows, C) => byRow("entropy", x, rows, C, rows, kernels.entropy),
    select(logits, rho, { B, N, C }) {
      checkArray("logits", logits, [B, N, C]);
      const K = keptCount(rho, N);
      const out = routingArrays(logits.slice(), B, N, C, K);
      if (!kernels.select(out, B, N, C, K)) refuse("select", { logits });
      return routing(out, K);
    },
    route(f, t, scale, rho, { B, N, C, D }) {
      checkScore(f, t, scale, B, N, C, D);
      const K = keptCount(rho, N);
      const out = routingArrays(output(B * N * C), B, N, C, K);
      if (!kernels.route(f, t, scale, { B, N, C, D }, K, out)) refuse("route", { f, t });
      return routing(out, K);
    },
  };
}

function checkBox(box: Box, image: RgbImage): void {
  const { left, top, width, height } = box;
  const whole = [left, top, width, height].every(Number.isInteger);
  if (!whole || left < 0 || top < 0 || width < 1 || height < 1 || left + width > image.width || top + height > image.height) {
    throw new CoreError(
      "bad_shape",
      `box — expected whole pixels inside ${image.width}×${image.height}, got ${width}×${height} at (${left}, ${top}). Clip the box to the image.`,
    );
  }
}

function checkScore(f: Float32Array, t: Float32Array, scale: number, B: number, N: number, C: number, D: number): void {
  checkArray("f", f, [B, D]);
  checkArray("t", t, [N, C, D]);
  if (!Number.isFinite(scale)) throw new CoreError("nan_input", `scale — expected a finite number, got ${scale}. Pass exp(logit_scale).`);
}

function byRow(
  what: string,
  x: Float32Array,
  rows: number,
  C: number,
  length: number,
  kernel: (x: Float32Array, rows: number, C: number, out: Float32Array) => boolean,
): Float32Array {
  checkArray("x", x, [rows, C]);
  const out = new Float32Array(length);
  if (!kernel(x, rows, C, out)) refuse(what, { x });
  return out;
}

/** Names the first number at fault, or says that finite inputs overflowed. */
function refuse(what: string, inputs: Record<string, Float32Array>): never {
  for (const [name, x] of Object.entries(inputs)) checkFinite(name, x);
  throw new CoreError("nan_input", `${what} — expected results within float32, got an overflow. Normalise the inputs first.`);
}

function output(length: number): Float32Array {
  try {
    return new Float32Array(length);
  } catch (cause) {
    throw new CoreError("out_of_memory", `output — expected to allocate ${length} numbers, got a refusal. Use smaller batches.`, { cause });
  }
}

function routingArrays(logits: Float32Array, B: number, N: number, C: number, K: number): RoutingArrays {
  return { logits, entropy: output(B * N), kept: new Int32Array(B * K), mean: output(B * C), probabilities: output(B * C) };
}

function routing(arrays: RoutingArrays, K: number): Routing {
  return { ...arrays, K };
}
