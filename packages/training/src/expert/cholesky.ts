// Symmetric positive definite systems A·X = B by Cholesky, in float64 and in one fixed order of operations (+ − × ÷ √ alone), so that every
// engine gives the same bits. D is an embedding's width here (≤ 1 152): a third of D³ products.

import { TrainingError } from "../errors.js";

/**
 * The lower factor L of A = L·Lᵀ.
 * @param a [D,D] symmetric, row by row; its lower triangle is read @returns [D,D], zeros above the diagonal
 * @throws TrainingError `not_finite` where A is not positive definite to working precision
 */
export function choleskyFactor(a: Float64Array, D: number): Float64Array {
  const l = new Float64Array(D * D);
  for (let i = 0; i < D; i++) {
    const rowI = l.subarray(i * D, i * D + D);
    for (let j = 0; j <= i; j++) {
      const rowJ = l.subarray(j * D, j * D + D);
      const rest = (a[i * D + j] ?? Number.NaN) - dot(rowI, rowJ, j);
      if (i !== j) {
        rowI[j] = rest / (rowJ[j] ?? Number.NaN);
        continue;
      }
      if (!(rest > 0) || !Number.isFinite(rest)) {
        throw new TrainingError(
          "not_finite",
          `linear system — expected a positive definite matrix, got a pivot of ${rest} at row ${i}. The images' embeddings hold NaN, or are all alike.`,
        );
      }
      rowI[i] = Math.sqrt(rest);
    }
  }
  return l;
}

/** x with L·Lᵀ·x = b. l [D,D] from {@link choleskyFactor}, b [D] → [D] */
export function choleskySolve(l: Float64Array, b: ArrayLike<number>, D: number): Float64Array {
  const x = Float64Array.from(b);
  for (let i = 0; i < D; i++) {
    const row = l.subarray(i * D, i * D + D);
    x[i] = ((x[i] ?? Number.NaN) - dot(row, x, i)) / (row[i] ?? Number.NaN);
  }
  for (let i = D - 1; i >= 0; i--) {
    let sum = x[i] ?? Number.NaN;
    for (let k = i + 1; k < D; k++) sum -= (l[k * D + i] ?? Number.NaN) * (x[k] ?? Number.NaN);
    x[i] = sum / (l[i * D + i] ?? Number.NaN);
  }
  return x;
}

function dot(a: Float64Array, b: Float64Array, n: number): number {
  let sum = 0;
  for (let k = 0; k < n; k++) sum += a[k]! * b[k]!;
  return sum;
}
