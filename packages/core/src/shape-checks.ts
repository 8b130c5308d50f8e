// Checks of shapes, labels and numbers shared by kernels and losses; nothing numeric.

import { i32 } from "./elements.js";
import { CoreError } from "./errors.js";
import type { RgbImage } from "./image.js";

/** Throws `bad_shape` unless length is the product of shape and every side is a positive integer. */
export function checkLength(what: string, length: number, shape: readonly number[]): void {
  const expected = shape.reduce((a, b) => a * b, 1);
  if (!shape.every((d) => Number.isInteger(d) && d > 0) || length !== expected) {
    throw new CoreError(
      "bad_shape",
      `${what} — expected [${shape.join(", ")}] (${expected} numbers), got ${length}. Pass the array of that shape.`,
    );
  }
}

/** checkLength for an array that must be a Float32Array. */
export function checkArray(what: string, x: Float32Array, shape: readonly number[]): void {
  if (!(x instanceof Float32Array)) {
    throw new CoreError("bad_shape", `${what} — expected a Float32Array, got ${Object.prototype.toString.call(x)}. Convert it first.`);
  }
  checkLength(what, x.length, shape);
}

/** Throws `bad_label` unless there are B labels, each an integer in 0..C−1. */
export function checkLabels(labels: Int32Array, B: number, C: number): void {
  checkLength("labels", labels.length, [B]);
  for (let b = 0; b < B; b++) {
    const y = i32(labels, b);
    if (y < 0 || y >= C)
      throw new CoreError("bad_label", `label ${b} — expected 0 to ${C - 1}, got ${y}. Check the class list of the data set.`);
  }
}

/** Throws `bad_shape` unless x is an integer in 1..max. */
export function checkSize(what: string, x: number, max: number): void {
  if (!Number.isInteger(x) || x < 1 || x > max) {
    throw new CoreError("bad_shape", `${what} — expected a whole number from 1 to ${max}, got ${x}. Check the model's image size.`);
  }
}

/** Throws `bad_shape` unless the image's bytes are width·height·3. */
export function checkImage(image: RgbImage): void {
  const { data, width, height } = image;
  const bytes = data instanceof Uint8Array || data instanceof Uint8ClampedArray;
  if (!bytes) throw new CoreError("bad_shape", "image data — expected bytes, got something else. Pass decoded RGB8 pixels.");
  checkLength("image [height, width, 3]", data.length, [height, width, 3]);
}

/** Throws `nan_input` naming the first entry that is NaN or infinite. */
export function checkFinite(what: string, x: Float32Array): void {
  const bad = x.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new CoreError("nan_input", `${what}[${bad}] — expected a finite number, got ${x[bad]}. Check what produced it.`);
  }
}
