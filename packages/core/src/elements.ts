// One element of a typed array, read in a loop whose index is in range by construction.
// An index beyond the end gives NaN, never undefined and never 0: a fault shows in the result, where the finite checks meet it.
// One function a kind of array, so that an engine sees one kind at each read. The read costs up to a third of a loop that does nothing
// else: the four hottest loops of training (losses/cosine.ts, losses/routing-gradient.ts) read their arrays themselves.

/** x[i] of float32 numbers. */
export function f32(x: Float32Array, i: number): number {
  return x[i] ?? Number.NaN;
}

/** x[i] of float64 numbers. */
export function f64(x: Float64Array, i: number): number {
  return x[i] ?? Number.NaN;
}

/** x[i] of float numbers of either width, for the sums that serve both. */
export function float(x: Float32Array | Float64Array, i: number): number {
  return x[i] ?? Number.NaN;
}

/** x[i] of whole numbers. */
export function i32(x: Int32Array, i: number): number {
  return x[i] ?? Number.NaN;
}

/** x[i] of bytes. */
export function u8(x: Uint8Array | Uint8ClampedArray, i: number): number {
  return x[i] ?? Number.NaN;
}
