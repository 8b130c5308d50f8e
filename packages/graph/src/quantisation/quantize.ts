// Graphs with frozen matrices in 8 or 4 bits. What stays float32: activations between products, norms, softmax, biases, positions.

import { intAttribute } from "../attributes.js";
import { nth } from "../elements.js";
import { GraphError } from "../errors.js";
import { type Dim, DTYPE_CODE, type Graph, type Node, type Tensor, type Value } from "../graph.js";
import { GraphEdit } from "../graph-edit.js";
import { tensorOf } from "../tensor.js";
import { type FrozenProduct, frozenProduct, perBlock, perOutput, perRow, type QuantizeOptions } from "./frozen-products.js";

const FLOAT = { to: { int: DTYPE_CODE.float32 } } as const;

/**
 * Dynamic int8: activations are rounded to uint8 at run time by their own range, weights to int8 for each output ahead of it; the products
 * run in integers. For cpu and wasm. ONNX's own operators, in the form onnxruntime fuses to MatMulIntegerToFloat and DynamicQuantizeMatMul.
 * Tables that a Gather reads become int8 rows.
 */
export function quantizeDynamicInt8(graph: Graph, options: QuantizeOptions = {}): Graph {
  const edit = new GraphEdit(graph);
  const inputs = new Map<string, readonly [string, string, string]>();
  const rounded = (x: FrozenProduct["x"]): readonly [string, string, string] => {
    const known = inputs.get(x.name);
    if (known !== undefined) return known;
    const names = [edit.fresh(`${x.name}/uint8`), edit.fresh(`${x.name}/scale`), edit.fresh(`${x.name}/zero`)] as const;
    edit.values.set(names[0], { name: names[0], dtype: "uint8", shape: x.shape });
    edit.values.set(names[1], { name: names[1], dtype: "float32", shape: [] });
    edit.values.set(names[2], { name: names[2], dtype: "uint8", shape: [] });
    edit.nodes.push({ op: "DynamicQuantizeLinear", domain: "", inputs: [x.name], outputs: names, attributes: {} });
    inputs.set(x.name, names);
    return names;
  };
  eachProduct(graph, edit, options, (p, made) => {
    const [x, scale, zero] = rounded(p.x);
    const shape = p.y.shape;
    const w = edit.constant(made.weight, `${p.weightName}/int8`);
    const product = edit.node("MatMulInteger", [x, w, zero], { dtype: "int32", shape }, { stem: `${p.y.name}/integer` });
    const float = edit.node("Cast", [product], { dtype: "float32", shape }, { attributes: FLOAT, stem: `${p.y.name}/cast` });
    const scales = edit.node(
      "Mul",
      [scale, edit.constant(made.scales, `${p.weightName}/scales`)],
      { dtype: "float32", shape: [p.N] },
      { stem: `${p.y.name}/scales` },
    );
    biased(edit, p, (name) => edit.node("Mul", [float, scales], p.y, name));
  });
  return edit.finish();
}

/** Each product with a frozen weight, and the weight as int8, made once; what is no product stays, a table of words is rounded by itself. */
function eachProduct(
  graph: Graph,
  edit: GraphEdit,
  options: QuantizeOptions,
  replace: (product: FrozenProduct, made: ReturnType<typeof perOutput>) => void,
): void {
  const weights = new Map<Tensor, ReturnType<typeof perOutput>>();
  for (const n of graph.nodes) {
    const p = frozenProduct(graph, n, options);
    if (p === undefined) {
      quantizeTable(graph, edit, n, options);
      continue;
    }
    const made = weights.get(p.weight) ?? perOutput(p);
    weights.set(p.weight, made);
    replace(p, made);
  }
}

/** int8 on one side of zero: the largest magnitude of a row becomes 127. */
const STEP = 1 / 127;
/** A row of zeros is divided by this: it stays zeros. */
const LEAST = 1e-30;

