// Whether two implementations give the same bits: what a native implementation must show of every kernel that it calls bit-equal.
// The random cases of the suite, refusals included, and shapes beyond one block or one thread's share.

import { keptCount } from "../kept-count.js";
import { KERNEL_NAMES, type KernelName, type Kernels } from "../kernels.js";
import { floats, poison, SIZES } from "./kernel-cases.js";
import { type KernelPromise, property } from "./kernel-promise.js";
import { pixelCase } from "./pixel-promises.js";
import { ROUTING_KEYS, routingArrays } from "./routing-promises.js";
import type { Seeded } from "./seeded.js";

interface Outcome {
  readonly verdict: boolean | number;
  readonly refused: boolean;
  readonly written: readonly ArrayBufferView[];
}

const accepted = (verdict: boolean, written: readonly ArrayBufferView[]): Outcome => ({ verdict, refused: !verdict, written });

/** One random call of a kernel: what it returned and what it wrote. What was written is not compared after a refusal. */
type Trial = (random: Seeded) => (kernels: Kernels) => Outcome;

/** Mostly small, one in forty large. */
const side = (random: Seeded, large: number) => (random.below(40) === 0 ? 1 + random.below(large) : random.pick(SIZES));

const rows =
  (name: "softmax" | "logSoftmax" | "entropy"): Trial =>
  (random) => {
    const [R, C] = [side(random, 3000), side(random, 200)];
    const x = floats(random, R * C, random.pick([5, 50, 1e4]));
    poison(random, x);
    return (kernels) => {
      const out = new Float32Array(name === "entropy" ? R : R * C);
      return accepted(kernels[name](x, R, C, out), [out]);
    };
  };

const TRIALS: Readonly<Record<KernelName, Trial>> = {
  softmax: rows("softmax"),
  logSoftmax: rows("logSoftmax"),
  entropy: rows("entropy"),
  gemm(random) {
    const [M, R, D] = [side(random, 500), side(random, 120), side(random, 600)];
    const [a, b] = [floats(random, M * D), floats(random, R * D)];
    poison(random, random.pick([a, b]));
    return (kernels) => {
      const out = new Float32Array(M * R);
      return accepted(kernels.gemm(a, b, 0.37, M, R, D, out), [out]);
    };
  },
  l2Normalize(random) {
    const [R, D] = [side(random, 300), side(random, 600)];
    const x = floats(random, R * D, random.pick([1, 1e30]));
    poison(random, x);
    return (kernels) => {
      const out = new Float32Array(R * D);
      const bad = kernels.l2Normalize(x, R, D, out);
      return { verdict: bad, refused: bad >= 0, written: [out] };
    };
  },
  select(random) {
    const [B, N, C] = [side(random, 100), side(random, 130), side(random, 30)];
    const K = keptCount(random.next() || 1, N);
    const logits = floats(random, B * N * C, random.pick([5, 50]));
    poison(random, logits);
    return (kernels) => {
      const out = routingArrays(logits.slice(), B, N, C, K);
      return accepted(
        kernels.select(out, B, N, C, K),
        ROUTING_KEYS.map((key) => out[key]),
      );
    };
  },
  route(random) {
    const [B, N, C, D] = [side(random, 300), random.pick(SIZES), random.pick([1, 2, 3, 5, 8, 11]), side(random, 520)];
    const K = keptCount(random.next() || 1, N);
    const [f, t] = [floats(random, B * D, 1), floats(random, N * C * D, 1)];
    poison(random, random.pick([f, t]));
    return (kernels) => {
      const out = routingArrays(new Float32Array(B * N * C), B, N, C, K);
      return accepted(
        kernels.route(f, t, 10, { B, N, C, D }, K, out),
        ROUTING_KEYS.map((key) => out[key]),
      );
    };
  },
  resample(random) {
    const { image, plan } = pixelCase(random);
    return (kernels) => {
      const out = new Uint8Array(plan.size ** 2 * 3);
      kernels.resample(image, plan, out);
      return accepted(true, [out]);
    };
  },
  resampleThroughTable(random) {
    const { image, plan } = pixelCase(random);
    const table = Float32Array.from({ length: 768 }, () => random.next());
    return (kernels) => {
      const out = new Float32Array(plan.size ** 2 * 3);
      kernels.resampleThroughTable(image, plan, table, out, 0);
      return accepted(true, [out]);
    };
  },
};

/** One promise a kernel named: the same verdict and the same bits as `other` gives. */
export function bitEqualityPromises(other: Kernels, names: readonly KernelName[] = KERNEL_NAMES): readonly KernelPromise[] {
  return names.map((name, i) =>
    property(`${name}: the same bits as the other implementation`, [name], 100 + i, (random, kernels) => {
      const call = TRIALS[name](random);
      const [ours, theirs] = [call(kernels), call(other)];
      if (ours.verdict !== theirs.verdict) return `returned ${ours.verdict}, the other ${theirs.verdict}`;
      if (ours.refused) return undefined;
      const differs = ours.written.findIndex((view, k) => !sameBytes(view, theirs.written[k]));
      return differs < 0 ? undefined : `array ${differs} of the results differs`;
    }),
  );
}

function sameBytes(a: ArrayBufferView, b: ArrayBufferView | undefined): boolean {
  if (b === undefined || a.byteLength !== b.byteLength) return false;
  const [x, y] = [new Uint8Array(a.buffer, a.byteOffset, a.byteLength), new Uint8Array(b.buffer, b.byteOffset, b.byteLength)];
  return x.every((byte, i) => byte === y[i]);
}
