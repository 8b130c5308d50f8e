// How sure the mixture may sound: one temperature that its scores are divided by, from the shots alone. It changes no answer. Likelihood is no
// guide here (a few shots told apart without an error want certainty, docs/recipe.md); how often the shots are right out of fold is one, the
// more the more shots there are, and until then how sure the untrained sentences are of the same images, which no shot has taught.

/** What a temperature is fitted on. */
export interface TemperatureInput {
  /** [n,C] scores of the shots as the mixture gives them, the expert's part out of fold */
  readonly scores: Float32Array;
  /** [n,C] logits of the untrained attribute bank for the shots */
  readonly untrained: Float32Array;
  /** [n] in 0..C−1 */
  readonly labels: Int32Array;
  readonly C: number;
  /** h: shots in all at which their own accuracy counts as much as the sentences' confidence; 32 when absent */
  readonly half?: number | undefined;
}

const [LEAST, MOST] = [0.05, 100];
const HALVINGS = 40;

/**
 * T with mean top probability of softmax(scores / T) = λ · accuracy + (1 − λ) · mean top probability of the untrained bank, λ = n / (n + h),
 * accuracy (right + 1) / (n + C); in [0.05, 100] and to three digits, so that the last bit of an engine's exponential decides nothing.
 */
export function shotTemperature({ scores, untrained, labels, C, half = 32 }: TemperatureInput): number {
  const n = labels.length;
  let right = 0;
  for (const [i, y] of labels.entries()) {
    const row = scores.subarray(i * C, i * C + C);
    if (row.indexOf(Math.max(...row)) === y) right++;
  }
  const own = n / (n + half);
  const target = (own * (right + 1)) / (n + C) + (1 - own) * confidence(untrained, C, 1);
  let [low, high] = [Math.log(LEAST), Math.log(MOST)];
  for (let halving = 0; halving < HALVINGS; halving++) {
    const middle = (low + high) / 2;
    if (confidence(scores, C, Math.exp(middle)) > target) low = middle;
    else high = middle;
  }
  return Number(Math.exp((low + high) / 2).toPrecision(3));
}

/** Mean over rows of the largest of softmax(logits / T), which falls as T grows. */
function confidence(logits: Float32Array, C: number, temperature: number): number {
  let sum = 0;
  for (let at = 0; at < logits.length; at += C) {
    const row = logits.subarray(at, at + C);
    const top = Math.max(...row);
    let total = 0;
    for (const z of row) total += Math.exp((z - top) / temperature);
    sum += 1 / total;
  }
  return (sum * C) / logits.length;
}
