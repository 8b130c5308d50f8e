import { readFileSync } from "node:fs";
import { golden, goldenTensors } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { adamWStep, sgdStep } from "../src/index.js";

const facts = JSON.parse(readFileSync(golden("optimisers.json"), "utf8"));
const io = goldenTensors("tiny_a_io.safetensors");

/** Distance of float32 parameters from torch's float64 ones after each of the golden's steps. */
function distances(want: number[][], step: (p: Float32Array, g: Float32Array, k: number) => void): number[] {
  const p = Float32Array.from(facts.start);
  return want.map((row, k) => {
    step(p, Float32Array.from(facts.gradients[k]), k);
    return Math.max(...row.map((v, i) => Math.abs(v - p[i]!)));
  });
}

describe("optimiser steps against torch.optim in float64", () => {
  it("SGD with momentum and weight decay: ten steps, each within float32's rounding", () => {
    const v = new Float32Array(facts.start.length);
    const found = distances(facts.sgd.parameters, (p, g, k) => sgdStep(p, g, v, facts.rates[k] * 10, facts.sgd));
    expect(found).toHaveLength(10);
    expect(Math.max(...found)).toBeLessThan(1e-6);
  });
  it("AdamW: ten steps, each within float32's rounding", () => {
    const [m, v] = [new Float32Array(facts.start.length), new Float32Array(facts.start.length)];
    const found = distances(facts.adamw.parameters, (p, g, k) => adamWStep(p, g, m, v, k + 1, facts.rates[k] * 10, facts.adamw));
    expect(found).toHaveLength(10);
    expect(Math.max(...found)).toBeLessThan(1e-6);
  });
  it.each(["released", "paper"])("one step of %s from the golden's own gradient gives the golden's context vectors", (recipe) => {
    const p = (io.get("in.ctx")!.data as Float32Array).slice();
    const g = io.get(`out.grad_ctx_${recipe}`)!.data as Float32Array;
    sgdStep(p, g, new Float32Array(p.length), 0.002, { momentum: 0.9, weightDecay: 5e-4 });
    const want = io.get(`out.ctx_sgd1_${recipe}`)!.data;
    expect(p.reduce((worst, x, i) => Math.max(worst, Math.abs(x - want[i]!)), 0)).toBeLessThan(2e-7);
  });
});
