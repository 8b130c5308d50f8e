// One table of small float64 graphs, an operator or a use of one each: the differentiation test derives every one, the runtime test runs
// them in float32. Not a test itself.
import { type DType, type Feed, type Graph, GraphBuilder, tensorOf, type Value } from "@biovlm/graph";

/** A case: builds y from inputs; every name of `wrt` is checked. */
export interface GradientCase {
  readonly title: string;
  readonly inputs: Readonly<Record<string, readonly (number | string)[]>>;
  readonly ints?: Readonly<Record<string, { shape: readonly number[]; data: readonly number[] }>>;
  readonly wrt?: readonly string[];
  /** Keeps inputs away from 0 or below it (log, sqrt, division). */
  readonly positive?: boolean;
  readonly build: (b: GraphBuilder, x: Record<string, Value>) => Value;
}

/** Sizes given to symbols. */
export const SIZES: Readonly<Record<string, number>> = { n: 2, L: 3, "L*n": 6 };

const w = (b: GraphBuilder, like: Value, shape: readonly number[], seed = 1): Value => {
  const count = shape.reduce((p, d) => p * d, 1);
  const data = Array.from({ length: count }, (_, i) => Math.sin(seed * 7.3 + i * 1.7));
  return b.constant(
    like.dtype === "float64" ? tensorOf("float64", shape, Float64Array.from(data)) : tensorOf("float32", shape, Float32Array.from(data)),
  );
};

