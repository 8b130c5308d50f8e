// Finds the products with a frozen matrix, MatMul and Gemm alike, and rounds such matrices to integers. Every rounding is lazy: a tensor is
// read, rounded and given when the writer asks for its bytes, so that a model of any size is converted one matrix at a time.

import { floatAttribute, intAttribute } from "../attributes.js";
import { f32, float, u8 } from "../elements.js";
import type { Graph, Node, Tensor, Value } from "../graph.js";
import { arrayOf, lazyTensor, numbersOf } from "../tensor.js";

/** y [.., N] = x [.., K] · W (+ bias), W an initializer. */
export interface FrozenProduct {
  readonly x: Value;
  readonly y: Value;
  readonly weight: Tensor;
  readonly weightName: string;
  /** Whether W is stored [N, K] (a Linear's own layout, Gemm transB) rather than [K, N]. */
  readonly rowsAreOutputs: boolean;
  readonly bias: string | undefined;
  readonly K: number;
  readonly N: number;
}

/** Which products to convert. */
export interface QuantizeOptions {
  /** Matrices of fewer elements stay as they are (default 4096): they cost little and round badly. */
  readonly minimumElements?: number;
  /** Names of initializers that stay as they are. */
  readonly keep?: (name: string) => boolean;
}

/** The product a node is, if it is one with a frozen float32 matrix that the options let go. */
export function frozenProduct(graph: Graph, n: Node, { minimumElements = 4096, keep }: QuantizeOptions): FrozenProduct | undefined {
  if (n.domain !== "" || (n.op !== "MatMul" && n.op !== "Gemm")) return undefined;
  const plain = intAttribute(n, "transA", 0) === 0 && floatAttribute(n, "alpha", 1) === 1 && floatAttribute(n, "beta", 1) === 1;
  const weightName = n.inputs[1] ?? "";
  const weight = graph.initializers.get(weightName);
  const [x, y] = [graph.values.get(n.inputs[0] ?? ""), graph.values.get(n.outputs[0] ?? "")];
  if (!plain || weight === undefined || weight.dtype !== "float32" || weight.shape.length !== 2 || x === undefined || y === undefined)
    return undefined;
  const rowsAreOutputs = intAttribute(n, "transB", 0) !== 0;
  const [a, b] = weight.shape as [number, number];
  if (a * b < minimumElements || keep?.(weightName)) return undefined;
  const [N, K] = rowsAreOutputs ? [a, b] : [b, a];
  return { x, y, weight, weightName, rowsAreOutputs, bias: n.inputs[2] || undefined, K, N };
}

function floats(tensor: Tensor): Float32Array | Float64Array {
  return tensor.dtype === "float32" ? (arrayOf(tensor) as Float32Array) : numbersOf(tensor);
}

/** What a value computes once and gives again; small things only. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/**
 * W as int8 [K, N] with a float32 scale [N] for each output, zero at 0.
 * The scale is the smallest at which no weight passes 127 and no two neighbours along K of one sign pass 128 together: kernels without VNNI
 * add two products of a uint8 and an int8 in 16 bits (255 · 128 < 2^15), and would saturate silently beyond.
 */
export function perOutput({ weight, rowsAreOutputs, K, N }: FrozenProduct): { weight: Tensor; scales: Tensor } {
  const [stepK, stepN] = rowsAreOutputs ? [1, K] : [N, 1];
  const scaleOf = once(() => {
    const w = floats(weight);
    return Float32Array.from({ length: N }, (_, n) => {
      let [single, pair] = [0, 0];
      for (let k = 0; k < K; k += 2) {
        const a = float(w, n * stepN + k * stepK);
        const b = k + 1 < K ? float(w, n * stepN + (k + 1) * stepK) : 0;
        single = Math.max(single, Math.abs(a), Math.abs(b));
        if (a * b > 0) pair = Math.max(pair, Math.abs(a + b));
      }
      // Half a step a weight may be lost upwards by rounding: 127 of 128 leaves room for both.
      return Math.max(single / 127, pair / 127) || 1;
    });
  });
  const rounded = () => {
    const w = floats(weight);
    const scale = scaleOf();
    const out = new Int8Array(K * N);
    for (let n = 0; n < N; n++) {
      const inverse = 1 / f32(scale, n);
      for (let k = 0; k < K; k++) out[k * N + n] = Math.round(float(w, n * stepN + k * stepK) * inverse);
    }
    return new Uint8Array(out.buffer);
  };
  return { weight: lazyTensor("int8", [K, N], rounded), scales: lazyTensor("float32", [N], () => new Uint8Array(scaleOf().buffer)) };
}

/** A table [V, W] as int8 rows with a float32 scale [V, 1] for each. */
export function perRow(table: Tensor): { rows: Tensor; scales: Tensor } {
  const [V, W] = table.shape as [number, number];
  const scaleOf = once(() => {
    const t = floats(table);
    return Float32Array.from({ length: V }, (_, v) => {
      let largest = 0;
      for (let i = v * W; i < (v + 1) * W; i++) largest = Math.max(largest, Math.abs(float(t, i)));
      return largest / 127 || 1;
    });
  });
  const rounded = () => {
    const t = floats(table);
    const scale = scaleOf();
    const out = new Int8Array(V * W);
    for (let i = 0; i < out.length; i++) out[i] = Math.round(float(t, i) / f32(scale, Math.floor(i / W)));
    return new Uint8Array(out.buffer);
  };
  return { rows: lazyTensor("int8", [V, W], rounded), scales: lazyTensor("float32", [V, 1], () => new Uint8Array(scaleOf().buffer)) };
}

/**
 * W as onnxruntime's MatMulNBits takes it: `bits`-bit numbers packed low bits first, [N, blocks, block · bits / 8], zero at 2^(bits−1), and a
 * float32 scale for each block, [N · blocks].
 */
export function perBlock({ weight, rowsAreOutputs, K, N }: FrozenProduct, bits: 4 | 8, block: number): { packed: Tensor; scales: Tensor } {
  const [stepK, stepN] = rowsAreOutputs ? [1, K] : [N, 1];
  const blocks = Math.ceil(K / block);
  const zero = 2 ** (bits - 1);
  const scaleOf = once(() => {
    const w = floats(weight);
    return Float32Array.from({ length: N * blocks }, (_, at) => {
      const [n, from] = [Math.floor(at / blocks), (at % blocks) * block];
      let largest = 0;
      for (let k = from; k < Math.min(K, from + block); k++) largest = Math.max(largest, Math.abs(float(w, n * stepN + k * stepK)));
      return largest / (zero - 1) || 1;
    });
  });
  const rounded = () => {
    const w = floats(weight);
    const scale = scaleOf();
    const [perByte, rowBytes] = [8 / bits, (blocks * block * bits) / 8];
    const out = new Uint8Array(N * rowBytes);
    for (let n = 0; n < N; n++) {
      for (let k = 0; k < blocks * block; k++) {
        const q = k < K ? Math.round(float(w, n * stepN + k * stepK) / f32(scale, n * blocks + Math.floor(k / block))) + zero : zero;
        out[n * rowBytes + Math.floor(k / perByte)] = u8(out, n * rowBytes + Math.floor(k / perByte)) | (q << (bits * (k % perByte)));
      }
    }
    return out;
  };
  return {
    packed: lazyTensor("uint8", [N, blocks, (block * bits) / 8], rounded),
    scales: lazyTensor("float32", [N * blocks], () => new Uint8Array(scaleOf().buffer)),
  };
}
