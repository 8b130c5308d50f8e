// How much the text part and the image-side expert count: chosen by stratified K-fold cross-validation on the shots themselves, so that no
// image but those learned from is asked for. Milliseconds. Below two shots of a class there is nothing to fold: text alone.

import { randomStream } from "../random.js";
import { expertLogits, fitGaussianExpert } from "./gaussian-expert.js";

/** Answer = a · text + w · expert. */
export interface MixtureWeights {
  readonly a: number;
  readonly w: number;
  /** K; 0 where there was nothing to fold */
  readonly folds: number;
  /** mean −log probability of the held-out shots at (a, w); absent where there was nothing to fold */
  readonly nll?: number;
}

/** The grid, settled on validation. */
const TEXT_WEIGHTS = [0.2, 0.5, 1] as const;
const EXPERT_WEIGHTS = [0, 0.03, 0.1, 0.3, 1, 3] as const;
const MOST_FOLDS = 5;

export interface MixtureInput {
  /** [n,D] L2-normalised plain embeddings of the shots */
  readonly features: Float32Array;
  /** [n] in 0..C−1 */
  readonly labels: Int32Array;
  readonly C: number;
  readonly D: number;
  /** [n,C] logits of the untrained attribute bank for the shots: it has not seen their labels, so it needs no folding */
  readonly textLogits: Float32Array;
  /** false where the classes have names and no sentences: names may say nothing, and then the text part is left out */
  readonly described: boolean;
  readonly seed: number;
  /** κ of the expert */
  readonly shrinkage?: number | undefined;
  /** for how many further labels of each class the sentences' own answers count, so that few shots do not outvote them; 0 when absent */
  readonly sentenceLabels?: number | undefined;
}

type ExpertShots = Omit<MixtureInput, "textLogits" | "described" | "sentenceLabels">;

/** Names alone are taken to say something where they bring the shots' likelihood this far below that of equal chances. */
const SAYS_SOMETHING = 0.99;

/**
 * The (a, w) of the grid at which n · NLL of the shots + `sentenceLabels` · C · mean cross-entropy to the sentences' own answers is least. Names that
 * say nothing have no say either. Ties go to the earlier entry of the grid: the lesser weights. @param expert {@link heldOutExpert} of the same shots, where it is
 * at hand
 */
export function mixtureWeights(input: MixtureInput, expert = heldOutExpert(input)): MixtureWeights {
  const { labels, C, textLogits, sentenceLabels = 0 } = input;
  const K = foldCount(labels, C);
  if (expert === undefined) return { a: 1, w: 0, folds: 0 };
  let best: MixtureWeights | undefined;
  let least = Number.POSITIVE_INFINITY;
  const silent =
    !input.described && TEXT_WEIGHTS.every((a) => mixtureNll(textLogits, expert, labels, C, a, 0) > SAYS_SOMETHING * Math.log(C));
  for (const a of silent ? [0] : TEXT_WEIGHTS) {
    for (const w of silent ? EXPERT_WEIGHTS.slice(1) : EXPERT_WEIGHTS) {
      const nll = mixtureNll(textLogits, expert, labels, C, a, w);
      const prior = silent || sentenceLabels === 0 ? 0 : ((sentenceLabels * C) / labels.length) * departure(textLogits, expert, C, a, w);
      if (nll + prior < least) {
        best = { a, w, folds: K, nll };
        least = nll + prior;
      }
    }
  }
  return best ?? { a: 1, w: 0, folds: K };
}

/** K: as many folds as the smallest class has shots, five at most. */
function foldCount(labels: Int32Array, C: number): number {
  const counts = new Int32Array(C);
  for (const y of labels) counts[y] = (counts[y] ?? 0) + 1;
  return Math.min(MOST_FOLDS, ...counts);
}

/** g [n,C] of each shot by the expert that was fitted without its fold; undefined below two shots of a class, where there is nothing to fold. */
export function heldOutExpert(input: ExpertShots): Float32Array | undefined {
  const { labels, C, seed } = input;
  const K = foldCount(labels, C);
  return K < 2 ? undefined : outOfFold(input, foldOf(labels, C, K, seed), K);
}

/** [n] fold of every shot: each class's shots shuffled, dealt out one after another. */
export function foldOf(labels: Int32Array, C: number, K: number, seed: number): Int32Array {
  const random = randomStream(seed, "folds");
  const fold = new Int32Array(labels.length);
  for (let c = 0; c < C; c++) {
    const own = random.shuffle(Array.from(labels.keys()).filter((i) => labels[i] === c));
    for (const [at, i] of own.entries()) fold[i] = at % K;
  }
  return fold;
}

function outOfFold({ features, labels, C, D, shrinkage }: ExpertShots, fold: Int32Array, K: number): Float32Array {
  const out = new Float32Array(labels.length * C);
  const rows = (indices: readonly number[]) => {
    const picked = new Float32Array(indices.length * D);
    for (const [at, i] of indices.entries()) picked.set(features.subarray(i * D, i * D + D), at * D);
    return picked;
  };
  for (let k = 0; k < K; k++) {
    const held: number[] = [];
    const kept: number[] = [];
    for (const [i, f] of fold.entries()) (f === k ? held : kept).push(i);
    const expert = fitGaussianExpert({ features: rows(kept), labels: Int32Array.from(kept, (i) => labels[i] ?? 0), C, D, shrinkage });
    const logits = expertLogits(expert, rows(held), held.length);
    for (const [at, i] of held.entries()) out.set(logits.subarray(at * C, at * C + C), i * C);
  }
  return out;
}

/** Mean −log softmax(a·text + w·expert)[label] in float64. */
export function mixtureNll(text: Float32Array, expert: Float32Array, labels: Int32Array, C: number, a: number, w: number): number {
  let sum = 0;
  for (const [i, y] of labels.entries()) sum -= logProbabilities(text, expert, i, C, a, w)[y] ?? Number.NaN;
  return sum / labels.length;
}

/** Mean cross-entropy of softmax(a·text + w·expert) to softmax(text): how far the mixture leaves the sentences' own answers. */
function departure(text: Float32Array, expert: Float32Array, C: number, a: number, w: number): number {
  const n = text.length / C;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const own = logProbabilities(text, expert, i, C, 1, 0);
    const mixed = logProbabilities(text, expert, i, C, a, w);
    for (const [c, log] of mixed.entries()) sum -= Math.exp(own[c] ?? Number.NaN) * log;
  }
  return sum / n;
}

/** log softmax(a·text + w·expert) of row i [C] in float64. */
function logProbabilities(text: Float32Array, expert: Float32Array, i: number, C: number, a: number, w: number): Float64Array {
  const row = Float64Array.from({ length: C }, (_, c) => a * text[i * C + c]! + w * expert[i * C + c]!);
  const max = Math.max(...row);
  let total = 0;
  for (const z of row) total += Math.exp(z - max);
  const log = max + Math.log(total);
  return row.map((z) => z - log);
}
