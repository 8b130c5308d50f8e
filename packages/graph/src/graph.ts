// What an ONNX graph is here: plain immutable values, in the operators' ONNX form (shapes of a Reshape are an int64 input, and so on),
// so that the writer, the evaluator, the quantiser and the differentiator are each one pass over the same thing.
// It is not a runtime: onnxruntime executes what `serializeModel` writes.

/** Element types this package reads and writes. */
export type DType = "float32" | "float16" | "float64" | "int64" | "int32" | "int8" | "uint8" | "bool";

/** A size: a number, or a symbol such as "n" known only at run time. Products are symbols too ("L*n", "12*n"), see dims.ts. */
export type Dim = number | string;

/** One tensor-valued edge of the graph. Shape [] is a scalar. */
export interface Value {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

/** Where a tensor's bytes already lie in a file: `location` is relative to the model file's folder. */
export interface ExternalData {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** Constant data. `bytes()` is little-endian and row-major and may read from disk on each call; it is never retained by this package. */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly byteLength: number;
  bytes(): Uint8Array;
  /** Set when the bytes already lie in a file: the writer then refers to them instead of copying. */
  readonly external?: ExternalData;
}

/** Attribute of a node, tagged by its ONNX type. */
export type Attribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] }
  | { readonly tensor: Tensor };

/** One operator call. An absent optional input is the empty name. */
export interface Node {
  readonly op: string;
  /** "" for ONNX's own operators, "com.microsoft" for onnxruntime's. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A whole graph; nodes are in execution order and each value name is assigned once. */
export interface Graph {
  readonly name: string;
  readonly opset: number;
  readonly irVersion: number;
  readonly inputs: readonly Value[];
  readonly outputs: readonly { readonly name: string; readonly value: Value }[];
  readonly nodes: readonly Node[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** Every value by name: inputs, initializers and node outputs. */
  readonly values: ReadonlyMap<string, Value>;
}

/** Opset 20 is the first with Gelu as one operator; LayerNormalization came with 17, reductions with axes as input with 18. */
export const OPSET = 20;
/** IR version that belongs to opset 20. */
export const IR_VERSION = 9;

/** ONNX's codes of the element types. */
export const DTYPE_CODE: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
};
