// Constant folding: fewer nodes, the same numbers.
import { evaluate, foldConstants, GraphBuilder, serializeModel, tensorOf } from "@biovlm/graph";
import { describe, expect, it } from "vitest";
import { layer } from "./layer.js";
import { relativeError, run } from "./runtime.js";

describe("folding", () => {
  it("replaces what depends on constants alone, through several nodes, and drops what nothing needs any more", async () => {
    const b = new GraphBuilder("foldable");
    const x = b.input("x", "float32", ["n", 3]);
    const w = b.constant(tensorOf("float32", [3], Float32Array.of(1, 2, 3)), "w");
    const half = b.div(b.exp(w), 2);
    const places = b.cast(b.shapeOf(half), "float32");
    b.output("y", b.add(b.mul(x, half), places));
    const graph = b.build();
    const folded = foldConstants(graph);
    expect(folded.nodes.map((n) => n.op)).toEqual(["Mul", "Add"]);
    expect(folded.initializers.has("w")).toBe(false);
    const feeds = { x: { shape: [2, 3], data: [1, 2, 3, 4, 5, 6] } };
    expect(relativeError(evaluate(folded, feeds)["y"]!, evaluate(graph, feeds)["y"]!)).toBeLessThan(1e-7);
    expect(relativeError((await run(folded, feeds, "cpu"))["y"]!, evaluate(graph, feeds)["y"]!)).toBeLessThan(1e-6);
  });

  it("leaves symbols, outputs, unknown operators and big tensors", () => {
    const b = new GraphBuilder("left");
    const x = b.input("x", "float32", ["n", 3]);
    const w = b.constant(tensorOf("float32", [3], Float32Array.of(1, 2, 3)));
    b.output("size", b.shapeOf(x));
    b.output("w2", b.mul(w, 2));
    b.output("y", b.add(x, b.node("Sin", [w], [{ dtype: "float32", shape: [3] }])[0]!));
    b.output("z", b.add(x, b.gather(b.constant(tensorOf("float32", [600, 3], new Float32Array(1800))), 1)));
    const graph = b.build();
    expect(foldConstants(graph, { maxBytes: 4096 }).nodes.map((n) => n.op)).toEqual(graph.nodes.map((n) => n.op));
    expect(foldConstants(graph).nodes).toHaveLength(graph.nodes.length - 1);
  });

  it("changes nothing in what a layer computes and never grows its file", () => {
    const { graph, feeds } = layer();
    const folded = foldConstants(graph);
    expect(evaluate(folded, feeds)).toEqual(evaluate(graph, feeds));
    expect(serializeModel(folded).model.byteLength).toBeLessThanOrEqual(serializeModel(graph).model.byteLength);
  });
});