export const GRADIENT_CASES: readonly GradientCase[] = [
  { title: "MatMul of matrices", inputs: { a: [3, 4], c: [4, 5] }, build: (b, { a, c }) => b.matmul(a!, c!) },
  { title: "MatMul of batches", inputs: { a: ["n", 2, 3, 4], c: ["n", 2, 4, 5] }, build: (b, { a, c }) => b.matmul(a!, c!) },
  { title: "MatMul with a broadcast left", inputs: { a: [3, 4], c: ["n", 4, 5] }, build: (b, { a, c }) => b.matmul(a!, c!) },
  {
    title: "MatMul with a broadcast batch axis",
    inputs: { a: [2, 3, 1, 2, 4], c: [3, 4, 5] },
    build: (b, { a, c }) => b.matmul(a!, b.unsqueeze(c!, [1])),
  },
  { title: "MatMul of a batch with a matrix", inputs: { a: ["n", "L", 4], c: [4, 5] }, build: (b, { a, c }) => b.matmul(a!, c!) },
  { title: "MatMul with a frozen matrix", inputs: { a: ["n", "L", 4] }, build: (b, { a }) => b.matmul(a!, w(b, a!, [4, 5])) },
  {
    title: "MatMul of a value with its own transpose",
    inputs: { a: ["n", 3, 4] },
    build: (b, { a }) => b.matmul(a!, b.transpose(a!, [0, 2, 1])),
  },
  ...[false, true].flatMap((transA) =>
    [false, true].map((transB) => ({
      title: `Gemm, transA ${transA}, transB ${transB}, alpha and a row bias`,
      inputs: { a: transA ? [4, 3] : [3, 4], c: transB ? [5, 4] : [4, 5], v: [5] },
      build: (b: GraphBuilder, { a, c, v }: Record<string, Value>) => b.gemm(a!, c!, { transA, transB, bias: v!, alpha: 0.7 }),
    })),
  ),
  { title: "Gemm with a full bias", inputs: { a: [3, 4], c: [4, 5], v: [3, 5] }, build: (b, { a, c, v }) => b.gemm(a!, c!, { bias: v! }) },
  {
    title: "three linear projections of one activation",
    inputs: { a: ["n", "L", 4] },
    build: (b, { a }) =>
      b.mul(
        b.linear(a!, w(b, a!, [5, 4], 1)),
        b.add(b.linear(a!, w(b, a!, [5, 4], 2)), b.linear(a!, w(b, a!, [5, 4], 3), w(b, a!, [5], 4))),
      ),
  },
  { title: "Add, broadcast both ways", inputs: { a: ["n", 1, 4], c: ["L", 1] }, build: (b, { a, c }) => b.add(a!, c!) },
  { title: "Add of a value to itself", inputs: { a: [3] }, build: (b, { a }) => b.add(a!, a!) },
  { title: "Sub, broadcast both ways", inputs: { a: ["n", 1, 4], c: ["L", 1] }, build: (b, { a, c }) => b.sub(a!, c!) },
  { title: "Mul, broadcast both ways", inputs: { a: ["n", 1, 4], c: ["L", 1] }, build: (b, { a, c }) => b.mul(a!, c!) },
  { title: "Div, broadcast both ways", positive: true, inputs: { a: ["n", 1, 4], c: ["L", 1] }, build: (b, { a, c }) => b.div(a!, c!) },
  { title: "Pow of both operands", positive: true, inputs: { a: [3, 4], c: [4] }, build: (b, { a, c }) => b.pow(a!, c!) },
  { title: "Pow by a constant", inputs: { a: [3, 4] }, build: (b, { a }) => b.pow(a!, 3) },
  { title: "Exp", inputs: { a: [3, 4] }, build: (b, { a }) => b.exp(a!) },
  { title: "Log", positive: true, inputs: { a: [3, 4] }, build: (b, { a }) => b.log(a!) },
  { title: "Sqrt", positive: true, inputs: { a: [3, 4] }, build: (b, { a }) => b.sqrt(a!) },
  { title: "Tanh", inputs: { a: [3, 4] }, build: (b, { a }) => b.tanh(a!) },
  { title: "Erf", inputs: { a: [3, 4] }, build: (b, { a }) => b.erf(a!) },
  { title: "Gelu", inputs: { a: ["n", 7] }, build: (b, { a }) => b.gelu(b.mul(a!, 2)) },
  { title: "Neg and Identity", inputs: { a: [3, 4] }, build: (b, { a }) => b.neg(b.identity(a!)) },
  {
    title: "Cast between floats",
    inputs: { a: [3] },
    build: (b, { a }) => b.cast(b.exp(b.cast(a!, a!.dtype === "float64" ? "float32" : "float64")), a!.dtype),
  },
  { title: "Softmax over the last axis", inputs: { a: ["n", 3, 5] }, build: (b, { a }) => b.softmax(a!) },
  { title: "Softmax over a middle axis", inputs: { a: ["n", 3, 5] }, build: (b, { a }) => b.softmax(a!, 1) },
  {
    title: "LayerNormalization over the last axis, with scale and bias",
    inputs: { a: ["n", "L", 6], s: [6], v: [6] },
    build: (b, { a, s, v }) => b.layerNormalization(a!, s!, v!, 1e-5),
  },
  {
    title: "LayerNormalization over two axes, without bias",
    inputs: { a: ["n", 3, 4], s: [3, 4] },
    build: (b, { a, s }) => b.layerNormalization(a!, s!, undefined, 1e-5, 1),
  },
  {
    title: "Transpose",
    inputs: { a: ["n", 3, 4] },
    build: (b, { a }) => b.mul(b.transpose(a!, [2, 0, 1]), b.exp(b.transpose(a!, [2, 0, 1]))),
  },
  {
    title: "Reshape with symbols",
    inputs: { a: ["n", "L", 4] },
    build: (b, { a }) => b.exp(b.reshape(b.reshape(a!, [-1, 4]), ["n", "L", 2, 2])),
  },
  { title: "Unsqueeze and Squeeze", inputs: { a: ["n", 1, 4] }, build: (b, { a }) => b.exp(b.unsqueeze(b.squeeze(a!, [1]), [0, 2])) },
  { title: "Expand", inputs: { a: ["n", 1, 4] }, build: (b, { a }) => b.exp(b.expand(a!, [5, "n", 3, 4])) },
  { title: "Gather of one row", inputs: { a: ["n", "L", 4] }, build: (b, { a }) => b.exp(b.gather(a!, 0, 1)) },
  { title: "Gather of one row from the end", inputs: { a: ["n", "L", 4] }, build: (b, { a }) => b.exp(b.gather(a!, -1, 1)) },
  {
    title: "Gather from a table, rows more than once",
    inputs: { table: [6, 3] },
    ints: { index: { shape: [2, 4], data: [0, 5, 2, 0, 0, -1, 3, 2] } },
    build: (b, { table, index }) => b.exp(b.gather(table!, index!)),
  },
  {
    title: "Gather along a middle axis",
    inputs: { a: ["n", 5, 3] },
    ints: { index: { shape: [4], data: [4, 1, 1, 0] } },
    build: (b, { a, index }) => b.exp(b.gather(a!, index!, 1)),
  },
  {
    title: "scatter-add of rows",
    inputs: { a: [4, 3], u: [3, 3] },
    ints: { index: { shape: [3, 1], data: [1, 3, 1] } },
    build: (b, { a, u, index }) => b.exp(b.scatterAddRows(a!, index!, u!)),
  },
  { title: "Concat, all wanted", inputs: { a: ["n", 2, 3], c: ["n", 4, 3] }, build: (b, { a, c }) => b.exp(b.concat([a!, c!], 1)) },
  {
    title: "Concat, one wanted",
    inputs: { a: ["n", 2, 3], c: ["n", 4, 3] },
    wrt: ["c"],
    build: (b, { a, c }) => b.exp(b.concat([a!, c!, a!], 1)),
  },
  {
    title: "Concat of symbolic sizes",
    inputs: { a: ["n", "L", 3], c: ["n", 4, 3] },
    build: (b, { a, c }) => b.exp(b.concat([c!, a!, c!], 1)),
  },
  { title: "Slice from the middle", inputs: { a: ["n", 5, 3] }, build: (b, { a }) => b.exp(b.slice(a!, { axis: 1, start: 1, end: 3 })) },
  {
    title: "Slice of a symbolic axis",
    inputs: { a: ["n", "L", 3] },
    build: (b, { a }) => b.exp(b.slice(a!, { axis: 1, start: 1, end: 3 })),
  },
  {
    title: "Slice up to a symbol",
    inputs: { table: [5, 3], a: ["n", "L", 3] },
    build: (b, { table, a }) => b.mul(a!, b.slice(table!, { axis: 0, start: 0, end: "L" })),
  },
  {
    title: "Split, all parts used",
    inputs: { a: ["n", 6] },
    build: (b, { a }) => b.mul(...(b.split(b.exp(a!), [3, 3], 1) as [Value, Value])),
  },
  { title: "Split, one part used", inputs: { a: ["n", 6] }, build: (b, { a }) => b.exp(b.split(a!, [1, 3, 2], 1)[1]!) },
  { title: "ReduceSum, axes dropped", inputs: { a: ["n", 3, "L"] }, build: (b, { a }) => b.exp(b.reduceSum(a!, [0, 2])) },
  { title: "ReduceSum, axes kept", inputs: { a: ["n", 3, 4] }, build: (b, { a }) => b.mul(a!, b.reduceSum(a!, [1], true)) },
  { title: "ReduceMean over fixed axes", inputs: { a: ["n", 3, 4] }, build: (b, { a }) => b.mul(a!, b.exp(b.reduceMean(a!, [-1], true))) },
  { title: "ReduceMean over symbolic axes", inputs: { a: ["n", "L", 4] }, build: (b, { a }) => b.exp(b.reduceMean(a!, [0, 1])) },
  { title: "ReduceMax", inputs: { a: ["n", 3, 4] }, build: (b, { a }) => b.exp(b.reduceMax(a!, [1])) },
  {
    title: "Where, broadcast, under a condition",
    inputs: { a: ["n", 3], c: [3] },
    ints: { index: { shape: [1, 3], data: [0, 1, 0] } },
    build: (b, { a, c, index }) => b.where(b.equal(index!, b.literal(1, "int64")), b.exp(a!), b.exp(c!)),
  },
];

