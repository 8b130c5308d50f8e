// Graphs whose sizes are known only at run time: one graph, run at several sizes on onnxruntime and in the evaluator.

import { evaluate, type Feed, type Graph, GraphBuilder, tensorOf } from "@biovlm/graph";
import { describe, expect, it } from "vitest";
import { relativeError, run } from "./runtime.js";

const wave = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7));
const feed = (...shape: number[]): Feed => ({ shape, data: wave(shape.reduce((a, b) => a * b, 1)) });

interface Case {
  readonly build: (b: GraphBuilder) => void;
  /** Feeds and the output's shape at n and L. */
  readonly at: (n: number, L: number) => { readonly feeds: Record<string, Feed>; readonly shape: readonly number[] };
}

const CASES: Record<string, Case> = {
  "heads split and joined": {
    build: (b) => {
      const x = b.input("x", "float32", ["n", "L", 6]);
      const heads = b.transpose(b.reshape(x, ["n", "L", 2, 3]), [0, 2, 1, 3]);
      b.output("y", b.reshape(b.transpose(heads, [0, 2, 1, 3]), ["n", "L", -1]));
    },
    at: (n, L) => ({ feeds: { x: feed(n, L, 6) }, shape: [n, L, 6] }),
  },
  "rows flattened and put back": {
    build: (b) => {
      const x = b.input("x", "float32", ["n", "L", 4]);
      b.output("y", b.reshape(b.exp(b.reshape(x, [-1, 4])), ["n", "L", 4]));
    },
    at: (n, L) => ({ feeds: { x: feed(n, L, 4) }, shape: [n, L, 4] }),
  },
  "the first L rows of a table": {
    build: (b) => {
      const x = b.input("x", "float32", ["n", "L", 3]);
      const table = b.constant(tensorOf("float32", [9, 3], wave(27)));
      b.output("y", b.add(x, b.slice(table, { axis: 0, start: 0, end: "L" })));
    },
    at: (n, L) => ({ feeds: { x: feed(n, L, 3) }, shape: [n, L, 3] }),
  },
  "a row repeated for every image": {
    build: (b) => {
      const x = b.input("x", "float32", ["n", 2, 3]);
      const row = b.expand(b.constant(tensorOf("float32", [1, 1, 3], wave(3))), ["n", 1, 3]);
      b.output("y", b.concat([row, x], 1));
    },
    at: (n) => ({ feeds: { x: feed(n, 2, 3) }, shape: [n, 3, 3] }),
  },
  "sums over a symbol": {
    build: (b) => {
      const x = b.input("x", "float32", ["n", "L"]);
      b.output("y", b.div(x, b.add(b.reduceSum(b.mul(x, x), [1], true), 1)));
    },
    at: (n, L) => ({ feeds: { x: feed(n, L) }, shape: [n, L] }),
  },
  "two symbols in one size": {
    build: (b) => {
      const x = b.input("x", "float32", ["n", "L"]);
      b.output("y", b.reshape(x, [-1]));
    },
    at: (n, L) => ({ feeds: { x: feed(n, L) }, shape: [n * L] }),
  },
};

describe("one graph at several sizes", () => {
  it.each(Object.keys(CASES))("%s", async (name) => {
    const { build, at } = CASES[name] as Case;
    const builder = new GraphBuilder("symbols");
    build(builder);
    const graph: Graph = builder.build();
    for (const [n, L] of [
      [1, 1],
      [2, 5],
      [5, 2],
      [3, 9],
    ] as const) {
      const { feeds, shape } = at(n, L);
      const [wanted, got] = [evaluate(graph, feeds)["y"], (await run(graph, feeds, "cpu"))["y"]];
      if (wanted === undefined || got === undefined) throw new Error("expected an output y");
      expect([wanted.shape, got.shape]).toEqual([shape, shape]);
      expect(relativeError(got, wanted)).toBeLessThan(1e-6);
    }
  });
});
