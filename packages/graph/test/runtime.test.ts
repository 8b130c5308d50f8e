// Forward, tape and backward of every gradient case, and of a whole transformer block, on onnxruntime's providers in float32 against the
// float64 evaluator: what the evaluator proves, the runtimes do.
import { differentiate, evaluate, type Feed, GraphBuilder, tensorOf, type Value } from "@biovlm/graph";
import { soak } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { caseGraph, GRADIENT_CASES, wave } from "./gradient-cases.js";
import { devices, relativeError, run } from "./runtime.js";

const available = await devices();

/** n rows of L tokens of width 16 through a post-LN BERT layer with 2 heads and a mask, then the first token's row. */
function transformerBlock() {
  const [width, heads, inner] = [16, 2, 32];
  const b = new GraphBuilder("block");
  const x = b.input("x", "float32", ["n", "L", width]);
  const mask = b.input("mask", "float32", ["n", "L"]);
  let seed = 0;
  const weight = (...shape: number[]) => {
    const count = shape.reduce((p, d) => p * d, 1);
    const data = Float32Array.from(wave(count, ++seed), (v) => (shape.length === 1 ? 1 + v / 4 : v / 2));
    return b.constant(tensorOf("float32", shape, data));
  };
  const bias = b.unsqueeze(b.mul(b.sub(mask, 1), 1e4), [1, 2]);
  const split = (v: Value, perm: number[]) => b.transpose(b.reshape(v, ["n", "L", heads, width / heads]), perm);
  const q = split(b.linear(x, weight(width, width), weight(width)), [0, 2, 1, 3]);
  const k = split(b.linear(x, weight(width, width), weight(width)), [0, 2, 3, 1]);
  const v = split(b.linear(x, weight(width, width), weight(width)), [0, 2, 1, 3]);
  const p = b.softmax(b.add(b.mul(b.matmul(q, k), 1 / Math.sqrt(width / heads)), bias));
  const joined = b.reshape(b.transpose(b.matmul(p, v), [0, 2, 1, 3]), ["n", "L", width]);
  const h = b.layerNormalization(b.add(x, b.linear(joined, weight(width, width), weight(width))), weight(width), weight(width), 1e-12);
  const f = b.linear(b.gelu(b.linear(h, weight(inner, width), weight(inner))), weight(width, inner), weight(width));
  b.output("y", b.gather(b.layerNormalization(b.add(h, f), weight(width), weight(width), 1e-12), 0, 1));
  const feeds: Record<string, Feed> = {
    x: { shape: [3, 5, width], data: wave(3 * 5 * width, 77) },
    mask: { shape: [3, 5], data: [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0] },
  };
  return { graph: b.build(), feeds, wrt: ["x"] };
}

describe.each(available)("on onnxruntime's %s provider", (device) => {
  const cases = [
    ...GRADIENT_CASES.map((c) => ({ title: c.title, make: () => caseGraph(c, "float32") })),
    { title: "a transformer block", make: transformerBlock },
  ];
  // The software WebGPU adapter compiles its shaders for seconds: all cases there under soak only, else the block, which holds most of them.
  for (const { title, make } of cases.slice(device === "webgpu" && !soak ? -1 : 0)) {
    it(`forward and backward of ${title} agree with the evaluator to 1e-4`, async () => {
      const { graph, feeds, wrt } = make();
      for (const recompute of [false, true]) {
        const { forward, backward, tape } = differentiate(graph, { outputs: ["y"], wrt, recompute });
        const expected = evaluate(forward, feeds);
        const got = await run(forward, feeds, device);
        for (const name of Object.keys(expected)) expect(relativeError(got[name]!, expected[name]!), name).toBeLessThanOrEqual(1e-4);
        const d_y = { shape: expected["y"]!.shape, data: wave(expected["y"]!.data.length, 9) };
        const exact = evaluate(backward, { ...feeds, d_y, ...Object.fromEntries(tape.map((t) => [t, expected[t]!])) });
        const grads = await run(backward, { ...feeds, d_y, ...Object.fromEntries(tape.map((t) => [t, got[t]!])) }, device);
        for (const name of Object.keys(exact)) {
          expect(grads[name]!.shape).toEqual(exact[name]!.shape);
          expect(relativeError(grads[name]!, exact[name]!), name).toBeLessThanOrEqual(1e-4);
        }
      }
    });
  }
});
