// The same short training for Node and for the page: 20 steps on seeded pictures. Not a test.

import { loadCore } from "@biovlm/core";
import type { Encoder, Model } from "@biovlm/model";
import type { PromptModel } from "@biovlm/model/prompts";
import { seededFloats, TOY_SPEC, toyTowers } from "@biovlm/model/testing";
import { learnBank, RECIPES, recipeWith, type TrainableModel } from "@biovlm/training";

export const CLASSES = ["dark", "bright"] as const;

/** 8 pictures of two kinds. */
export function pictures(count = 8) {
  return Array.from({ length: count }, (_, i) => {
    const noise = seededFloats(100 + i, 20 * 20 * 3);
    const data = Uint8Array.from(noise, (x) => (i % 2 === 0 ? 70 : 160) + 60 * x);
    return { sha256: i.toString(16).padStart(64, "0"), pixels: async () => ({ data, width: 20, height: 20 }) };
  });
}

/** The toy towers as a model that can be trained through. */
export function toyModel(): TrainableModel & { readonly graphs: Model["graphs"] } {
  const { graphs } = toyTowers();
  const tokenizer: PromptModel["tokenizer"] = {
    encode: (text) => [1, ...Array.from(text.toLowerCase(), (c) => 3 + (c.codePointAt(0)! % 36)).slice(0, 12), 2],
  };
  return { digest: graphs.digest, spec: TOY_SPEC, tokenizer, frame: { before: 1, after: 1 }, graphs };
}

/** Twenty steps: 5 epochs of 4 batches. Gives the bank's file. */
export async function train(model: TrainableModel, encoder: Encoder): Promise<{ bytes: Uint8Array; ctx: Float32Array }> {
  const images = pictures();
  let steps = 0;
  const { bytes, bank } = await learnBank(
    { core: await loadCore({ deterministic: true }), encoder, model },
    {
      classes: CLASSES,
      images,
      labels: Int32Array.from(images, (_, i) => i % 2),
      recipe: recipeWith(RECIPES["biovlm-golden"], { epochs: "5", batch: "2", prompts: "3", learningRate: "0.02" }),
      recipeName: "biovlm-golden",
      seed: 4,
      views: 2,
      onStep: () => void steps++,
    },
  );
  if (steps !== 20) throw new Error(`expected 20 steps, got ${steps}`);
  return { bytes, ctx: bank.ctx!.data };
}
