import { cases, type Seeded, seeded } from "@biovlm/testkit";
import { describe, expect, it, vi } from "vitest";
import { keptCount } from "../src/kept-count.js";
import type { Kernels, RoutingArrays } from "../src/kernels.js";
import { referenceKernels as reference } from "../src/reference.js";
import { boxPlan, centreCropPlan } from "../src/resample-plan.js";
import { type WasmKernels, wasmKernels } from "../src/wasm-kernels.js";
import { builds, moduleOf } from "./builds.js";
import { excess, floats, poison, SIZES, TINY, U } from "./kernel-cases.js";

// The full counts take minutes.
vi.setConfig({ testTimeout: 900_000 });

/** A tenth by default; the relaxed build differs by one instruction only and gets a fortieth. All 100 000 of each under soak. */
const COUNTS = { simd: cases(100_000), "relaxed-simd": cases(100_000, 40) };

/** Runs `one` `count` times; a failing case names its number, so that it can be repeated. One expect for all: a runner call each would be slow. */
function property(kernels: WasmKernels, count: number, seed: number, one: (random: Seeded) => string | undefined): void {
  const failures: string[] = [];
  for (let i = 0; i < count && failures.length < 3; i++) {
    const fault = one(seeded(seed * 1_000_003 + i)) ?? (kernels.arena.intact() ? undefined : "a canary was overwritten");
    if (fault !== undefined) failures.push(`case ${i}: ${fault}`);
  }
  expect(failures).toEqual([]);
}

function routing(logits: Float32Array, B: number, N: number, C: number, K: number): RoutingArrays {
  const empty = (n: number) => new Float32Array(n);
  return { logits, entropy: empty(B * N), kept: new Int32Array(B * K), mean: empty(B * C), probabilities: empty(B * C) };
}

function within(what: string, worst: number): string | undefined {
  return worst <= 1 ? undefined : `${what} is ${worst.toPrecision(3)} × its tolerance off`;
}

/** Where both sides must refuse, or both accept. */
function verdicts(ours: boolean, theirs: boolean, poisoned: boolean): string | undefined {
  if (ours !== theirs) return `accepted ${ours}, the reference ${theirs}`;
  return poisoned && ours ? "a number that is not finite was accepted" : undefined;
}

/** What a class adds to an entropy when its exp is flushed to 0: −d·e^d at d = −87.34, rounded up. */
const FLUSHED = 90 * TINY;

/** Distance to the row's maximum. */
const gap = (x: Float32Array, C: number, i: number) => Math.max(...x.subarray(Math.floor(i / C) * C, Math.floor(i / C) * C + C)) - x[i]!;

