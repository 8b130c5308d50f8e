// A small bank of seeded numbers for the embedded model, without a mixture and with one.

import type { Model, PromptBank } from "../src/index.js";

/** For three classes. @param floats n numbers, uniform in ±size/2 */
export function bankAndMixture(
  { digest, spec }: Pick<Model, "digest" | "spec">,
  recipe: string,
  classes: readonly string[],
  floats: (n: number, size: number) => Float32Array,
): { readonly plain: PromptBank; readonly mixed: PromptBank } {
  const W = spec.text.width;
  const plain: PromptBank = {
    modelDigest: digest,
    recipe,
    options: { embedding: "word" },
    rho: 0.5,
    promptSuffix: ".",
    classes,
    logitScale: spec.logitScale,
    createdBy: "test",
    ctx: { data: floats(4 * 3 * W, 0.4), shape: [4, 3, W] },
  };
  const mixture = {
    ctx: { data: floats(3 * W, 0.4), shape: [1, 3, W] as [number, number, number] },
    expertW: floats(3 * spec.embedDim, 20),
    expertB: floats(3, 4),
    ...{ a: 0.3, w: 0.1, v: 0.5 },
  };
  return { plain, mixed: { ...plain, mixture } };
}
