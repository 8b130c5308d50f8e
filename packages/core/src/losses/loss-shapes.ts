// Shape and label checks shared by the losses; nothing numeric.

import { CoreError } from "../errors.js";

/** Throws `bad_shape` unless length is the product of shape. */
export function checkLength(what: string, length: number, shape: readonly number[]): void {
  const expected = shape.reduce((a, b) => a * b, 1);
  if (!shape.every((d) => Number.isInteger(d) && d > 0) || length !== expected) {
    throw new CoreError(
      "bad_shape",
      `${what} — expected [${shape.join(", ")}] (${expected} numbers), got ${length}. Pass the array of that shape.`,
    );
  }
}

/** Throws `bad_label` unless there are B labels, each an integer in 0..C−1. */
export function checkLabels(labels: Int32Array, B: number, C: number): void {
  checkLength("labels", labels.length, [B]);
  for (let b = 0; b < B; b++) {
    const y = labels[b]!;
    if (y < 0 || y >= C)
      throw new CoreError("bad_label", `label ${b} — expected 0 to ${C - 1}, got ${y}. Check the class list of the data set.`);
  }
}