describe.each(builds)("kernels of the %s build against the reference", (build) => {
  const kernels = wasmKernels(moduleOf(build), 32);
  const count = COUNTS[build];

  it("gemm: within D roundings of the exact sum", () => {
    property(kernels, count, 1, (random) => {
      const [M, R, D] = [random.pick(SIZES), random.pick(SIZES), random.pick(SIZES)];
      const [a, b] = [floats(random, M * D), floats(random, R * D)];
      const scale = random.pick([1, 100, 0.37, -2]);
      const poisoned = poison(random, random.pick([a, b]));
      const [got, want] = [new Float32Array(M * R), new Float32Array(M * R)];
      const ok = kernels.gemm(a, b, scale, M, R, D, got);
      const fault = verdicts(ok, reference.gemm(a, b, scale, M, R, D, want), poisoned);
      if (fault || !ok) return fault;
      const allowed = (i: number) => {
        let sum = 0;
        for (let d = 0; d < D; d++) sum += Math.abs(a[Math.floor(i / R) * D + d]! * b[(i % R) * D + d]!);
        return Math.abs(scale) * ((D + 2) * U * sum + (D + 2) * 2 ** -149) + 2 ** -149;
      };
      return within(`[${M},${D}]·[${R},${D}]ᵀ`, excess(got, want, allowed));
    });
  });

  it("softmax: relative error within the rounding of x − max and of the sum", () => {
    property(kernels, count, 2, (random) => {
      const [rows, C] = [random.pick(SIZES), random.pick(SIZES)];
      const x = floats(random, rows * C, random.pick([5, 50, 1e4]));
      const poisoned = poison(random, x);
      const [got, want] = [new Float32Array(rows * C), new Float32Array(rows * C)];
      const ok = kernels.softmax(x, rows, C, got);
      const fault = verdicts(ok, reference.softmax(x, rows, C, want), poisoned);
      if (fault || !ok) return fault;
      return within(
        `[${rows},${C}]`,
        excess(got, want, (i, p) => (gap(x, C, i) + C + 8) * U * p + 2 * TINY),
      );
    });
  });

  it("logSoftmax: within the rounding of x − max and of the sum", () => {
    property(kernels, count, 3, (random) => {
      const [rows, C] = [random.pick(SIZES), random.pick(SIZES)];
      const x = floats(random, rows * C, random.pick([5, 50, 1e4]));
      const poisoned = poison(random, x);
      const [got, want] = [new Float32Array(rows * C), new Float32Array(rows * C)];
      const ok = kernels.logSoftmax(x, rows, C, got);
      const fault = verdicts(ok, reference.logSoftmax(x, rows, C, want), poisoned);
      if (fault || !ok) return fault;
      // −log p of the row's surest entry: its relative error holds however small it is.
      const surest = (i: number) => {
        const at = Math.floor(i / C) * C;
        return -Math.max(...want.subarray(at, at + C));
      };
      return within(
        `[${rows},${C}]`,
        excess(got, want, (i, l) => 2 * U * Math.abs(l) + (C + 30) * U * Math.min(1, surest(i)) * 2 + gap(x, C, i) * U + (C + 1) * TINY),
      );
    });
  });

  it("entropy: relative error within (C + 20 + gap to the runner-up) roundings, never negative", () => {
    property(kernels, count, 4, (random) => {
      const [rows, C] = [random.pick(SIZES), random.pick(SIZES)];
      const x = floats(random, rows * C, random.pick([5, 50, 1e4]));
      const poisoned = poison(random, x);
      const [got, want] = [new Float32Array(rows), new Float32Array(rows)];
      const ok = kernels.entropy(x, rows, C, got);
      const fault = verdicts(ok, reference.entropy(x, rows, C, want), poisoned);
      if (fault || !ok) return fault;
      if (got.some((h) => !(h >= 0))) return "a negative entropy";
      const runnerUp = (r: number) => {
        const sorted = [...x.subarray(r * C, r * C + C)].sort((p, q) => q - p);
        return sorted[0]! - (sorted[1] ?? sorted[0]!);
      };
      return within(
        `[${rows},${C}]`,
        excess(got, want, (r, h) => (C + 20 + runnerUp(r)) * U * h + FLUSHED * C),
      );
    });
  });

  it("l2Normalize: each number within one rounding; zero rows and numbers that are not finite are named", () => {
    property(kernels, count, 5, (random) => {
      const [rows, D] = [random.pick(SIZES), random.pick(SIZES)];
      const x = floats(random, rows * D, random.pick([1, 1e30]));
      poison(random, x);
      const [got, want] = [new Float32Array(rows * D), new Float32Array(rows * D)];
      const [bad, expected] = [kernels.l2Normalize(x, rows, D, got), reference.l2Normalize(x, rows, D, want)];
      if (bad !== expected) return `refused row ${bad}, the reference ${expected}`;
      return bad >= 0
        ? undefined
        : within(
            `[${rows},${D}]`,
            excess(got, want, (_, v) => 2 * U * Math.abs(v) + 2 ** -149),
          );
    });
  });

  it("select: keeps the K lowest entropies, ties by index, and averages them", () => {
    property(kernels, count, 6, (random) => {
      const [B, N, C] = [
        random.pick(SIZES.slice(0, 9)),
        random.below(50) === 0 ? 120 + random.below(20) : random.pick(SIZES),
        random.pick(SIZES),
      ];
      const K = keptCount(random.next() || 1, N);
      const logits = floats(random, B * N * C, random.pick([5, 50]));
      const poisoned = poison(random, logits);
      const [got, want] = [routing(logits, B, N, C, K), routing(logits, B, N, C, K)];
      const ok = kernels.select(got, B, N, C, K);
      return verdicts(ok, reference.select(want, B, N, C, K), poisoned) ?? (ok ? routingFault(got, want, B, N, C, K) : undefined);
    });
  });

  it("route: equals score then select to the bit, and one image alone gets the bits it gets in a batch", () => {
    property(kernels, count, 7, (random) => {
      const [B, N, C, D] = [random.pick(SIZES), random.pick(SIZES.slice(0, 9)), random.pick(SIZES.slice(0, 12)), random.pick(SIZES)];
      const K = keptCount(random.next() || 1, N);
      const [f, t] = [floats(random, B * D, 1), floats(random, N * C * D, 1)];
      const poisoned = poison(random, random.pick([f, t]));
      const shape = { B, N, C, D };
      const fused = routing(new Float32Array(B * N * C), B, N, C, K);
      const ok = kernels.route(f, t, 10, shape, K, fused);
      const want = routing(new Float32Array(B * N * C), B, N, C, K);
      const fault = verdicts(ok, reference.route(f, t, 10, shape, K, want), poisoned);
      if (fault || !ok) return fault;
      const apart = routing(new Float32Array(B * N * C), B, N, C, K);
      kernels.gemm(f, t, 10, B, N * C, D, apart.logits);
      kernels.select(apart, B, N, C, K);
      const b = random.below(B);
      const alone = routing(new Float32Array(N * C), 1, N, C, K);
      kernels.route(f.subarray(b * D, b * D + D), t, 10, { ...shape, B: 1 }, K, alone);
      for (const key of ["logits", "entropy", "kept", "mean", "probabilities"] as const) {
        if (excess(apart[key], fused[key], () => 0) > 0) return `${key} of the fused route differs`;
        const n = alone[key].length;
        if (excess(alone[key], fused[key].subarray(b * n, b * n + n), () => 0) > 0) return `${key} depends on the batch`;
      }
      const z = excess(fused.logits, want.logits, () => 10 * (D + 4) * D * U + 1e-37);
      return within("logits", z) ?? routingFault(fused, { ...want, entropy: fused.entropy }, B, N, C, K);
    });
  });

  it("resample: every byte equals the reference's, for crops and boxes of any shape", () => {
    property(kernels, count, 8, (random) => {
      const [width, height] =
        random.below(8) === 0 ? [1 + random.below(400), 1 + random.below(4)] : [1 + random.below(48), 1 + random.below(48)];
      const turn = random.below(2) === 0;
      const [w, h] = turn ? [width, height] : [height, width];
      const size = 1 + random.below(20);
      const data = new Uint8ClampedArray(w * h * 3 + 7).subarray(5, 5 + w * h * 3);
      const style = random.below(3);
      for (let i = 0; i < data.length; i++) data[i] = style === 0 ? random.below(256) : style === 1 ? random.pick([0, 255]) : (i * 7) % 256;
      const left = random.below(w);
      const top = random.below(h);
      const box = { left, top, width: 1 + random.below(w - left), height: 1 + random.below(h - top) };
      const plan = random.below(2) === 0 ? boxPlan(box, size) : centreCropPlan(w, h, size);
      return resampleFault(kernels, { data, width: w, height: h }, plan, random);
    });
  });

  it("R27: memory stays small whatever the call, and views survive its growth", () => {
    const fresh = wasmKernels(moduleOf(build));
    const random = seeded(9);
    const start = fresh.arena.byteLength;
    for (const [M, R, D] of [
      [3, 5, 7],
      [5000, 110, 512],
      [2, 3, 4],
      [300, 2000, 64],
      [1, 1, 1],
    ] as const) {
      const a = Float32Array.from({ length: M * D }, () => random.next() - 0.5);
      const b = Float32Array.from({ length: R * D }, () => random.next() - 0.5);
      const got = new Float32Array(M * R);
      fresh.gemm(a, b, 1, M, R, D, got);
      const last = new Float32Array(R);
      reference.gemm(a.subarray((M - 1) * D), b, 1, 1, R, D, last);
      expect(excess(got.subarray((M - 1) * R), last, () => D * U * 4)).toBeLessThanOrEqual(1);
    }
    expect(fresh.arena.byteLength).toBeGreaterThan(start);
    const settled = fresh.arena.byteLength;
    expect(settled).toBeLessThan(4 * 2 ** 20);
    const x = new Float32Array(110 * 512).fill(0.1);
    const out = new Float32Array(110 * 110);
    for (let i = 0; i < cases(2000); i++) fresh.gemm(x, x, 1, 110, 110, 512, out);
    const image = { data: new Uint8Array(2000 * 1500 * 3), width: 2000, height: 1500 };
    fresh.resample(image, centreCropPlan(2000, 1500, 224), new Uint8Array(224 * 224 * 3));
    expect(fresh.arena.byteLength).toBeLessThanOrEqual(Math.max(settled, 4 * 2 ** 20));
  });
});

