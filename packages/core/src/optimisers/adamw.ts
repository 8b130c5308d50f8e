// AdamW over one flat buffer, in torch.optim.AdamW's order (decoupled weight decay, bias correction, no amsgrad).

import { f32 } from "../elements.js";

/** Constants of AdamW (Loshchilov and Hutter 2019): decay rates of both moments, the denominator's floor, decoupled weight decay. */
export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** One step; `step` counts from 1. p, m and v are changed in place. */
export function adamWStep(
  p: Float32Array,
  g: Float32Array,
  m: Float32Array,
  v: Float32Array,
  step: number,
  lr: number,
  options: AdamWOptions,
): void {
  const { beta1, beta2, epsilon, weightDecay } = options;
  const correction1 = 1 - integerPower(beta1, step);
  const correction2 = Math.sqrt(1 - integerPower(beta2, step));
  for (let i = 0; i < p.length; i++) {
    const decayed = f32(p, i) * (1 - lr * weightDecay);
    m[i] = beta1 * f32(m, i) + (1 - beta1) * f32(g, i);
    v[i] = beta2 * f32(v, i) + (1 - beta2) * f32(g, i) * f32(g, i);
    p[i] = decayed - ((lr / correction1) * f32(m, i)) / (Math.sqrt(f32(v, i)) / correction2 + epsilon);
  }
}

/** xⁿ by repeated squaring: only IEEE products, so the same bits on every engine (Math.pow promises less). */
function integerPower(x: number, n: number): number {
  let result = 1;
  for (let base = x, e = n; e > 0; e = Math.floor(e / 2), base *= base) if (e % 2 === 1) result *= base;
  return result;
}
