// @biovlm/graph: ONNX graphs as typed values — build, write, read, evaluate, quantise, differentiate. Imports nothing of ours.

export { GraphBuilder, type Operand } from "./builder.js";
export { chained } from "./chain.js";
export { type Derivative, type DifferentiateOptions, differentiate } from "./differentiation/differentiate.js";
export { GraphError, type GraphErrorCode } from "./errors.js";
export { type Evaluated, evaluate, type Feed } from "./evaluation/evaluate.js";
export { checkExternalLocation } from "./external-location.js";
export { type FoldOptions, foldConstants } from "./fold-constants.js";
export type { Attribute, Dim, DType, ExternalData, Graph, Node, Tensor, Value } from "./graph.js";
export { IR_VERSION, OPSET } from "./graph.js";
export { type ParseOptions, parseModel } from "./parse.js";
export { convertToFloat16 } from "./quantisation/float16.js";
export type { QuantizeOptions } from "./quantisation/frozen-products.js";
export { quantizeDynamicInt8, quantizeRowInt8, quantizeWeightOnly, type WeightOnlyOptions } from "./quantisation/quantize.js";
export { type SerializedModel, type SerializeOptions, serializeModel } from "./serialize.js";
export {
  arrayOf,
  ELEMENT_BYTES,
  elementCount,
  fromFloat16,
  lazyTensor,
  numbersOf,
  type TensorArray,
  tensorOf,
  toFloat16,
} from "./tensor.js";
