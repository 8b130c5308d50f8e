// A state dict: float32 weights by name, read when asked for. One interface over safetensors files, torch checkpoints and renamed layouts,
// so that nobody behind it needs to know which one it was. It knows nothing of towers (spec.ts does).

import { quoted } from "@biovlm/files";
import { ELEMENT_BYTES, elementCount, type Tensor } from "@biovlm/graph";
import { ModelError } from "../contract/errors.js";
import type { Safetensors, SafetensorsDtype } from "./safetensors.js";
import { toFloat32 } from "./to-float32.js";

/** A float32 tensor of a state dict; the graph package's Tensor, so that a tower may refer to it where it lies. */
export interface WeightTensor extends Tensor {
  readonly dtype: "float32";
  /** What the file stores; it differs from `dtype` when `bytes()` converts. */
  readonly storedAs: SafetensorsDtype;
  /** `length` bytes from `offset` on without reading the rest, where the file can give them as they are. */
  range?(offset: number, length: number): Uint8Array;
}

/** Weights by the names of their checkpoint, read on demand. */
export interface StateDict {
  /** Throws ModelError `missing_key` for a name that is absent. */
  get(name: string): WeightTensor;
  has(name: string): boolean;
  keys(): readonly string[];
  /** Strings that came with the weights (safetensors `__metadata__`). */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A state dict over tensors that are already at hand. */
export function stateDictOf(tensors: ReadonlyMap<string, WeightTensor>, metadata: Readonly<Record<string, string>> = {}): StateDict {
  const names = [...tensors.keys()];
  return {
    metadata,
    keys: () => names,
    has: (name) => tensors.has(name),
    get(name) {
      const tensor = tensors.get(name);
      if (tensor === undefined) {
        throw new ModelError(
          "missing_key",
          `weights — expected a tensor ${quoted(name)}, got ${names.length} others. Check that this is the whole model.`,
        );
      }
      return tensor;
    },
  };
}

/** Wraps stored elements as float32; converted on each call of `bytes()` unless they are F32 already. */
export function weightTensor(
  stored: {
    readonly dtype: SafetensorsDtype;
    readonly shape: readonly number[];
    bytes(): Uint8Array;
    range?(offset: number, length: number): Uint8Array;
  },
  external?: Tensor["external"],
): WeightTensor {
  const { dtype, shape } = stored;
  const byteLength = elementCount(shape) * ELEMENT_BYTES.float32;
  const bytes = () => {
    if (dtype === "F32") return stored.bytes();
    const floats = toFloat32(dtype, stored.bytes());
    return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
  };
  return {
    dtype: "float32",
    storedAs: dtype,
    shape,
    byteLength,
    bytes,
    ...(stored.range !== undefined && dtype === "F32" ? { range: stored.range } : {}),
    ...(external === undefined ? {} : { external }),
  };
}

/**
 * The tensors of a safetensors file as a state dict. With `location` (the file's name as an ONNX model beside it would write it) the F32 tensors
 * carry `external`, so that graphs refer to them in place; other types are converted and are copied.
 * @example const weights = safetensorsStateDict(openSafetensors(bytes));
 */
export function safetensorsStateDict(file: Safetensors, { location }: { readonly location?: string } = {}): StateDict {
  const tensors = new Map<string, WeightTensor>();
  for (const [name, tensor] of file.tensors) {
    const inPlace = location !== undefined && tensor.dtype === "F32" && tensor.byteLength > 0;
    tensors.set(name, weightTensor(tensor, inPlace ? { location, offset: tensor.offset, length: tensor.byteLength } : undefined));
  }
  return stateDictOf(tensors, file.metadata);
}
