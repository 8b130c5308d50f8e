// SGD with momentum and weight decay over one flat buffer, in torch.optim.SGD's order (dampening 0, no Nesterov).

import { f32 } from "../elements.js";

/** Constants of stochastic gradient descent: momentum μ and weight decay λ, added to the gradient as torch does. */
export interface SgdOptions {
  readonly momentum: number;
  readonly weightDecay: number;
}

/**
 * p ← p − lr·v, v ← μ·v + (g + λ·p). On the first step v is zero, so v = g + λ·p as torch has it.
 * All three buffers have one length; p and v are changed in place, each number rounded to float32 once.
 */
export function sgdStep(p: Float32Array, g: Float32Array, v: Float32Array, lr: number, options: SgdOptions): void {
  const { momentum, weightDecay } = options;
  for (let i = 0; i < p.length; i++) {
    v[i] = momentum * f32(v, i) + (f32(g, i) + weightDecay * f32(p, i));
    p[i] = f32(p, i) - lr * f32(v, i);
  }
}
