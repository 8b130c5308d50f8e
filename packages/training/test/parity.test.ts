// The two recipes against the golden files: loss terms, gradient, and the context vectors after steps of SGD, on every backend that runs here.

import { readFileSync } from "node:fs";
import { backends } from "@biovlm/backend-cuda";
import { backends as webBackends } from "@biovlm/backend-web";
import { type Core, loadCore, sgdStep } from "@biovlm/core";
import type { Encoder, EncoderBackend } from "@biovlm/model";
import { biomedclip, modelGraphs, openSafetensors, readModel, safetensorsStateDict } from "@biovlm/model/backbone";
import { promptFrame } from "@biovlm/model/prompts";
import { golden, goldenTensors } from "@biovlm/testkit";
import { beforeAll, describe, expect, it } from "vitest";
import { objective } from "../src/objective.js";
import { frameLearner } from "../src/prompt-learner.js";
import { RECIPES, type Recipe } from "../src/recipe.js";
import { teach } from "../src/teacher.js";

const LR = 0.002;
const io = goldenTensors("tiny_a_io.safetensors");
const f64 = goldenTensors("tiny_a_f64.safetensors");
const biovlm = goldenTensors("tiny_a_biovlm.safetensors");
const json = (name: string) => JSON.parse(readFileSync(golden(name), "utf8"));
const numbers = (tensors: typeof io, name: string) => tensors.get(name)!.data as Float32Array;

interface Expected {
  readonly terms: Record<string, number>;
  readonly gradient: ArrayLike<number>;
  /** ctx after so many steps */
  readonly contexts: ReadonlyMap<number, ArrayLike<number>>;
  readonly losses: readonly number[];
}

const released: Expected = {
  terms: json("tiny.json").a.f64,
  gradient: numbers(f64, "out.grad_ctx_released"),
  contexts: new Map([
    [1, numbers(f64, "out.ctx_sgd1_released")],
    [5, numbers(f64, "out.ctx_sgd5_released")],
  ]),
  losses: json("tiny.json").a.loss_per_step_f64.released,
};
const method: Expected = {
  terms: json("tiny_a_biovlm.json").f64,
  gradient: numbers(biovlm, "f64.grad_ctx"),
  contexts: new Map([
    [1, numbers(biovlm, "f64.ctx_sgd1")],
    [5, numbers(biovlm, "f64.ctx_sgd5")],
    [10, numbers(biovlm, "f64.ctx_sgd10")],
  ]),
  losses: json("tiny_a_biovlm.json").f64_loss_per_step,
};

const candidates: readonly EncoderBackend[] = [...backends({ threads: 1 }), ...webBackends({ threads: 1 })].filter(
  (b) => b.name !== "cuda",
);
const core: Core = await loadCore({ deterministic: true });

describe.each(candidates.map((backend) => ({ name: backend.name, backend })))("on $name", ({ name, backend }) => {
  // native WebGPU here is a software adapter, whose arithmetic is its own
  const loose = name === "webgpu";
  let encoder: Encoder | undefined;
  let absent = "";
  let model: ReturnType<typeof tinyA>;
  beforeAll(async () => {
    const probe = await backend.probe();
    if (!probe.available) {
      absent = `skipped: ${name}: ${probe.reason}`;
      return;
    }
    model = tinyA();
    encoder = await backend.open(model.graphs);
  });

  it.for([
    { recipe: "released" as const, expected: released },
    { recipe: "biovlm-golden" as const, expected: method },
  ])("the $recipe recipe follows the golden run step by step", async ({ recipe, expected }, ctx) => {
    if (encoder === undefined) return ctx.skip(absent);
    const { first, losses, contexts } = await follow(encoder, model, RECIPES[recipe], expected.losses.length);
    const tolerance = loose ? 1e-4 : 1e-5;
    for (const [term, value] of Object.entries(first.terms)) {
      const wanted = expected.terms[{ kdAug: "kd_aug", total: "loss" }[term] ?? term]!;
      expect(Math.abs(value - wanted) / Math.abs(wanted), `${term}: ${value} for ${wanted}`).toBeLessThanOrEqual(tolerance);
    }
    const largest = Math.max(...Array.from(expected.gradient, Math.abs));
    expect(distance(first.gradient, expected.gradient) / largest, "gradient").toBeLessThanOrEqual(loose ? 1e-4 : 2e-5);
    for (const [step, wanted] of expected.contexts) {
      expect(distance(contexts[step - 1]!, wanted), `ctx after step ${step}`).toBeLessThanOrEqual(loose ? 1e-4 : 1e-6);
    }
    for (const [step, wanted] of expected.losses.entries()) {
      expect(Math.abs(losses[step]! - wanted) / wanted, `loss of step ${step + 1}`).toBeLessThanOrEqual(tolerance);
    }
  });

  it("recomputed activations give the gradient of kept ones", async (ctx) => {
    if (encoder === undefined) return ctx.skip(absent);
    const [kept, again] = [
      await follow(encoder, model, RECIPES["biovlm-golden"], 1, "keep"),
      await follow(encoder, model, RECIPES["biovlm-golden"], 1, "recompute"),
    ];
    const largest = Math.max(...kept.first.gradient.map(Math.abs));
    expect(distance(kept.first.gradient, again.first.gradient) / largest).toBeLessThanOrEqual(1e-5);
  });
});

