// Every operator of the builder on onnxruntime, against the float64 evaluator, over random sizes and broadcasts; and what it refuses.
// Shapes are inferred by the builder alone and must be those that both produce.

import { evaluate, type Feed, type Graph, GraphBuilder, GraphError, tensorOf, type Value } from "@biovlm/graph";
import { cases, type Seeded, seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { relativeError, run } from "./runtime.js";

/** A graph under construction with inputs that draw their own numbers. */
class Drawn {
  readonly builder = new GraphBuilder("operator");
  readonly feeds: Record<string, Feed> = {};
  readonly random: Seeded;

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  size(): number {
    return 1 + this.random.below(4);
  }

  sizes(rank: number): number[] {
    return Array.from({ length: rank }, () => this.size());
  }

  /** A float32 input of this shape, its first axis a symbol, with numbers in [low, high). */
  input(shape: readonly number[], low = -2, high = 2): Value {
    const name = `in${Object.keys(this.feeds).length}`;
    const count = shape.reduce((a, b) => a * b, 1);
    this.feeds[name] = { shape, data: Float32Array.from({ length: count }, () => low + this.random.next() * (high - low)) };
    return this.builder.input(name, "float32", shape);
  }

  /** Any shape that broadcasts with `shape`: axes left out in front, others made 1. */
  beside(shape: readonly number[]): number[] {
    return shape.slice(this.random.below(shape.length + 1)).map((d) => (this.random.below(3) === 0 ? 1 : d));
  }
}

const binary =
  (op: "add" | "sub" | "mul" | "div", low = -2) =>
  (d: Drawn): Value => {
    const shape = d.sizes(1 + d.random.below(4));
    const [a, b] = [d.input(shape, low), d.input(d.beside(shape), 0.5)];
    return d.random.below(2) === 0 || op === "div" ? d.builder[op](a, b) : d.builder[op](b, a);
  };
const unary =
  (op: "exp" | "log" | "sqrt" | "tanh" | "erf" | "gelu" | "neg" | "identity", low = -3, high = 3) =>
  (d: Drawn): Value =>
    d.builder[op](d.input(d.sizes(1 + d.random.below(3)), low, high));
const reduction = (op: "reduceSum" | "reduceMean" | "reduceMax") => (d: Drawn) => {
  const rank = 1 + d.random.below(3);
  const axes = Array.from({ length: rank }, (_, i) => i).filter(() => d.random.below(2) === 0);
  return d.builder[op](d.input(d.sizes(rank)), axes.length === 0 ? [-1] : axes, d.random.below(2) === 0);
};

const OPERATORS: Record<string, (d: Drawn) => Value> = {
  Add: binary("add"),
  Sub: binary("sub"),
  Mul: binary("mul"),
  Div: binary("div"),
  Pow: (d) => d.builder.pow(d.input(d.sizes(2), 0.1, 3), d.random.pick([0, 0.5, 2, 3])),
  Exp: unary("exp"),
  Log: unary("log", 0.01),
  Sqrt: unary("sqrt", 0),
  Tanh: unary("tanh"),
  Erf: unary("erf"),
  Gelu: unary("gelu"),
  Neg: unary("neg"),
  Identity: unary("identity"),
  ReduceSum: reduction("reduceSum"),
  ReduceMean: reduction("reduceMean"),
  ReduceMax: reduction("reduceMax"),
  MatMul: (d) => {
    const [m, k, n] = d.sizes(3) as [number, number, number];
    const lead = d.sizes(d.random.below(3));
    return d.builder.matmul(d.input([...lead, m, k]), d.input([...d.beside(lead), k, n]));
  },
  Gemm: (d) => {
    const [m, k, n] = d.sizes(3) as [number, number, number];
    const [transA, transB] = [d.random.below(2) === 0, d.random.below(2) === 0];
    const bias = d.random.pick([undefined, [n], [m, n], [1, n], [m, 1]]);
    return d.builder.gemm(d.input(transA ? [k, m] : [m, k]), d.input(transB ? [n, k] : [k, n]), {
      transA,
      transB,
      alpha: d.random.pick([1, 0.5, -2]),
      ...(bias === undefined ? {} : { bias: d.input(bias) }),
    });
  },
  linear: (d) => {
    const [inner, outer] = d.sizes(2) as [number, number];
    return d.builder.linear(d.input([...d.sizes(1 + d.random.below(2)), inner]), d.input([outer, inner]), d.input([outer]));
  },
  Softmax: (d) => {
    const rank = 1 + d.random.below(3);
    return d.builder.softmax(d.input(d.sizes(rank), -9, 9), d.random.below(rank));
  },
  LayerNormalization: (d) => {
    const [n, w] = [d.size(), 2 + d.size()];
    return d.builder.layerNormalization(d.input([n, w]), d.input([w]), d.random.below(2) === 0 ? undefined : d.input([w]), 1e-5);
  },
  Transpose: (d) => {
    const perm = d.random.pick([
      [1, 0, 2],
      [2, 0, 1],
      [0, 1, 2],
      [2, 1, 0],
    ]);
    return d.builder.transpose(d.input(d.sizes(3)), perm);
  },
  Reshape: (d) => {
    const [a, b, c] = d.sizes(3) as [number, number, number];
    return d.builder.reshape(d.input([a, b, c]), d.random.pick([[a * b, c], [-1], ["keep", -1], [c, a * b], [a, 1, b * c]]));
  },
  Unsqueeze: (d) => d.builder.unsqueeze(d.input(d.sizes(2)), d.random.pick([[0], [-1], [1, 3], [0, 1, 2]])),
  Squeeze: (d) => d.builder.squeeze(d.input([1, d.size(), 1]), d.random.pick([[0], [2], [0, -1]])),
  Gather: (d) => {
    const [rows, w] = [3 + d.size(), d.size()];
    const axis = d.random.below(2);
    const index = () => d.random.below(axis === 0 ? rows : w);
    return d.builder.gather(d.input([rows, w]), d.random.pick([index(), [index()], [index(), index(), index()]]), axis);
  },
  Concat: (d) => {
    const [a, b] = d.sizes(2) as [number, number];
    return d.builder.concat([d.input([a, b]), d.input([a, d.size()]), d.input([a, 1])], 1);
  },
  Slice: (d) => {
    const n = 3 + d.size();
    return d.builder.slice(d.input([d.size(), n]), {
      axis: 1,
      ...d.random.pick([
        { start: 0, end: n },
        { start: 1, end: 3 },
        { start: -2, end: n },
        { start: 0, end: -1 },
      ]),
    });
  },
  Split: (d) => {
    const sizes = d.sizes(3);
    const parts = d.builder.split(d.input([2, sizes.reduce((a, b) => a + b, 0)]), sizes, 1);
    return parts[d.random.below(3)] as Value;
  },
  Where: (d) => {
    const shape = d.sizes(2);
    const a = d.input(shape);
    return d.builder.where(d.builder.equal(a, d.builder.identity(a)), a, d.input(d.beside(shape)));
  },
  Cast: (d) => d.builder.cast(d.builder.cast(d.input(d.sizes(2), -9, 9), d.random.pick(["int32", "int64", "float64"])), "float32"),
  Expand: (d) => d.builder.expand(d.input([d.size(), 1]), [d.size(), 1, 4]),
  Shape: (d) => d.builder.cast(d.builder.shapeOf(d.input(d.sizes(3))), "float32"),
  ScatterND: (d) => {
    const [rows, w, m] = [2 + d.size(), d.size(), d.size()];
    const at = BigInt64Array.from({ length: m }, () => BigInt(d.random.below(rows)));
    return d.builder.scatterAddRows(d.input([rows, w]), d.builder.constant(tensorOf("int64", [m, 1], at)), d.input([m, w]));
  },
};

describe("each operator, over random sizes, gives the runtime's numbers in the shape that was inferred", () => {
  it.each(Object.keys(OPERATORS))("%s", async (name) => {
    for (let seed = 0; seed < cases(100); seed++) {
      const drawn = new Drawn(seed * 7919 + name.length);
      const y = (OPERATORS[name] as (d: Drawn) => Value)(drawn);
      // an operator that did nothing hands an input on; a graph's output must be its own value
      drawn.builder.output("y", drawn.builder.identity(y));
      const graph = drawn.builder.build();
      const [wanted, got] = [evaluate(graph, drawn.feeds)["y"], (await run(graph, drawn.feeds, "cpu"))["y"]];
      if (wanted === undefined || got === undefined) throw new Error("expected an output y");
      expect(got.shape).toEqual(y.shape);
      expect(wanted.shape).toEqual(y.shape);
      expect(relativeError(got, wanted), `seed ${seed}`).toBeLessThan(2e-5);
    }
  });
});

const refusal = (build: (b: GraphBuilder) => unknown): string => {
  try {
    build(new GraphBuilder("refused"));
  } catch (error) {
    return error instanceof GraphError ? error.code : String(error);
  }
  return "built";
};
const x = (b: GraphBuilder, ...shape: (number | string)[]) => b.input(`x${Math.random()}`.replace(".", ""), "float32", shape);

describe("a graph that would not run is not built", () => {
  it.each<[string, string, (b: GraphBuilder) => unknown]>([
    ["a product of unequal inner sizes", "shape_mismatch", (b) => b.matmul(x(b, 2, 3), x(b, 2, 3))],
    ["a product of vectors", "shape_mismatch", (b) => b.matmul(x(b, 3), x(b, 3))],
    ["a product over a symbol and a number", "shape_mismatch", (b) => b.matmul(x(b, 2, "n"), x(b, 3, 2))],
    ["Gemm of three axes", "shape_mismatch", (b) => b.gemm(x(b, 1, 2, 3), x(b, 3, 2))],
    ["a Gemm bias that would broadcast the product", "shape_mismatch", (b) => b.gemm(x(b, 1, 3), x(b, 3, 2), { bias: x(b, 4, 2) })],
    ["a sum of sizes that do not broadcast", "shape_mismatch", (b) => b.add(x(b, 2), x(b, 3))],
    ["a sum of two symbols", "shape_mismatch", (b) => b.add(x(b, "n"), x(b, "m"))],
    ["a sum of two numbers", "bad_argument", (b) => b.add(1, 2)],
    ["a sum of two types", "dtype_mismatch", (b) => b.add(x(b, 2), b.cast(x(b, 2), "int64"))],
    ["exp of whole numbers", "dtype_mismatch", (b) => b.exp(b.cast(x(b, 2), "int64"))],
    ["a permutation with an axis twice", "bad_argument", (b) => b.transpose(x(b, 2, 3), [0, 0])],
    ["a reshape to other elements", "shape_mismatch", (b) => b.reshape(x(b, 2, 3), [7])],
    ["a reshape whose rest does not divide", "shape_mismatch", (b) => b.reshape(x(b, 2, 3), [4, -1])],
    ["a reshape to a symbol that is not there", "shape_mismatch", (b) => b.reshape(x(b, "n", 3), ["m", 3])],
    ["a kept axis that is not there", "shape_mismatch", (b) => b.reshape(x(b, 6), [6, "keep"])],
    ["a squeeze of more than one element", "shape_mismatch", (b) => b.squeeze(x(b, 2, 3), [0])],
    ["an unsqueeze of one place twice", "bad_argument", (b) => b.unsqueeze(x(b, 2), [0, 0])],
    ["an axis out of range", "bad_argument", (b) => b.softmax(x(b, 2, 3), 2)],
    ["an axis that is no whole number", "bad_argument", (b) => b.softmax(x(b, 2, 3), 0.5)],
    ["a join of nothing", "bad_argument", (b) => b.concat([], 0)],
    ["a join of other sizes", "shape_mismatch", (b) => b.concat([x(b, 2, 3), x(b, 3, 3)], 1)],
    ["a split that does not add up", "shape_mismatch", (b) => b.split(x(b, 5), [2, 2], 0)],
    ["a slice that runs backwards", "bad_argument", (b) => b.slice(x(b, 5), { axis: 0, start: 3, end: 1 })],
    ["a slice from the middle to a symbol", "bad_argument", (b) => b.slice(x(b, 5), { axis: 0, start: 1, end: "n" })],
    ["a reduction over nothing", "bad_argument", (b) => b.reduceSum(x(b, 5), [])],
    ["a choice by numbers", "dtype_mismatch", (b) => b.where(x(b, 2), 1, x(b, 2))],
    ["rows by float indices", "dtype_mismatch", (b) => b.gather(x(b, 4, 2), x(b, 1))],
    ["a normalisation with a scale of another size", "shape_mismatch", (b) => b.layerNormalization(x(b, 2, 4), x(b, 3), undefined, 1e-5)],
    ["rows added by a flat index", "shape_mismatch", (b) => b.scatterAddRows(x(b, 4, 2), b.cast(x(b, 3), "int64"), x(b, 3, 2))],
  ])("%s", (_, code, build) => {
    expect(refusal(build)).toBe(code);
  });
});

describe("the evaluator", () => {
  const doubled = (): Graph => {
    const b = new GraphBuilder("double");
    const n = b.input("a", "float32", ["n", 2]);
    b.output("y", b.add(n, b.input("b", "float32", ["n", 2])));
    return b.build();
  };

  it("wants every input, of its shape, and one size for a symbol", () => {
    const feed = (n: number) => ({ shape: [n, 2], data: new Float32Array(n * 2) });
    expect(() => evaluate(doubled(), { a: feed(1) })).toThrow(expect.objectContaining({ code: "unknown_value" }));
    expect(() => evaluate(doubled(), { a: feed(1), b: feed(2) })).toThrow(expect.objectContaining({ code: "shape_mismatch" }));
    expect(() => evaluate(doubled(), { a: feed(1), b: { shape: [1, 2], data: [0] } })).toThrow(
      expect.objectContaining({ code: "shape_mismatch" }),
    );
  });

  it("gives any value by name, and says which operator it has no rule for", () => {
    const b = new GraphBuilder("sine");
    const a = b.input("a", "float32", [2]);
    b.output("y", b.node("Sin", [a], [{ dtype: "float32", shape: [2] }])[0] as Value);
    expect(() => evaluate(b.build(), { a: { shape: [2], data: [0, 1] } })).toThrow(
      expect.objectContaining({ code: "unsupported_operator" }),
    );
    const feeds = { a: { shape: [1, 2], data: [1, 2] }, b: { shape: [1, 2], data: [3, 4] } };
    expect(evaluate(doubled(), feeds, ["a"])).toEqual({ a: { shape: [1, 2], data: Float64Array.of(1, 2) } });
    expect(() => evaluate(doubled(), feeds, ["none"])).toThrow(expect.objectContaining({ code: "unknown_value" }));
  });
});
