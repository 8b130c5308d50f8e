// The training-free classifier of Wang et al. (ICLR 2024, "A Hard-to-Beat Baseline for Training-free CLIP-based Adaptation") whole: the zero-shot
// scores plus α times the Gaussian expert's, α in powers of ten by accuracy on validation. The expert alone is the method `gaussian-expert`.

import { nth } from "@biovlm/files";
import { expertLogits, fitGaussianExpert } from "@biovlm/training/loop";
import { accuracyOf, type FeatureSet, type FittedClassifier, similarities } from "../feature-set.js";

/** The authors' grid; a tie goes to the earlier. */
const ALPHAS = [0.0001, 0.001, 0.01, 0.1, 1, 10, 100] as const;
/** Theirs where there is no validation. */
const INITIAL_ALPHA = 0.1;

export interface TextAnchored {
  readonly C: number;
  readonly D: number;
  /** exp(logit scale) */
  readonly scale: number;
}

/** text [C,D] normalised zero-shot classifier. */
export function gaussianBesideText(
  train: FeatureSet,
  validation: FeatureSet,
  text: Float32Array,
  { C, D, scale }: TextAnchored,
): FittedClassifier & { readonly alpha: number } {
  const expert = fitGaussianExpert({ features: train.features, labels: train.labels, C, D });
  const mixed = (features: Float32Array, n: number, alpha: number) => {
    const zero = similarities(features, text, n, C, D);
    const own = expertLogits(expert, features, n);
    return Float32Array.from(zero, (z, i) => scale * z + alpha * nth(own, i));
  };
  let alpha: number = INITIAL_ALPHA;
  let most = 0;
  for (const candidate of validation.n === 0 ? [] : ALPHAS) {
    const accuracy = accuracyOf(mixed(validation.features, validation.n, candidate), validation.labels, C);
    if (accuracy > most) [alpha, most] = [candidate, accuracy];
  }
  return { alpha, logits: (features, n) => mixed(features, n, alpha) };
}