/**
 * int8 by rows: as quantizeDynamicInt8, but each row of activations (a token of an image) is rounded by its own largest magnitude, about zero.
 * So a row's result depends on nothing else in the run: an image alone and in a batch give the same bits, and no outlier elsewhere costs it
 * digits. onnxruntime's MatMulIntegerToFloat, which its cpu and wasm providers run.
 */
export function quantizeRowInt8(graph: Graph, options: QuantizeOptions = {}): Graph {
  const edit = new GraphEdit(graph);
  const inputs = new Map<string, { readonly integers: string; readonly largest: string }>();
  const rounding = rowRounding(edit);
  const { step, zero } = rounding;
  eachProduct(graph, edit, options, (p, made) => {
    const known = inputs.get(p.x.name) ?? (p.x.shape.length === 2 ? rounding.matrix(p.x) : rounding.anyRank(p.x));
    inputs.set(p.x.name, known);
    const { integers, largest } = known;
    const [w, scales] = [edit.constant(made.weight, `${p.weightName}/int8`), edit.constant(made.scales, `${p.weightName}/scales`)];
    const operands = [integers, w, step(), scales, zero()];
    const float = edit.node("MatMulIntegerToFloat", operands, p.y, { domain: "com.microsoft", stem: `${p.y.name}/float` });
    biased(edit, p, (name) => edit.node("Mul", [float, largest], p.y, name));
  });
  return edit.finish();
}

/** How rows of activations become uint8 about 128, each with its largest magnitude [.., 1]; what is made for it is made once. */
function rowRounding(edit: GraphEdit) {
  const scalar = (x: number) => tensorOf("float32", [], Float32Array.of(x));
  const [stepTensor, leastTensor, middle] = [scalar(STEP), scalar(LEAST), tensorOf("uint8", [], Uint8Array.of(128))];
  const int64 = (x: bigint) => tensorOf("int64", [1], BigInt64Array.of(x));
  const [last, second] = [int64(-1n), int64(1n)];
  const step = () => edit.constant(stepTensor, "int8/step");
  const least = () => edit.constant(leastTensor, "int8/least");
  const zero = () => edit.constant(middle, "int8/zero");
  const zeros = new Map<string, string>();
  /** 128 for each of as many rows as there are scales */
  const zeroFor = (scales: string, rows: Dim) => {
    const made = zeros.get(String(rows));
    if (made !== undefined) return made;
    const count = edit.node("Shape", [scales], { dtype: "int64", shape: [1] });
    const name = edit.node("Expand", [zero(), count], { dtype: "uint8", shape: [rows] }, { stem: "int8/zeros" });
    zeros.set(String(rows), name);
    return name;
  };
  const magnitudes = (x: Value, shape: readonly Dim[], keepdims: number) =>
    edit.node(
      "ReduceMax",
      [edit.node("Abs", [x.name], x), edit.constant(last, "int8/axis")],
      { dtype: "float32", shape },
      { attributes: { keepdims: { int: keepdims } } },
    );
  return {
    step,
    zero,
    /** x [rows, K]: one operator divides and rounds, by a scale a row */
    matrix(x: Value) {
      const rows = nth(x.shape, 0);
      const each = { dtype: "float32", shape: [rows] } as const;
      const magnitude = magnitudes(x, each.shape, 0);
      const scale = edit.node("Add", [edit.node("Mul", [magnitude, step()], each), least()], each);
      const largest = edit.node("Unsqueeze", [magnitude, edit.constant(second, "int8/column")], { dtype: "float32", shape: [rows, 1] });
      const parts = [x.name, scale, zeroFor(scale, rows)];
      const integers = edit.node("QuantizeLinear", parts, { dtype: "uint8", shape: x.shape }, { attributes: { axis: { int: 0 } } });
      return { integers, largest };
    },
    /** QuantizeLinear knows one axis of scales: rows of more axes are divided before */
    anyRank(x: Value) {
      const row = { dtype: "float32", shape: [...x.shape.slice(0, -1), 1] } as const;
      const largest = edit.node("Max", [magnitudes(x, row.shape, 1), least()], row);
      const parts = [edit.node("Div", [x.name, largest], x), step(), zero()];
      return { integers: edit.node("QuantizeLinear", parts, { dtype: "uint8", shape: x.shape }), largest };
    },
  };
}

