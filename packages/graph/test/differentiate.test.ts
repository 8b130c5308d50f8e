// Every derivative rule against central differences in the float64 evaluator, and what the derived graphs hold and leave out.
import { differentiate, evaluate, type Feed, type Graph, GraphBuilder, type GraphError, tensorOf } from "@biovlm/graph";
import { describe, expect, it } from "vitest";
import { caseGraph, GRADIENT_CASES, wave } from "./gradient-cases.js";

/** d/dx of Σ dy ⊙ y by central differences: the fourth-order stencil at h = 1e-3 leaves 1e-11. */
function centralDifference(graph: Graph, feeds: Record<string, Feed>, name: string, dy: Float64Array): number[] {
  const loss = (at: number, h: number): number => {
    const data = Float64Array.from(feeds[name]!.data as number[]);
    data[at]! += h;
    const y = evaluate(graph, { ...feeds, [name]: { shape: feeds[name]!.shape, data } })["y"]!.data;
    return y.reduce((sum, v, i) => sum + v * dy[i]!, 0);
  };
  const h = 1e-3;
  return Array.from(
    feeds[name]!.data as ArrayLike<number>,
    (_, i) => (8 * (loss(i, h) - loss(i, -h)) - (loss(i, 2 * h) - loss(i, -2 * h))) / (12 * h),
  );
}

function gradients(graph: Graph, feeds: Record<string, Feed>, wrt: string[], recompute: boolean) {
  const { forward, backward, tape } = differentiate(graph, { outputs: ["y"], wrt, recompute });
  const out = evaluate(forward, feeds);
  const y = out["y"]!;
  const dy = Float64Array.from(wave(y.data.length, 9));
  const available: Record<string, Feed> = { ...feeds, d_y: { shape: y.shape, data: dy } };
  for (const name of tape) available[name] = out[name]!;
  const needed = Object.fromEntries(backward.inputs.map((v) => [v.name, available[v.name]!]));
  return { grads: evaluate(backward, needed), dy, tape, backward };
}

