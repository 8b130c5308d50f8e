// How an image becomes an image tower's input: the model's own mean and std, or ImageNet's where a bank was learned with them (the authors' code).

import type { PixelSpec } from "@biovlm/core";
import type { ModelSpec } from "./model-spec.js";

/** Which mean and std: the model's own, or ImageNet's. */
export type Normalisation = "model" | "imagenet";

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

/** S, and the mean and std of R, G, B in [0, 1]. */
export function pixelSpec(spec: Pick<ModelSpec, "vision" | "mean" | "std">, normalisation: Normalisation = "model"): PixelSpec {
  const { mean, std } = normalisation === "imagenet" ? IMAGENET : spec;
  return { size: spec.vision.imageSize, mean, std };
}
