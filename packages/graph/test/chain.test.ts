// Graphs joined by name: the second of what the first gives, names within them apart.

import { describe, expect, it } from "vitest";
import { chained, evaluate, GraphBuilder, parseModel, serializeModel } from "../src/index.js";

/** x [n, 2] → by this name, x · factor + 1 */
function scaled(name: string, input: string, output: string, factor: number, dtype: "float32" | "float64" = "float32") {
  const b = new GraphBuilder(name);
  b.output(output, b.add(b.mul(b.input(input, dtype, ["n", 2]), factor), 1));
  return b.build();
}

const run = (graph: ReturnType<typeof scaled>) =>
  Array.from(evaluate(graph, { x: { shape: [1, 2], data: Float32Array.of(1, 2) } })["z"]!.data);

describe("chained graphs", () => {
  it("compute the second of the first, also where both use the same names inside, and are still after writing and reading", () => {
    const both = chained(scaled("first", "x", "y", 3), scaled("second", "y", "z", 10));
    expect(both.inputs.map((value) => value.name)).toEqual(["x"]);
    expect(run(both)).toEqual([41, 71]);
    expect(run(parseModel(serializeModel(both).model))).toEqual([41, 71]);
  });

  it("keep the inputs that the first does not give", () => {
    const b = new GraphBuilder("second");
    b.output("z", b.add(b.input("y", "float32", ["n", 2]), b.input("more", "float32", [2])));
    const both = chained(scaled("first", "x", "y", 3), b.build());
    expect(both.inputs.map((value) => value.name)).toEqual(["x", "more"]);
  });

  it("are refused where names, types or ranks do not meet", () => {
    const second = scaled("second", "y", "z", 1);
    const wide = new GraphBuilder("wide");
    wide.output("y", wide.input("x", "float32", ["n", 2, 2]));
    expect(() => chained(scaled("first", "x", "other", 3), second)).toThrow(expect.objectContaining({ code: "bad_argument" }));
    expect(() => chained(scaled("first", "z", "y", 3), second)).toThrow(expect.objectContaining({ code: "bad_argument" }));
    expect(() => chained(scaled("first", "x", "y", 3, "float64"), second)).toThrow(expect.objectContaining({ code: "dtype_mismatch" }));
    expect(() => chained(wide.build(), second)).toThrow(expect.objectContaining({ code: "shape_mismatch" }));
  });
});
