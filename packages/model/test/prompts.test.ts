// Prompt rows and the way back: what stands where, what happens to long and odd class names, and that the gradient is the rows' transpose.

import { BiovlmError } from "@biovlm/files";
import { describe, expect, it } from "vitest";
import { groupByLength, rowLengths } from "../src/encoding/length-groups.js";
import { checkClasses, classTokens, type PromptModel, paddedRows, promptFrame } from "../src/prompts.js";

const W = 3;
const CLS = 1;
const SEP = 2;
/** One id for each letter; a word vector is [id, id², 1]. */
const model = {
  spec: { text: { contextLength: 12, width: W } },
  tokenizer: { encode: (text: string) => [CLS, ...Array.from(text, (c) => c.codePointAt(0)!), SEP] },
  frame: { before: 1, after: 1 },
  graphs: { wordVectors: (ids: ArrayLike<number>) => Float32Array.from(Array.from(ids).flatMap((id) => [id, id * id, 1])) },
} as unknown as PromptModel;

const codeOf = (f: () => unknown): string => {
  try {
    f();
    return "accepted";
  } catch (error) {
    return error instanceof BiovlmError ? error.code : String(error);
  }
};

describe("class tokens", () => {
  it("are [CLS], places for the context, the name with its suffix, [SEP], padding", () => {
    const { ids, mask, shape } = classTokens(model, ["ab", "c_d"], 2, ".");
    const [a, b, c, d, space, dot] = Array.from("abcd .", (x) => x.codePointAt(0)!) as [number, number, number, number, number, number];
    expect(shape).toEqual([2, 8]);
    expect(Array.from(ids)).toEqual([CLS, CLS, CLS, a, b, dot, SEP, 0, CLS, CLS, CLS, c, space, d, dot, SEP]);
    expect(Array.from(mask)).toEqual([1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
  });

  it("of a name longer than the context are cut, and end with [SEP]", () => {
    const { ids, mask, shape } = classTokens(model, ["x".repeat(50)], 4);
    expect(shape).toEqual([1, 12]);
    expect(ids[11]).toBe(SEP);
    expect(Array.from(mask).every((m) => m === 1)).toBe(true);
  });

  it("need at least one class, none empty, none twice", () => {
    for (const classes of [[], [""], ["  "], ["a", "b", "a"], ["a", " a "], [undefined as unknown as string]]) {
      expect(codeOf(() => checkClasses(classes))).toBe("bad_classes");
    }
    expect(checkClasses(["a", "A", "__proto__", "constructor"])).toHaveLength(4);
  });

  it("of no rows still have a shape", () => {
    expect(paddedRows([]).shape).toEqual([0, 1]);
  });
});

describe("a prompt frame", () => {
  const N = 2;
  const T = 2;
  const frame = promptFrame(model, classTokens(model, ["ab", "cde"], T), T);
  const [C, L] = frame.shape;
  const ctx = Float32Array.from({ length: N * T * W }, (_, i) => i / 10 - 0.5);

  it("puts prompt n's vectors behind [CLS] of every class and leaves the rest frozen", () => {
    const { embeddings, mask, shape } = frame.rows(ctx, N);
    expect(shape).toEqual([N * C, L, W]);
    const { ids, mask: classMask } = classTokens(model, ["ab", "cde"], T);
    for (let n = 0; n < N; n++) {
      for (let c = 0; c < C; c++) {
        for (let t = 0; t < L; t++) {
          const at = ((n * C + c) * L + t) * W;
          const wanted =
            t >= 1 && t <= T ? ctx.subarray((n * T + t - 1) * W, (n * T + t) * W) : model.graphs.wordVectors([ids[c * L + t]!]);
          expect(Array.from(embeddings.subarray(at, at + W))).toEqual(Array.from(wanted));
          expect(mask[(n * C + c) * L + t]).toBe(classMask[c * L + t]);
        }
      }
    }
  });

  it("brings gradients back as the transpose of how rows are made: ⟨rows(δ), g⟩ = ⟨δ, gradient(g)⟩", () => {
    const g = Float32Array.from({ length: N * C * L * W }, (_, i) => Math.cos(3 * i));
    const back = frame.contextGradient(g, N);
    const zero = frame.rows(new Float32Array(N * T * W), N).embeddings;
    for (let i = 0; i < back.length; i++) {
      const delta = new Float32Array(N * T * W);
      delta[i] = 1;
      const moved = frame.rows(delta, N).embeddings;
      let product = 0;
      for (let k = 0; k < g.length; k++) product += (moved[k]! - zero[k]!) * g[k]!;
      expect(back[i]).toBeCloseTo(product, 5);
    }
  });

  it("by class, gives each class vectors of its own, and brings their gradients back one by one", () => {
    const own = promptFrame(model, classTokens(model, ["ab", "cde"], T), T, "word", true);
    const each = Float32Array.from({ length: N * C * T * W }, (_, i) => Math.sin(i));
    const { embeddings } = own.rows(each, N);
    const g = Float32Array.from(embeddings, (_, i) => Math.cos(3 * i));
    const back = own.contextGradient(g, N);
    for (let row = 0; row < N * C; row++) {
      const places = [(row * L + 1) * W, (row * L + 1 + T) * W] as const;
      expect(embeddings.slice(...places)).toEqual(each.slice(row * T * W, (row + 1) * T * W));
      expect(back.slice(row * T * W, (row + 1) * T * W)).toEqual(g.slice(...places));
    }
    expect(codeOf(() => own.rows(ctx, N))).toBe("bad_argument");
  });

  it("does not share memory between calls", () => {
    const first = frame.rows(ctx, N).embeddings;
    const kept = first.slice();
    frame.rows(
      ctx.map((x) => x + 1),
      N,
    );
    expect(first).toEqual(kept);
  });

  it("refuses arrays that do not fit", () => {
    expect(codeOf(() => frame.rows(ctx.subarray(1), N))).toBe("bad_argument");
    expect(codeOf(() => frame.contextGradient(new Float32Array(5), N))).toBe("bad_argument");
    expect(codeOf(() => promptFrame(model, classTokens(model, ["a"], 1), 9))).toBe("bad_argument");
  });
});

describe("rows grouped by length", () => {
  it("count to the last token, also behind a hole", () => {
    expect(rowLengths(Uint8Array.of(1, 1, 0, 1, 0, 1, 0, 0, 0, 0), 2, 5)).toEqual([4, 1]);
    expect(rowLengths(new Uint8Array(3), 1, 3)).toEqual([0]);
  });

  it("are each in one batch, and no cut of the sorted rows costs less", () => {
    let state = 1;
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let trial = 0; trial < 200; trial++) {
      const lengths = Array.from({ length: 1 + random(9) }, () => 1 + random(12));
      const maxBatch = 1 + random(5);
      const cost = random(20);
      const groups = groupByLength(lengths, maxBatch, cost);
      expect(groups.flatMap((g) => g.rows).sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
      for (const g of groups) {
        expect(g.rows.length).toBeLessThanOrEqual(maxBatch);
        expect(g.length).toBe(Math.max(...g.rows.map((r) => lengths[r]!)));
      }
      const sorted = [...lengths].sort((a, b) => a - b);
      let least = Number.POSITIVE_INFINITY;
      for (let cuts = 0; cuts < 2 ** (sorted.length - 1); cuts++) {
        let [total, count, fits] = [0, 0, true];
        for (const [i, length] of sorted.entries()) {
          count++;
          if (i === sorted.length - 1 || (cuts >> i) % 2 === 1) {
            total += cost + count * length;
            fits &&= count <= maxBatch;
            count = 0;
          }
        }
        if (fits) least = Math.min(least, total);
      }
      expect(groups.reduce((sum, g) => sum + cost + g.rows.length * g.length, 0)).toBe(least);
    }
  });
});
