// Promises about routing: which prompts are kept, what their mean is, and that neither fusing nor batching changes a bit.

import { f32 } from "../elements.js";
import { keptCount } from "../kept-count.js";
import type { RoutingArrays } from "../kernels.js";
import { referenceKernels as reference } from "../reference.js";
import { excess, FLUSHED, floats, gap, poison, SIZES, SMALL, TINY, U } from "./kernel-cases.js";
import { type KernelPromise, property, verdicts, within } from "./kernel-promise.js";

/** Empty results beside these logits [B,N,C]. */
export function routingArrays(logits: Float32Array, B: number, N: number, C: number, K: number): RoutingArrays {
  const empty = (n: number) => new Float32Array(n);
  return { logits, entropy: empty(B * N), kept: new Int32Array(B * K), mean: empty(B * C), probabilities: empty(B * C) };
}

export const ROUTING_KEYS = ["logits", "entropy", "kept", "mean", "probabilities"] as const;

const select = property("select: keeps the K lowest entropies, ties by index, and averages them", ["select"], 6, (random, kernels) => {
  const B = random.pick(SMALL);
  const N = random.below(50) === 0 ? 120 + random.below(20) : random.pick(SIZES);
  const C = random.pick(SIZES);
  const K = keptCount(random.next() || 1, N);
  const logits = floats(random, B * N * C, random.pick([5, 50]));
  const poisoned = poison(random, logits);
  const [got, want] = [routingArrays(logits, B, N, C, K), routingArrays(logits, B, N, C, K)];
  const ok = kernels.select(got, B, N, C, K);
  return verdicts(ok, reference.select(want, B, N, C, K), poisoned) ?? (ok ? routingFault(got, want, B, N, C, K) : undefined);
});

const route = property(
  "route: equals score then select to the bit, and one image alone gets the bits it gets in a batch",
  ["route", "gemm", "select"],
  7,
  (random, kernels) => {
    const [B, N, C, D] = [random.pick(SIZES), random.pick(SMALL), random.pick([...SMALL, 11, 12, 13]), random.pick(SIZES)];
    const K = keptCount(random.next() || 1, N);
    const [f, t] = [floats(random, B * D, 1), floats(random, N * C * D, 1)];
    const poisoned = poison(random, random.pick([f, t]));
    const shape = { B, N, C, D };
    const fused = routingArrays(new Float32Array(B * N * C), B, N, C, K);
    const ok = kernels.route(f, t, 10, shape, K, fused);
    const want = routingArrays(new Float32Array(B * N * C), B, N, C, K);
    const fault = verdicts(ok, reference.route(f, t, 10, shape, K, want), poisoned);
    if (fault || !ok) return fault;
    const apart = routingArrays(new Float32Array(B * N * C), B, N, C, K);
    kernels.gemm(f, t, 10, B, N * C, D, apart.logits);
    kernels.select(apart, B, N, C, K);
    const b = random.below(B);
    const alone = routingArrays(new Float32Array(N * C), 1, N, C, K);
    kernels.route(f.subarray(b * D, b * D + D), t, 10, { ...shape, B: 1 }, K, alone);
    for (const key of ROUTING_KEYS) {
      if (excess(apart[key], fused[key], () => 0) > 0) return `${key} of the fused route differs`;
      const n = alone[key].length;
      if (excess(alone[key], fused[key].subarray(b * n, b * n + n), () => 0) > 0) return `${key} depends on the batch`;
    }
    const z = excess(fused.logits, want.logits, () => 10 * (D + 4) * D * U + 1e-37);
    return within("logits", z) ?? routingFault(fused, { ...want, entropy: fused.entropy }, B, N, C, K);
  },
);

/** Judges a routing by its own entropies and logits, and its entropies by those wanted. */
function routingFault(got: RoutingArrays, want: RoutingArrays, B: number, N: number, C: number, K: number): string | undefined {
  const entropy = within(
    "entropy",
    excess(got.entropy, want.entropy, (_, h) => (C + 110) * U * h + FLUSHED * C),
  );
  if (entropy) return entropy;
  for (let b = 0; b < B; b++) {
    const H = got.entropy.subarray(b * N, b * N + N);
    const order = Array.from(H, (_, n) => n).sort((i, j) => f32(H, i) - f32(H, j) || i - j);
    const kept = got.kept.subarray(b * K, b * K + K);
    if (kept.some((n, k) => n !== order[k])) return `image ${b} keeps ${kept}, its entropies say ${order.slice(0, K)}`;
    for (let c = 0; c < C; c++) {
      let sum = 0;
      let size = 0;
      for (const n of kept) {
        const z = f32(got.logits, (b * N + n) * C + c);
        sum += z;
        size += Math.abs(z);
      }
      if (!(Math.abs(f32(got.mean, b * C + c) - sum / K) <= ((K + 1) * U * size) / K + 2 ** -148)) return `mean of image ${b}, class ${c}`;
    }
  }
  const probabilities = new Float32Array(B * C);
  reference.softmax(got.mean, B, C, probabilities);
  return within(
    "probabilities",
    excess(got.probabilities, probabilities, (i, p) => (gap(got.mean, C, i) + C + 8) * U * p + 2 * TINY),
  );
}

export const routingPromises: readonly KernelPromise[] = [select, route];
