// Forward, tape and backward of every gradient case, and of a whole transformer block, on onnxruntime's providers in float32 against the
// float64 evaluator: what the evaluator proves, the runtimes do.
import { differentiate, evaluate } from "@biovlm/graph";
import { soak } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { caseGraph, GRADIENT_CASES, wave } from "./gradient-cases.js";
import { layer } from "./layer.js";
import { devices, relativeError, run } from "./runtime.js";

const available = await devices();

describe.each(available)("on onnxruntime's %s provider", (device) => {
  const cases = [
    ...GRADIENT_CASES.map((c) => ({ title: c.title, make: () => caseGraph(c, "float32") })),
    { title: "a transformer block", make: () => layer() },
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
