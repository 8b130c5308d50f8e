import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { golden, goldenTensors } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { type Core, createReferenceCore, loadCore } from "../src/index.js";
import { coreOf } from "./builds.js";

const io = goldenTensors("tiny_a_io.safetensors");
const facts = JSON.parse(readFileSync(golden("tiny.json"), "utf8"));
const scale = Math.exp(facts.a.logit_scale);
const shape = { B: 6, N: 10, C: 5, D: 32 };
const of = (name: string) => io.get(`out.${name}`)!.data as Float32Array;
const cores: [string, Core][] = [["reference", createReferenceCore()], ...coreOf()];

/** The largest relative error, entries below 1e-3 of the largest counted against that. */
function relative(got: ArrayLike<number>, want: ArrayLike<number>): number {
  const largest = Array.from(want).reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  return Array.from(want).reduce((m, v, i) => Math.max(m, Math.abs(got[i]! - v) / Math.max(Math.abs(v), largest * 1e-3)), 0);
}

describe.each(cores)("routing on the %s build against PyTorch's", (_, core) => {
  it.each([
    ["", "text_features"],
    ["word.", "word.text_features"],
  ])("%slogits and entropies within 1e-4, the kept prompts equal", (prefix, text) => {
    const got = core.route(of("image_features"), of(text), scale, 0.5, shape);
    expect(relative(got.logits, of(`${prefix}logits`))).toBeLessThan(1e-4);
    expect(relative(got.entropy, of(`${prefix}entropy`))).toBeLessThan(1e-4);
    expect(Array.from(got.kept)).toEqual(Array.from(of(`${prefix}selected`)));
    expect(relative(got.mean, of(`${prefix}final_logits`))).toBeLessThan(1e-4);
  });
  it("raw features normalise to the golden's", () => {
    expect(relative(core.l2Normalize(of("image_features_raw"), 6, 32), of("image_features"))).toBeLessThan(1e-5);
  });
});

describe("the deterministic build", () => {
  it("gives these very bits on every engine", async () => {
    const core = await loadCore({ deterministic: true });
    const hash = createHash("sha256");
    const { logits, entropy, kept, mean, probabilities } = core.route(of("image_features"), of("text_features"), scale, 0.5, shape);
    for (const x of [logits, entropy, kept, mean, probabilities, core.logSoftmax(logits, 60, 5)]) {
      hash.update(new Uint8Array(x.buffer, x.byteOffset, x.byteLength));
    }
    expect(core.info).toMatchObject({ build: "simd", deterministic: true });
    expect(hash.digest("hex")).toBe("3e15b7b4733a401ff3a6eff362e1ce3541ff9f9322dc6824e2638f0a3fa9c953");
  });
});
