import { readFileSync } from "node:fs";
import { golden, goldenTensors, type Seeded, seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import {
  type CosineAxis,
  cosineBackward,
  cosineForward,
  crossEntropyBackward,
  crossEntropyForward,
  klDivergenceBackward,
  klDivergenceForward,
  l2NormalizeBackward,
  loadCore,
  marginalEntropyBackward,
  marginalEntropyForward,
  scoreBackward,
  selectionBackward,
} from "../src/index.js";

const core = await loadCore({ deterministic: true });
const io = goldenTensors("tiny_a_io.safetensors");
const f64 = goldenTensors("tiny_a_f64.safetensors");
const biovlm = goldenTensors("tiny_a_biovlm.safetensors");
const facts = JSON.parse(readFileSync(golden("tiny.json"), "utf8"));
const biovlmTerms = JSON.parse(readFileSync(golden("tiny_a_biovlm.json"), "utf8")).f64;
const [B, N, C, D] = [6, 10, 5, 32];
const scale = Math.exp(facts.a.logit_scale);

const f32 = (data: ArrayLike<number>) => Float32Array.from(data);
const features = (name: string) => f32(io.get(`out.${name}`)!.data);
const f = f32(f64.get("out.image_features")!.data);
const g = features("gpt_features");
const labels = io.get("in.labels")!.data as Int32Array;

/** strong_0, weak_0, strong_1, weak_1, … [B,2N,C] */
function interleave(strong: Float32Array, weak: Float32Array): Float32Array {
  const out = new Float32Array(strong.length * 2);
  for (let b = 0; b < B; b++) {
    for (let n = 0; n < N; n++) {
      const from = (b * N + n) * C;
      out.set(strong.subarray(from, from + C), (b * 2 * N + 2 * n) * C);
      out.set(weak.subarray(from, from + C), (b * 2 * N + 2 * n + 1) * C);
    }
  }
  return out;
}

const shape = { B, N, C, D };
const teacher = core.route(f, g, scale, 0.5, shape);
const strong = core.score(features("strong_image_features"), g, scale, shape);
const weak = core.score(features("weak_image_features"), g, scale, shape);
const augmented = core.select(interleave(strong, weak), 0.5, { B, N: 2 * N, C });

const released = { divisor: B * N * C, axis: "class" as CosineAxis };
const cases: { name: string; t: ArrayLike<number>; options: { divisor: number; axis: CosineAxis }; golden: Record<string, number> }[] = [
  { name: "released", t: f64.get("out.text_features")!.data, options: released, golden: facts.a.f64 },
  {
    name: "released, embedded once",
    t: io.get("out.word.text_features")!.data,
    options: released,
    golden: Object.fromEntries(["ce", "ent", "kd", "kd_aug", "cos"].map((k) => [k, facts.a.f64[`word.${k}`]])),
  },
  { name: "biovlm", t: biovlm.get("f64.text_features")!.data, options: { divisor: B, axis: "embedding" }, golden: biovlmTerms },
];

describe.each(cases)("loss terms of the $name recipe, given the golden's features", ({ t: text, options, golden: want }) => {
  const t = f32(text);
  const student = core.route(f, t, scale, 0.5, shape);
  const { divisor, axis } = options;
  const got: Record<string, number> = {
    ce: crossEntropyForward(student.mean, labels, B, C).loss,
    ent: marginalEntropyForward(student.logits, student.kept, B, N, C).loss,
    gptent: marginalEntropyForward(teacher.logits, teacher.kept, B, N, C).loss,
    gptaugent: marginalEntropyForward(augmented.logits, augmented.kept, B, 2 * N, C).loss,
    kd: klDivergenceForward(student.mean, teacher.mean, divisor, B, C).loss,
    kd_aug: klDivergenceForward(student.mean, augmented.mean, divisor, B, C).loss,
    cos: cosineForward(t, g, axis, N, C, D),
  };
  const terms = Object.keys(got).filter((term) => want[term] !== undefined);
  it("has the terms of the golden", () => expect(terms.length).toBeGreaterThanOrEqual(5));
  it.each(terms)("%s equals the float64 golden within 1e-5", (term) => {
    expect(Math.abs(got[term]! / want[term]! - 1)).toBeLessThanOrEqual(1e-5);
  });
});

// Finite differences want float64 throughout. The losses only index their inputs, so a Float64Array stands in for the float32 one.
const wide = (x: Float64Array) => x as unknown as Float32Array;

/** The largest error of `gradient` against central differences of `loss` at x, relative to the largest entry. */
function differenceError(x: Float64Array, gradient: ArrayLike<number>, loss: (x: Float64Array) => number, step = 1e-5): number {
  let worst = 0;
  let largest = 0;
  for (let i = 0; i < x.length; i++) {
    const [up, down] = [x.slice(), x.slice()];
    up[i]! += step;
    down[i]! -= step;
    const numeric = (loss(up) - loss(down)) / (2 * step);
    worst = Math.max(worst, Math.abs(numeric - gradient[i]!));
    largest = Math.max(largest, Math.abs(numeric));
  }
  expect(largest).toBeGreaterThan(0);
  return worst / largest;
}

const draw = (random: Seeded, n: number, size = 3) => Float64Array.from({ length: n }, () => (random.next() * 2 - 1) * size);

describe.each([1, 2, 3])("gradients against central differences, draw %i", (seed) => {
  const random = seeded(seed);
  const [b, n, c, d] = [1 + random.below(4), 2 + random.below(5), 2 + random.below(5), 2 + random.below(6)];
  const kept = Int32Array.from({ length: b * Math.ceil(n / 2) }, (_, i) => (i * 2) % n);
  const y = Int32Array.from({ length: b }, () => random.below(c));
  const weight = 0.7;

  it("cross-entropy", () => {
    const x = draw(random, b * c);
    const dx = new Float64Array(b * c);
    crossEntropyBackward(crossEntropyForward(wide(x), y, b, c), y, weight, dx, b, c);
    expect(differenceError(x, dx, (v) => weight * crossEntropyForward(wide(v), y, b, c).loss)).toBeLessThan(1e-8);
  });
  it("marginal entropy, zero on prompts that were not kept", () => {
    const x = draw(random, b * n * c);
    const dx = new Float64Array(b * n * c);
    marginalEntropyBackward(marginalEntropyForward(wide(x), kept, b, n, c), kept, weight, dx, b, n, c);
    expect(differenceError(x, dx, (v) => weight * marginalEntropyForward(wide(v), kept, b, n, c).loss)).toBeLessThan(1e-8);
  });
  it("KL divergence on the student", () => {
    const x = draw(random, b * c);
    const u = draw(random, b * c);
    const dx = new Float64Array(b * c);
    klDivergenceBackward(klDivergenceForward(wide(x), wide(u), 7, b, c), 7, weight, dx);
    expect(differenceError(x, dx, (v) => weight * klDivergenceForward(wide(v), wide(u), 7, b, c).loss)).toBeLessThan(1e-8);
  });
  it.each(["embedding", "class"] as const)("cosine over the %s axis", (axis) => {
    const [t, a] = [draw(random, n * c * d, 1), draw(random, n * c * d, 1)];
    const dt = new Float64Array(n * c * d);
    cosineBackward(wide(t), wide(a), axis, weight, dt, n, c, d);
    expect(differenceError(t, dt, (v) => weight * cosineForward(wide(v), wide(a), axis, n, c, d), 1e-6)).toBeLessThan(1e-6);
  });
  it("selection: the mean over the kept rows", () => {
    const K = kept.length / b;
    const [x, w] = [draw(random, b * n * c), draw(random, b * c)];
    const mean = (v: Float64Array) => {
      let sum = 0;
      for (let i = 0; i < b; i++) {
        for (let k = 0; k < K; k++) for (let j = 0; j < c; j++) sum += (w[i * c + j]! * v[(i * n + kept[i * K + k]!) * c + j]!) / K;
      }
      return sum;
    };
    const dx = new Float64Array(b * n * c);
    selectionBackward(w, kept, dx, b, n, c);
    expect(differenceError(x, dx, mean)).toBeLessThan(1e-8);
  });
  it("score: s·f·t with respect to t", () => {
    const [r, s] = [n * c, 3.5];
    const [image, t, w] = [draw(random, b * d), draw(random, r * d), draw(random, b * r)];
    const loss = (v: Float64Array) => {
      let sum = 0;
      for (let i = 0; i < b; i++)
        for (let j = 0; j < r; j++) for (let k = 0; k < d; k++) sum += w[i * r + j]! * s * image[i * d + k]! * v[j * d + k]!;
      return sum;
    };
    const dt = new Float64Array(r * d);
    scoreBackward(wide(image), w, s, dt, b, r, d);
    expect(differenceError(t, dt, loss)).toBeLessThan(1e-8);
  });
  it("L2 normalisation, within float32's rounding of the result", () => {
    const [x, w] = [draw(random, n * d), draw(random, n * d)];
    const loss = (v: Float64Array) => {
      let sum = 0;
      for (let i = 0; i < n; i++) {
        const norm = Math.hypot(...v.subarray(i * d, i * d + d));
        for (let k = 0; k < d; k++) sum += (w[i * d + k]! * v[i * d + k]!) / norm;
      }
      return sum;
    };
    expect(differenceError(x, l2NormalizeBackward(wide(x), w, n, d), loss)).toBeLessThan(1e-6);
  });
  it("a backward adds to what is there", () => {
    const x = draw(random, b * c);
    const forward = crossEntropyForward(wide(x), y, b, c);
    const [once, twice] = [new Float64Array(b * c), new Float64Array(b * c)];
    crossEntropyBackward(forward, y, 1, once, b, c);
    crossEntropyBackward(forward, y, 1, twice, b, c);
    crossEntropyBackward(forward, y, 1, twice, b, c);
    expect(Array.from(twice)).toEqual(Array.from(once, (v) => 2 * v));
  });
});

describe("losses at their edges", () => {
  it("KL of equal logits is 0, and certain rows stay finite", () => {
    const sure = f32([500, -500, 0, -500, 500, 0]);
    expect(klDivergenceForward(sure, sure, 2, 2, 3).loss).toBe(0);
    expect(crossEntropyForward(sure, Int32Array.of(0, 1), 2, 3).loss).toBe(0);
    expect(crossEntropyForward(sure, Int32Array.of(1, 0), 2, 3).loss).toBe(1000);
    const entropy = marginalEntropyForward(sure, Int32Array.of(0, 1), 1, 2, 3);
    expect(entropy.loss).toBeCloseTo(Math.log(2), 12);
    const dx = new Float64Array(6);
    marginalEntropyBackward(entropy, Int32Array.of(0, 1), 1, dx, 1, 2, 3);
    expect(dx.every(Number.isFinite)).toBe(true);
  });
  it("a label outside the classes and a wrong shape are refused", () => {
    expect(() => crossEntropyForward(f32([1, 2]), Int32Array.of(2), 1, 2)).toThrow(expect.objectContaining({ code: "bad_label" }));
    expect(() => crossEntropyForward(f32([1, 2, 3]), Int32Array.of(0), 1, 2)).toThrow(expect.objectContaining({ code: "bad_shape" }));
    expect(() => cosineForward(f32([1]), f32([1, 2]), "class", 1, 1, 1)).toThrow(expect.objectContaining({ code: "bad_shape" }));
  });
});