describe("the derivative", () => {
  for (const c of GRADIENT_CASES) {
    it(`of ${c.title} agrees with central differences to 1e-6`, () => {
      const { graph, feeds, wrt } = caseGraph(c, "float64");
      const { grads, dy } = gradients(graph, feeds, wrt, false);
      const again = gradients(graph, feeds, wrt, true);
      expect(again.tape).toEqual([]);
      for (const name of wrt) {
        const expected = centralDifference(graph, feeds, name, dy);
        const got = grads[`d_${name}`]!;
        expect(got.shape).toEqual(feeds[name]!.shape);
        expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(1e-3); // a gradient of zeros would prove nothing
        const scale = Math.max(...expected.map(Math.abs));
        expected.forEach((e, i) => {
          expect(Math.abs(got.data[i]! - e) / scale, `${name}[${i}]`).toBeLessThanOrEqual(1e-6);
        });
        expect(Array.from(again.grads[`d_${name}`]!.data)).toEqual(Array.from(got.data));
      }
    });
  }

  it("cuts a frozen weight again in the backward graph, once, and keeps no part of it on the tape", () => {
    const b = new GraphBuilder("cut");
    const x = b.input("x", "float32", ["n", 4]);
    const [left, right] = b.split(b.constant(tensorOf("float32", [3, 8], new Float32Array(24)), "weight"), [4, 4], 1);
    b.output("y", b.gemm(x, right!, { transB: true, bias: b.gemm(x, left!, { transB: true }) }));
    const { backward, tape } = differentiate(b.build(), { outputs: ["y"], wrt: ["x"] });
    expect(tape).toEqual([]);
    expect(backward.nodes.map((n) => n.op)).toEqual(["Split", "Gemm", "Gemm"]);
    expect([...backward.initializers.keys()]).toContain("weight");
  });

  it("emits only the product with a frozen weight and shares its initializer", () => {
    const b = new GraphBuilder("frozen");
    const x = b.input("x", "float32", ["n", 4]);
    const weight = tensorOf("float32", [3, 4], new Float32Array(12));
    b.output("y", b.linear(x, b.constant(weight, "weight"), b.constant(tensorOf("float32", [3], new Float32Array(3)), "bias")));
    const { backward, tape } = differentiate(b.build(), { outputs: ["y"], wrt: ["x"] });
    expect(backward.nodes.map((n) => n.op)).toEqual(["Gemm"]);
    expect(tape).toEqual([]);
    expect(backward.initializers.get("weight")).toBe(weight);
    expect(backward.inputs.map((v) => v.name)).toEqual(["d_y"]);
  });

  it("takes the result of Softmax, not its operand, and the operand of Gelu onto the tape", () => {
    const b = new GraphBuilder("tape");
    const x = b.input("x", "float32", ["n", 4]);
    const h = b.mul(x, 2);
    const s = b.softmax(h);
    const scaled = b.mul(s, 3);
    b.output("y", b.gelu(scaled));
    const { tape, forward } = differentiate(b.build(), { outputs: ["y"], wrt: ["x"] });
    expect(tape).toEqual([scaled.name, s.name]);
    expect(forward.outputs.map((o) => o.name)).toEqual(["y", scaled.name, s.name]);
  });

  it("reaches weights, biases and activations when they are wanted", () => {
    const b = new GraphBuilder("weights");
    const x = b.input("x", "float64", [2, 3]);
    const weight = b.constant(tensorOf("float64", [4, 3], Float64Array.from(wave(12, 3))), "weight");
    const h = b.linear(x, weight);
    b.output("h", h);
    b.output("y", b.exp(h));
    const graph = b.build();
    const { backward, forward, tape } = differentiate(graph, { outputs: ["y"], wrt: ["weight", "h"] });
    const feeds = { x: { shape: [2, 3], data: wave(6, 1) } };
    const out = evaluate(forward, feeds);
    const d_y = { shape: [2, 4], data: wave(8, 2) };
    const all: Record<string, Feed> = { ...feeds, ...out, d_y };
    const grads = evaluate(backward, Object.fromEntries(backward.inputs.map((v) => [v.name, all[v.name]!])));
    expect(tape).toEqual(["y"]);
    expect(grads["d_weight"]!.shape).toEqual([4, 3]);
    expect(grads["d_h"]!.data[5]).toBeCloseTo(d_y.data[5]! * out["y"]!.data[5]!, 12);
    const expected = d_y.data[0]! * out["y"]!.data[0]! * feeds.x.data[1]! + d_y.data[4]! * out["y"]!.data[4]! * feeds.x.data[4]!;
    expect(grads["d_weight"]!.data[1]).toBeCloseTo(expected, 12);
  });

  it("sums the gradients of several outputs", () => {
    const b = new GraphBuilder("two");
    const x = b.input("x", "float64", [3]);
    b.output("p", b.mul(x, 2));
    b.output("q", b.mul(x, 5));
    const { backward } = differentiate(b.build(), { outputs: ["p", "q"], wrt: ["x"] });
    const grads = evaluate(backward, { d_p: { shape: [3], data: [1, 2, 3] }, d_q: { shape: [3], data: [10, 20, 30] } });
    expect(Array.from(grads["d_x"]!.data)).toEqual([52, 104, 156]);
  });

  it("names an operator without a rule, a wanted value nothing depends on, and an integer", () => {
    const b = new GraphBuilder("errors");
    const x = b.input("x", "float32", [3]);
    const i = b.input("i", "int64", [3]);
    b.input("unused", "float32", [3]);
    b.output("y", b.node("Hardmax", [x], [{ dtype: "float32", shape: [3] }])[0]!);
    b.output("j", b.identity(i));
    const graph = b.build();
    const failure = (outputs: string[], wrt: string[]): GraphError => {
      try {
        differentiate(graph, { outputs, wrt });
      } catch (e) {
        return e as GraphError;
      }
      throw new Error("nothing was thrown");
    };
    expect(failure(["y"], ["x"])).toMatchObject({ code: "not_differentiable", message: expect.stringContaining("Hardmax") });
    expect(failure(["y"], ["unused"])).toMatchObject({ code: "not_differentiable", message: expect.stringContaining('"unused"') });
    expect(failure(["j"], ["x"])).toMatchObject({ code: "not_differentiable", message: expect.stringContaining("int64") });
    expect(failure(["z"], ["x"])).toMatchObject({ code: "unknown_value" });
  });
});
