// Answers of several frames or slices → one answer for all: the mean of their probabilities, and which of them were surest. Holds sums alone,
// however many there are.

import type { Classification } from "@biovlm/model";

/** A frame's or slice's answer among the surest. */
export interface SureAnswer {
  /** frame or slice, counted from 1 */
  readonly at: number;
  readonly class: string;
  readonly probability: number;
}

/** What several answers say together. */
export interface TogetherAnswer {
  /** mean probabilities, most probable first; equal ones in the classifier's order */
  readonly predictions: Classification["predictions"];
  /** answers it is the mean of */
  readonly answers: number;
  /** those whose own first class is most probable, the surest first; equal ones by number */
  readonly surest: readonly SureAnswer[];
}

/** The mean of answers over the same classes. */
export class MeanAnswer {
  private readonly sums: Map<string, number>;
  private surest: SureAnswer[] = [];
  private answers = 0;
  private readonly most: number;

  /** @param options.classes in the classifier's order @param options.most surest answers kept, 3 unless given */
  constructor({ classes, most = 3 }: { readonly classes: readonly string[]; readonly most?: number }) {
    this.sums = new Map(classes.map((name) => [name, 0]));
    this.most = most;
  }

  /** Adds the answer of frame or slice `at`, counted from 1. */
  add(at: number, predictions: Classification["predictions"]): void {
    this.answers++;
    for (const { class: name, probability } of predictions) this.sums.set(name, (this.sums.get(name) ?? 0) + probability);
    const [first] = predictions;
    if (first === undefined) return;
    this.surest = [...this.surest, { at, class: first.class, probability: first.probability }]
      .sort((a, b) => b.probability - a.probability || a.at - b.at)
      .slice(0, this.most);
  }

  /** The answer of all so far; undefined before the first. */
  together(): TogetherAnswer | undefined {
    if (this.answers === 0) return undefined;
    const predictions = [...this.sums].map(([name, sum]) => ({ class: name, probability: sum / this.answers }));
    return { predictions: predictions.sort((a, b) => b.probability - a.probability), answers: this.answers, surest: this.surest };
  }
}
