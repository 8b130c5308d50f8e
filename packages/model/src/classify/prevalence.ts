// How common each class is where a bank is used, as an addition to its scores: log π − log(1/C). A bank is learned from as many images of each
// class and answers as if all were equally likely; where they are not, Bayes' rule moves the scores by the logarithm of the prior.

import { quoted } from "@biovlm/files";
import type { PromptBank } from "../banks/bank.js";
import { ModelError } from "../contract/errors.js";

/**
 * What is added to each class's score: [C] log π_c − log(1/C); zeros where all are equally common.
 * @param shares π [C], each above 0, together 1 to within 1e-3
 * @throws ModelError `bad_argument`
 */
export function prevalenceShift(shares: readonly number[], C: number): Float32Array {
  const sum = shares.reduce((a, b) => a + b, 0);
  if (shares.length !== C || shares.some((share) => !(share > 0)) || Math.abs(sum - 1) > 1e-3) {
    throw new ModelError(
      "bad_argument",
      `prevalence — expected ${C} shares above 0, one a class, that add up to 1, got ${quoted(shares.join(", "))}. Correct them.`,
    );
  }
  return Float32Array.from(shares, (share) => Math.log((share / sum) * C));
}

/**
 * The shares of a bank's classes among the images that it was learned from, for `classes` in their order.
 * @throws ModelError `bad_argument` where the bank does not know, where a class is not one of its own, or had no image
 */
export function learnedPrevalence(bank: Pick<PromptBank, "classCounts" | "classes">, classes: readonly string[]): readonly number[] {
  const { classCounts } = bank;
  if (classCounts === undefined) {
    throw new ModelError(
      "bad_argument",
      "prevalence — expected a bank that keeps how many images of each class there were, got one that does not. Learn it again, or give a share for each class.",
    );
  }
  const counts = classes.map((name) => {
    const count = classCounts[bank.classes.indexOf(name)];
    if (count === undefined || count === 0) {
      throw new ModelError(
        "bad_argument",
        `prevalence — expected classes that the bank was learned on, got ${quoted(name)}${count === 0 ? ", of which it had no image" : ""}. Give a share for each class.`,
      );
    }
    return count;
  });
  const sum = counts.reduce((a, b) => a + b, 0);
  return counts.map((count) => count / sum);
}