/** The product under y's name, or under another and y = product + bias. */
function biased(edit: GraphEdit, p: FrozenProduct, product: (name: { name?: string; stem?: string }) => string): void {
  if (p.bias === undefined) product({ name: p.y.name });
  else edit.node("Add", [product({ stem: `${p.y.name}/product` }), p.bias], p.y, { name: p.y.name });
}

/** Gather of rows of a big frozen table: gather int8 rows and their scales instead. Any other node stays. */
function quantizeTable(graph: Graph, edit: GraphEdit, n: Node, { minimumElements = 4096, keep }: QuantizeOptions): void {
  const [tableName, index] = [n.inputs[0] ?? "", n.inputs[1] ?? ""];
  const table = graph.initializers.get(tableName);
  const y = graph.values.get(n.outputs[0] ?? "");
  const rows = n.op === "Gather" && intAttribute(n, "axis", 0) === 0 && table?.dtype === "float32" && table.shape.length === 2;
  if (!rows || y === undefined || nth(table.shape, 0) * nth(table.shape, 1) < minimumElements || keep?.(tableName)) {
    edit.nodes.push(n);
    return;
  }
  const made = perRow(table);
  const axis = { attributes: { axis: { int: 0 } } };
  const integer = edit.node("Gather", [edit.constant(made.rows, `${tableName}/int8`), index], { dtype: "int8", shape: y.shape }, axis);
  const scale = edit.node(
    "Gather",
    [edit.constant(made.scales, `${tableName}/scales`), index],
    { dtype: "float32", shape: [...y.shape.slice(0, -1), 1] },
    axis,
  );
  const float = edit.node("Cast", [integer], y, { attributes: FLOAT });
  edit.node("Mul", [float, scale], y, { name: y.name });
}

/** How to round weights only. */
export interface WeightOnlyOptions extends QuantizeOptions {
  /** Weights along K that share a scale: a power of two from 16 (default 64). Smaller is closer and bigger. */
  readonly blockSize?: number;
  /** Let cpu kernels round the activations, block by block, to int8: faster, a little farther off (default false). */
  readonly integerActivations?: boolean;
}

/**
 * Weights only, in 8 or 4 bits: half or a quarter of float16's download, activations and sums in float. onnxruntime's MatMulNBits, which its
 * cpu, wasm and webgpu providers run; it can go on to `convertToFloat16`.
 */
export function quantizeWeightOnly(graph: Graph, bits: 4 | 8, options: WeightOnlyOptions = {}): Graph {
  const { blockSize = 64, integerActivations = false } = options;
  if ((bits !== 4 && bits !== 8) || !Number.isInteger(Math.log2(blockSize)) || blockSize < 16) {
    const got = `${bits} bits in blocks of ${blockSize}`;
    throw new GraphError("bad_argument", `quantizeWeightOnly — expected 4 or 8 bits and blocks of 16, 32, 64 …, got ${got}. Choose one.`);
  }
  const edit = new GraphEdit(graph);
  const weights = new Map<Tensor, ReturnType<typeof perBlock>>();
  for (const n of graph.nodes) {
    const p = frozenProduct(graph, n, options);
    if (p === undefined) {
      quantizeTable(graph, edit, n, options);
      continue;
    }
    const made = weights.get(p.weight) ?? perBlock(p, bits, blockSize);
    weights.set(p.weight, made);
    const attributes = {
      K: { int: p.K },
      N: { int: p.N },
      bits: { int: bits },
      block_size: { int: blockSize },
      ...(integerActivations ? { accuracy_level: { int: 4 } } : {}),
    };
    const inputs = [
      p.x.name,
      edit.constant(made.packed, `${p.weightName}/int${bits}`),
      edit.constant(made.scales, `${p.weightName}/scales`),
    ];
    biased(edit, p, (name) => edit.node("MatMulNBits", inputs, p.y, { attributes, domain: "com.microsoft", ...name }));
  }
  return edit.finish();
}
