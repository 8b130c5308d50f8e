// Limited-memory BFGS with a backtracking (Armijo) line search, for smooth convex losses over one flat vector. Deterministic.

import { f64 } from "@biovlm/core";
import { nth } from "@biovlm/files";

export interface LbfgsOptions {
  readonly maxIterations: number;
  /** stop when the largest gradient entry is below this */
  readonly tolerance: number;
  readonly memory?: number;
}

/** Minimises `loss(x, gradient)` (which fills gradient) from x, in place; gives the final loss. */
export function minimise(loss: (x: Float64Array, gradient: Float64Array) => number, x: Float64Array, options: LbfgsOptions): number {
  const n = x.length;
  const memory = options.memory ?? 10;
  let gradient: Float64Array = new Float64Array(n);
  let value = loss(x, gradient);
  const steps: { s: Float64Array; y: Float64Array; rho: number }[] = [];
  for (let iteration = 0; iteration < options.maxIterations; iteration++) {
    if (maxAbs(gradient) < options.tolerance) break;
    const direction = twoLoop(gradient, steps);
    let slope = dot(gradient, direction);
    if (slope >= 0) {
      steps.length = 0;
      for (let i = 0; i < n; i++) direction[i] = -f64(gradient, i);
      slope = -dot(gradient, gradient);
    }
    let rate = steps.length === 0 ? Math.min(1, 1 / maxAbs(gradient)) : 1;
    const next = new Float64Array(n);
    let nextGradient = new Float64Array(n);
    let nextValue = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 40; tries++, rate *= 0.5) {
      for (let i = 0; i < n; i++) next[i] = f64(x, i) + rate * f64(direction, i);
      nextGradient = new Float64Array(n);
      nextValue = loss(next, nextGradient);
      if (nextValue <= value + 1e-4 * rate * slope) break;
    }
    if (!(nextValue < value)) break;
    const s = new Float64Array(n);
    const y = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      s[i] = f64(next, i) - f64(x, i);
      y[i] = f64(nextGradient, i) - f64(gradient, i);
    }
    const sy = dot(s, y);
    if (sy > 1e-12 * dot(y, y)) {
      steps.push({ s, y, rho: 1 / sy });
      if (steps.length > memory) steps.shift();
    }
    x.set(next);
    gradient = nextGradient;
    value = nextValue;
  }
  return value;
}

/** −H·g by the two-loop recursion over the remembered steps. */
function twoLoop(gradient: Float64Array, steps: readonly { s: Float64Array; y: Float64Array; rho: number }[]): Float64Array {
  const q = Float64Array.from(gradient);
  const alpha: number[] = [];
  for (let k = steps.length - 1; k >= 0; k--) {
    const { s, y, rho } = nth(steps, k);
    const a = rho * dot(s, q);
    alpha[k] = a;
    for (let i = 0; i < q.length; i++) q[i] = f64(q, i) - a * f64(y, i);
  }
  const last = steps.at(-1);
  const scale = last === undefined ? 1 : 1 / (last.rho * dot(last.y, last.y));
  for (let i = 0; i < q.length; i++) q[i] = f64(q, i) * scale;
  for (let k = 0; k < steps.length; k++) {
    const { s, y, rho } = nth(steps, k);
    const b = rho * dot(y, q);
    for (let i = 0; i < q.length; i++) q[i] = f64(q, i) + (nth(alpha, k) - b) * f64(s, i);
  }
  for (let i = 0; i < q.length; i++) q[i] = -f64(q, i);
  return q;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += f64(a, i) * f64(b, i);
  return sum;
}

function maxAbs(a: Float64Array): number {
  let max = 0;
  for (const v of a) max = Math.max(max, Math.abs(v));
  return max;
}
