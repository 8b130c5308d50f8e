// The numbers of "Learn from examples": fields, and what they say together.

import type { LearnChoices } from "../engine/protocol.js";
import { element } from "./elements.js";
import { numberField } from "./number-field.js";

export type LearnNumbers = Pick<LearnChoices, "epochs" | "prompts" | "seed"> & {
  /** at most so many of each class are learned from; all unless said */
  readonly shots: number | undefined;
};

export interface LearnSettings {
  readonly root: HTMLElement;
  /** The numbers, or undefined when one is wrong: it then says so itself. */
  read(): LearnNumbers | undefined;
}

export function learnSettings(): LearnSettings {
  const epochs = numberField("learn-epochs", "Epochs", 50, 1, 500);
  const prompts = numberField("learn-prompts", "Prompts", 10, 1, 64);
  const seed = numberField("learn-seed", "Seed", 1, 0, 2 ** 31 - 1);
  const shots = numberField("learn-shots", "At most of each class", undefined, 1, 100_000);
  const all = [epochs, prompts, seed, shots];
  return {
    root: element("div", { class: "fields" }, ...all.map((field) => field.root)),
    read() {
      // the first that is wrong gets the cursor; the others say what is wrong with them too
      const wrong = [...all].reverse().filter((field) => !field.valid());
      if (wrong.length > 0) return undefined;
      return {
        epochs: epochs.value(),
        prompts: prompts.value(),
        seed: seed.value(),
        shots: shots.value(),
      };
    },
  };
}