function tinyA() {
  const weights = safetensorsStateDict(openSafetensors(readFileSync(golden("tiny_a_model.safetensors"))));
  const read = readModel(weights, { "open_clip_config.json": JSON.stringify(openClip()), "vocab.txt": "" });
  return {
    spec: read.spec,
    frame: read.backbone.frame,
    embedTokens: biomedclip.embedTokens!(read.weights, read.spec),
    graphs: modelGraphs(read, { digest: `sha256:${"0".repeat(64)}` }),
  };
}

/** The open_clip config of the golden model: sizes come from the tensors. */
function openClip() {
  return { model_cfg: { embed_dim: 32, vision_cfg: { image_size: 32 }, text_cfg: { context_length: 24 } }, preprocess_cfg: {} };
}

async function follow(
  encoder: Encoder,
  model: ReturnType<typeof tinyA>,
  recipe: Recipe,
  steps: number,
  activations?: "keep" | "recompute",
) {
  const [C, L] = io.get("in.class_ids")!.shape as [number, number];
  const ids = io.get("in.class_ids")!.data as Int32Array;
  const mask = Uint8Array.from(ids, (id) => (id === 0 ? 0 : 1));
  const frame = promptFrame(model, { ids, mask, shape: [C, L] }, recipe.contextTokens, recipe.embedding);
  const learner = frameLearner({ encoder, model, recipe, frame, activations });
  const { N, D } = learner.shape;
  const B = 6;
  const embed = async (name: string) => {
    const { data } = await encoder.encodeImages(numbers(io, name), B);
    return core.l2Normalize(data, B, D);
  };
  const [student, strong, weak] = [await embed("in.images"), await embed("in.strong_images"), await embed("in.weak_images")];
  const attrIds = io.get("in.attr_ids")!.data as Int32Array;
  const texts = await encoder.encodeTexts(
    attrIds,
    Uint8Array.from(attrIds, (id) => (id === 0 ? 0 : 1)),
    [10 * C, L],
  );
  const attributes = core.l2Normalize(texts.data, 10 * C, D);
  const labels = io.get("in.labels")!.data as Int32Array;
  const scale = Math.exp(model.spec.logitScale);
  const shape = { B, N, M: 10, C, D };
  const teacher = teach(core, { student, strong, weak, attributes, scale, rho: recipe.rho, shape });
  const ctx = numbers(io, "in.ctx").slice();
  const velocity = new Float32Array(ctx.length);
  const losses: number[] = [];
  const contexts: Float32Array[] = [];
  let first: { terms: Record<string, number>; gradient: Float32Array } | undefined;
  for (let step = 0; step < steps; step++) {
    const { text, tape } = await learner.forward(ctx);
    const { terms, dText } = objective(core, { text, images: student, labels, attributes, teacher, scale, shape }, recipe);
    const gradient = await learner.backward(tape, dText);
    first ??= { terms: { ...terms }, gradient };
    sgdStep(ctx, gradient, velocity, LR, recipe);
    losses.push(terms.total);
    contexts.push(ctx.slice());
  }
  return { first: first!, losses, contexts };
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
}
