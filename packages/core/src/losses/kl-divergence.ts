// KL(teacher ‖ student) over class logits, summed and divided by a chosen divisor: forward and backward on the student.

import { f32, f64 } from "../elements.js";
import { checkLength } from "../shape-checks.js";
import { logSumExp } from "./cross-entropy.js";

/** Kullback–Leibler divergence of a batch in nats, with what its backward needs. */
export interface KlDivergence {
  readonly loss: number;
  /** softmax of the student and of the teacher [B,C] */
  readonly student: Float64Array;
  readonly teacher: Float64Array;
}

/** student, teacher logits [B,C] → Σ softmax(teacher)·(log softmax(teacher) − log softmax(student)) / divisor. */
export function klDivergenceForward(student: Float32Array, teacher: Float32Array, divisor: number, B: number, C: number): KlDivergence {
  checkLength("klDivergence student", student.length, [B, C]);
  checkLength("klDivergence teacher", teacher.length, [B, C]);
  const p = new Float64Array(B * C);
  const q = new Float64Array(B * C);
  let sum = 0;
  for (let b = 0; b < B; b++) {
    const at = b * C;
    const s = logSumExp(student, at, C);
    const t = logSumExp(teacher, at, C);
    for (let c = at; c < at + C; c++) {
      p[c] = Math.exp(f32(student, c) - s);
      q[c] = Math.exp(f32(teacher, c) - t);
      sum += f64(q, c) * (f32(teacher, c) - t - (f32(student, c) - s));
    }
  }
  return { loss: sum / divisor, student: p, teacher: q };
}

/** Adds weight · ∂loss/∂student logits [B,C] = weight · (p − q) / divisor to dLogits. */
export function klDivergenceBackward(forward: KlDivergence, divisor: number, weight: number, dLogits: Float64Array): void {
  for (let i = 0; i < dLogits.length; i++)
    dLogits[i] = f64(dLogits, i) + (weight / divisor) * (f64(forward.student, i) - f64(forward.teacher, i));
}
