// Views on weights for the tower builders: rows of a matrix, another shape, a small derived table. No copies: a view of a tensor that lies in a
// file still lies in that file, so that graphs refer to the weights in place.

import { nth } from "@biovlm/files";
import { ELEMENT_BYTES, lazyTensor, numbersOf, type Tensor, tensorOf } from "@biovlm/graph";

/** What a tower needs of a state dict: float32 tensors by name. `get` throws for a name that is absent. */
export interface TowerWeights {
  get(name: string): Tensor;
}

/** Rows from..to (end excluded) of a tensor [rows, ..], a contiguous range of its bytes. */
export function rowsOf(tensor: Tensor, from: number, to: number): Tensor {
  const width = tensor.shape.slice(1).reduce((a, b) => a * b, 1) * ELEMENT_BYTES[tensor.dtype];
  const length = (to - from) * width;
  const external = tensor.external && { location: tensor.external.location, offset: tensor.external.offset + from * width, length };
  return lazyTensor(tensor.dtype, [to - from, ...tensor.shape.slice(1)], () => tensor.bytes().subarray(from * width, to * width), external);
}

/** The same bytes with another shape. */
export function reshaped(tensor: Tensor, shape: readonly number[]): Tensor {
  return lazyTensor(tensor.dtype, shape, () => tensor.bytes(), tensor.external);
}

/** a[i] + b[i mod b's size], in float32: position and token type tables, the class token with its position. */
export function added(a: Tensor, b: Tensor, shape: readonly number[]): Tensor {
  const x = numbersOf(a);
  const y = numbersOf(b);
  return tensorOf(
    "float32",
    shape,
    Float32Array.from(x, (v, i) => v + nth(y, i % y.length)),
  );
}
