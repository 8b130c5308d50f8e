// The teacher: what the attribute sentences say of an image. Frozen text, so nothing here carries a gradient.

import { type Core, marginalEntropyForward } from "@biovlm/core";

/** Three views of a batch and the attribute sentences that judge them. */
export interface TeacherInput {
  /** student, strong and weak view embeddings [B,D], L2-normalised */
  readonly student: Float32Array;
  readonly strong: Float32Array;
  readonly weak: Float32Array;
  /** g [M,C,D] normalised embeddings of the attribute sentences */
  readonly attributes: Float32Array;
  readonly scale: number;
  readonly rho: number;
  readonly shape: { readonly B: number; readonly M: number; readonly C: number; readonly D: number };
}

/** What the attribute sentences say of a batch, and the entropies of what they kept, in nats. */
export interface TeacherSignal {
  /** û [B,C]: mean of the kept attribute rows of the student's own view */
  readonly mean: Float32Array;
  /** û_aug [B,C]: mean of the kept rows among strong_0, weak_0, strong_1, weak_1, … (2M rows) */
  readonly meanAugmented: Float32Array;
  readonly gptent: number;
  readonly gptaugent: number;
}

/** Scores the attribute sentences on the three views and keeps the rows of lowest entropy. */
export function teach(core: Core, input: TeacherInput): TeacherSignal {
  const { attributes, scale, rho, shape } = input;
  const { B, M, C, D } = shape;
  const scored = { B, N: M, C, D };
  const own = core.route(input.student, attributes, scale, rho, scored);
  const strong = core.score(input.strong, attributes, scale, scored);
  const weak = core.score(input.weak, attributes, scale, scored);
  const rows = interleave(strong, weak, B * M, C);
  const augmented = core.select(rows, rho, { B, N: 2 * M, C });
  return {
    mean: own.mean,
    meanAugmented: augmented.mean,
    gptent: marginalEntropyForward(own.logits, own.kept, B, M, C).loss,
    gptaugent: marginalEntropyForward(rows, augmented.kept, B, 2 * M, C).loss,
  };
}

/** a_0, b_0, a_1, b_1, … rows of C numbers. */
function interleave(a: Float32Array, b: Float32Array, rows: number, C: number): Float32Array {
  const out = new Float32Array(2 * rows * C);
  for (let r = 0; r < rows; r++) {
    out.set(a.subarray(r * C, r * C + C), 2 * r * C);
    out.set(b.subarray(r * C, r * C + C), (2 * r + 1) * C);
  }
  return out;
}