/** Deterministic numbers in (−1, 1), never twice the same. */
export function wave(count: number, seed: number, positive = false): number[] {
  return Array.from({ length: count }, (_, i) => {
    const x = Math.sin((seed + 1) * 12.9898 + i * 78.233) * 43758.5453;
    const unit = x - Math.floor(x);
    return positive ? 0.5 + unit : 2 * unit - 1;
  });
}

/** Builds a case in one dtype, with feeds for its inputs. */
export function caseGraph(c: GradientCase, dtype: DType): { graph: Graph; feeds: Record<string, Feed>; wrt: string[] } {
  const b = new GraphBuilder("case");
  const x: Record<string, Value> = {};
  const feeds: Record<string, Feed> = {};
  Object.entries(c.inputs).forEach(([name, shape], k) => {
    x[name] = b.input(name, dtype, shape);
    const sizes = shape.map((d) => (typeof d === "number" ? d : SIZES[d]!));
    feeds[name] = {
      shape: sizes,
      data: wave(
        sizes.reduce((p, d) => p * d, 1),
        k,
        c.positive,
      ),
    };
  });
  for (const [name, feed] of Object.entries(c.ints ?? {})) {
    x[name] = b.input(name, "int64", feed.shape);
    feeds[name] = feed;
  }
  b.output("y", c.build(b, x));
  return { graph: b.build(), feeds, wrt: [...(c.wrt ?? Object.keys(c.inputs))] };
}