function routingFault(got: RoutingArrays, want: RoutingArrays, B: number, N: number, C: number, K: number): string | undefined {
  const entropy = within(
    "entropy",
    excess(got.entropy, want.entropy, (_, h) => (C + 110) * U * h + FLUSHED * C),
  );
  if (entropy) return entropy;
  for (let b = 0; b < B; b++) {
    const H = got.entropy.subarray(b * N, b * N + N);
    const order = Array.from(H, (_, n) => n).sort((i, j) => H[i]! - H[j]! || i - j);
    const kept = got.kept.subarray(b * K, b * K + K);
    if (kept.some((n, k) => n !== order[k])) return `image ${b} keeps ${kept}, its entropies say ${order.slice(0, K)}`;
    for (let c = 0; c < C; c++) {
      let sum = 0;
      let size = 0;
      for (const n of kept) {
        sum += got.logits[(b * N + n) * C + c]!;
        size += Math.abs(got.logits[(b * N + n) * C + c]!);
      }
      if (!(Math.abs(got.mean[b * C + c]! - sum / K) <= ((K + 1) * U * size) / K + 2 ** -148)) return `mean of image ${b}, class ${c}`;
    }
  }
  const probabilities = new Float32Array(B * C);
  reference.softmax(got.mean, B, C, probabilities);
  return within(
    "probabilities",
    excess(got.probabilities, probabilities, (i, p) => (gap(got.mean, C, i) + C + 8) * U * p + 2 * TINY),
  );
}

function resampleFault(
  kernels: Kernels,
  image: Parameters<Kernels["resample"]>[0],
  plan: ReturnType<typeof boxPlan>,
  random: Seeded,
): string | undefined {
  const [got, want] = [new Uint8Array(plan.size ** 2 * 3), new Uint8Array(plan.size ** 2 * 3)];
  kernels.resample(image, plan, got);
  reference.resample(image, plan, want);
  if (Buffer.compare(got, want) !== 0) return `${image.width}×${image.height} to ${plan.size}`;
  const table = Float32Array.from({ length: 768 }, () => random.next());
  const offset = random.below(3);
  const [planes, expected] = [new Float32Array(got.length + 3), new Float32Array(got.length + 3)];
  kernels.resampleThroughTable(image, plan, table, planes, offset);
  reference.resampleThroughTable(image, plan, table, expected, offset);
  return excess(planes, expected, () => 0) > 0 ? "planes through a table" : undefined;
}
