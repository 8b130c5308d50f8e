// The promises of encoder.ts as runnable checks: results against the definition in float64, order, splitting, padding, overlap, aborting,
// refusals, guards, closing. gradient-promises.ts has those of the capability `gradients`. A check throws when its promise is broken.

import { nth } from "@biovlm/files";
import type { Encoder, EncoderBackend } from "../contract/encoder.js";
import type { EncoderGraphs } from "../contract/encoder-graphs.js";
import { TOY_SPEC, type ToyTowers, toyPixels, toyRows, toyTokens, toyTowers } from "../towers/toy-towers.js";
import { holds, near, outcome, refuses, same } from "./assertion.js";

/** What is tested. */
export interface EncoderSubject {
  readonly backend: EncoderBackend;
  /** Arithmetic the toy towers ask for; "fp32" unless said. */
  readonly precision?: EncoderGraphs["precision"];
  /** Largest difference to float64, relative to the largest number: 1e-4 in float32 unless said. */
  readonly tolerance?: number;
}

/** One promise. */
export interface EncoderPromise {
  readonly title: string;
  /** Throws an Error that says what was broken. */
  run(subject: EncoderSubject): Promise<void>;
}

export interface Opened {
  readonly encoder: Encoder;
  readonly towers: ToyTowers;
  readonly tolerance: number;
}

const shared = new WeakMap<EncoderSubject, Promise<Opened>>();

/** A promise about an opened encoder. One encoder serves all of a subject: opening is dear on a software GPU. */
export function promise(title: string, check: (opened: Opened) => Promise<void>): EncoderPromise {
  const open = async ({ backend, precision, tolerance = 1e-4 }: EncoderSubject): Promise<Opened> => {
    const towers = toyTowers(precision === undefined ? {} : { precision });
    return { encoder: await backend.open(towers.graphs), towers, tolerance };
  };
  return {
    title,
    async run(subject) {
      const opened = shared.get(subject) ?? open(subject);
      shared.set(subject, opened);
      await check(await opened);
    },
  };
}

/** Closes the encoder that a subject's promises shared. */
export async function closeShared(subject: EncoderSubject): Promise<void> {
  const opened = await shared.get(subject);
  shared.delete(subject);
  await opened?.encoder.close();
}

const D = TOY_SPEC.embedDim;
const MIXED = [3, 20, 1, 7, 3, 12];

export const basicPromises: readonly EncoderPromise[] = [
  {
    title: "the probe says available with a score and a detail",
    async run({ backend }) {
      const probe = await backend.probe();
      holds(probe.available, `probe — ${probe.available ? "" : probe.reason}`);
      if (probe.available) holds(Number.isFinite(probe.score) && probe.detail.length > 0, `probe — got ${JSON.stringify(probe)}`);
    },
  },
  promise("capabilities name the backend's device, the graphs' precision and a batch of at least one", async ({ encoder, towers }) => {
    const c = encoder.capabilities;
    holds(c.precision === towers.graphs.precision, `precision — got ${c.precision}`);
    holds(Number.isSafeInteger(c.maxBatch) && c.maxBatch >= 1, `maxBatch — got ${c.maxBatch}`);
    holds(c.gradients === (encoder.encodePromptsBackward !== undefined), "gradients — capability and method differ");
    holds((c.imageGradients ?? false) === (encoder.encodeImagesBackward !== undefined), "imageGradients — capability and method differ");
  }),
  promise("image embeddings are the tower's own numbers, not normalised", async ({ encoder, towers, tolerance }) => {
    const { data, shape } = await encoder.encodeImages(toyPixels(5), 5);
    holds(shape[0] === 5 && shape[1] === D, `shape — got [${shape}]`);
    near(data, towers.images(toyPixels(5), 5), tolerance, "image embeddings");
    const norms = Array.from({ length: 5 }, (_, r) => Math.hypot(...data.subarray(r * D, r * D + D)));
    holds(
      norms.some((n) => Math.abs(n - 1) > 0.05),
      `lengths of rows — got ${norms}, which are normalised`,
    );
  }),
  promise("texts of unlike lengths come back in the caller's order, by ids and by word vectors", async ({ encoder, towers, tolerance }) => {
    const { ids, mask, shape } = toyTokens(MIXED);
    const words = { embeddings: towers.graphs.wordVectors(ids), mask, shape: [...shape, TOY_SPEC.text.width] as const };
    const wanted = towers.prompts(words);
    const texts = await encoder.encodeTexts(ids, mask, shape);
    holds(texts.shape[0] === MIXED.length && texts.shape[1] === D, `shape — got [${texts.shape}]`);
    near(texts.data, wanted, tolerance, "texts by ids");
    near((await encoder.encodePrompts(words)).out.data, wanted, tolerance, "texts by word vectors");
    const rows = toyRows(MIXED);
    near((await encoder.encodePrompts(rows)).out.data, towers.prompts(rows), tolerance, "prompt rows");
  }),
  promise("padding, and what stands in it, never changes a result", async ({ encoder, tolerance }) => {
    const { ids, mask, shape } = toyTokens([4, 6]);
    const short = await encoder.encodeTexts(ids, mask, shape);
    const L = 15;
    const wide = { ids: new Int32Array(2 * L).fill(9), mask: new Uint8Array(2 * L) };
    for (let r = 0; r < 2; r++) {
      wide.ids.set(ids.subarray(r * 6, r * 6 + nth([4, 6], r)), r * L);
      wide.mask.set(mask.subarray(r * 6, r * 6 + 6), r * L);
    }
    near((await encoder.encodeTexts(wide.ids, wide.mask, [2, L])).data, short.data, tolerance, "padded texts");
  }),
  promise("a call of more rows than maxBatch equals its rows one by one", async ({ encoder, towers, tolerance }) => {
    const B = Math.min(encoder.capabilities.maxBatch, 128) + 3;
    const pixels = toyPixels(B);
    near((await encoder.encodeImages(pixels, B)).data, towers.images(pixels, B), tolerance, "split images");
    const lengths = Array.from({ length: B }, (_, r) => 1 + ((r * 7) % 9));
    const rows = toyRows(lengths);
    near((await encoder.encodePrompts(rows)).out.data, towers.prompts(rows), tolerance, "split rows");
  }),
  promise("zero rows in give zero rows out", async ({ encoder }) => {
    const none = new Uint8Array(0);
    holds((await encoder.encodeImages(new Float32Array(0), 0)).shape.join() === `0,${D}`, "images");
    holds((await encoder.encodeTexts(new Int32Array(0), none, [0, 7])).shape.join() === `0,${D}`, "texts");
    const rows = { embeddings: new Float32Array(0), mask: none, shape: [0, 7, TOY_SPEC.text.width] as const };
    holds((await encoder.encodePrompts(rows)).out.data.length === 0, "prompts");
  }),
  promise("input buffers are neither changed nor retained", async ({ encoder }) => {
    const pixels = toyPixels(2);
    const rows = toyRows([3, 5]);
    const tokens = toyTokens([3, 5]);
    const images = await encoder.encodeImages(pixels, 2);
    const { out } = await encoder.encodePrompts(rows);
    const texts = await encoder.encodeTexts(tokens.ids, tokens.mask, tokens.shape);
    same(pixels, toyPixels(2), "pixels after the call");
    same(rows.embeddings, toyRows([3, 5]).embeddings, "word vectors after the call");
    holds(tokens.ids.join() === toyTokens([3, 5]).ids.join(), "ids after the call");
    const before = [images.data.slice(), out.data.slice(), texts.data.slice()];
    pixels.fill(1);
    rows.embeddings.fill(1);
    tokens.ids.fill(1);
    await encoder.encodeImages(pixels, 2);
    for (const [i, data] of [images.data, out.data, texts.data].entries())
      same(data, nth(before, i), "a result after its inputs were overwritten");
  }),
  promise("calls may overlap and do not mix", async ({ encoder, towers, tolerance }) => {
    const calls = Array.from({ length: 8 }, async (_, i) => {
      if (i % 2 === 0) {
        near(
          (await encoder.encodeImages(toyPixels(3, i), 3)).data,
          towers.images(toyPixels(3, i), 3),
          tolerance,
          `overlapping images ${i}`,
        );
      } else {
        const rows = toyRows([2 + i, 4], undefined, i);
        near((await encoder.encodePrompts(rows)).out.data, towers.prompts(rows), tolerance, `overlapping rows ${i}`);
      }
    });
    await Promise.all(calls);
  }),
  promise("an encoder that calls itself deterministic gives the same bits twice", async ({ encoder }) => {
    if (!encoder.capabilities.deterministic) return;
    const first = await encoder.encodeImages(toyPixels(3), 3);
    same((await encoder.encodeImages(toyPixels(3), 3)).data, first.data, "images again");
    const rows = toyRows(MIXED);
    const texts = await encoder.encodePrompts(rows);
    same((await encoder.encodePrompts(rows)).out.data, texts.out.data, "rows again");
  }),
  promise("an aborted signal rejects with its reason, before a call and during it, and the encoder goes on", async ({ encoder }) => {
    const reason = new Error("enough");
    const early = AbortSignal.abort(reason);
    const tokens = toyTokens([3]);
    for (const call of [
      () => encoder.encodeImages(toyPixels(1), 1, { signal: early }),
      () => encoder.encodeTexts(tokens.ids, tokens.mask, tokens.shape, { signal: early }),
      () => encoder.encodePrompts(toyRows([3]), { signal: early }),
    ]) {
      const got = await outcome(call);
      holds(got === reason, `an aborted call — got ${String(got)}`);
    }
    const stop = new AbortController();
    const B = encoder.capabilities.maxBatch * 4;
    const running = outcome(() => encoder.encodeImages(toyPixels(B), B, { signal: stop.signal }));
    stop.abort(reason);
    const got = await running;
    holds(got === reason, `a call aborted while it ran — got ${String(got)}`);
    await encoder.encodeImages(toyPixels(1), 1);
  }),
  promise("buffers, masks and ids that do not fit are refused as bad_input", async ({ encoder }) => {
    const { contextLength, width: W, vocabularyRows } = TOY_SPEC.text;
    const row = (mask: number[], L = mask.length) => ({
      embeddings: new Float32Array(L * W),
      mask: Uint8Array.from(mask),
      shape: [1, L, W] as const,
    });
    const long = contextLength + 1;
    const calls: [string, () => Promise<unknown>][] = [
      ["too few pixels", () => encoder.encodeImages(new Float32Array(10), 1)],
      ["a negative batch", () => encoder.encodeImages(new Float32Array(0), -1)],
      ["half a batch", () => encoder.encodeImages(toyPixels(1), 0.5)],
      ["an id outside the table", () => encoder.encodeTexts(Int32Array.of(vocabularyRows), Uint8Array.of(1), [1, 1])],
      ["a negative id", () => encoder.encodeTexts(Int32Array.of(-1), Uint8Array.of(1), [1, 1])],
      ["too few ids", () => encoder.encodeTexts(Int32Array.of(1), Uint8Array.of(1, 1), [1, 2])],
      ["a text beyond the context", () => encoder.encodeTexts(new Int32Array(long), new Uint8Array(long).fill(1), [1, long])],
      ["a mask of 2", () => encoder.encodePrompts(row([1, 2]))],
      ["a row without its first token", () => encoder.encodePrompts(row([0, 1]))],
      ["another width", () => encoder.encodePrompts({ embeddings: new Float32Array(8), mask: Uint8Array.of(1), shape: [1, 1, 8] })],
      ["too few word vectors", () => encoder.encodePrompts({ ...row([1, 1]), embeddings: new Float32Array(W) })],
    ];
    for (const [what, call] of calls) await refuses(call, "bad_input", what);
  }),
  promise("NaN and Infinity that come out are bad_output, never returned", async ({ encoder }) => {
    for (const poison of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const pixels = toyPixels(2);
      pixels[pixels.length - 1] = poison;
      await refuses(() => encoder.encodeImages(pixels, 2), "bad_output", `pixels with ${poison}`);
      const rows = toyRows([3, 4]);
      rows.embeddings[0] = poison;
      await refuses(() => encoder.encodePrompts(rows), "bad_output", `word vectors with ${poison}`);
    }
    await encoder.encodeImages(toyPixels(1), 1);
  }),
  {
    title: "an all-zero row that comes out is bad_output",
    async run({ backend }) {
      const encoder = await backend.open(toyTowers({ zeroHeads: true }).graphs);
      try {
        await refuses(() => encoder.encodeImages(toyPixels(2), 2), "bad_output", "zero images");
        await refuses(() => encoder.encodePrompts(toyRows([2])), "bad_output", "zero rows");
      } finally {
        await encoder.close();
      }
    },
  },
  {
    title: "a model that the runtime refuses is open_failed, and a later call tries again",
    async run({ backend }) {
      const towers = toyTowers();
      let broken = true;
      const graphs: EncoderGraphs = {
        ...towers.graphs,
        image: async (form) => (broken ? { kind: "bytes", model: Uint8Array.of(8, 1, 2, 3) } : towers.graphs.image(form)),
      };
      const encoder = await backend.open(graphs);
      try {
        await refuses(() => encoder.encodeImages(toyPixels(1), 1), "open_failed", "a broken model");
        broken = false;
        near((await encoder.encodeImages(toyPixels(1), 1)).data, towers.images(toyPixels(1), 1), 1e-4, "images after a failed opening");
      } finally {
        await encoder.close();
      }
    },
  },
  {
    title: "opening again gives the same encoder until it is closed; closing twice is fine; a closed encoder says so",
    async run({ backend }) {
      const { graphs } = toyTowers();
      const encoder = await backend.open(graphs);
      holds((await backend.open(graphs)) === encoder, "open — expected the same encoder for the same graphs, got another");
      const late = encoder.encodeImages(toyPixels(2), 2);
      await Promise.all([encoder.close(), encoder.close()]);
      holds((await late).data.length === 2 * D, "close — expected it to wait for a run in flight");
      const tokens = toyTokens([2]);
      await refuses(() => encoder.encodeImages(toyPixels(1), 1), "closed", "images after close");
      await refuses(() => encoder.encodeTexts(tokens.ids, tokens.mask, tokens.shape), "closed", "texts after close");
      await refuses(() => encoder.encodePrompts(toyRows([2])), "closed", "rows after close");
      const next = await backend.open(graphs);
      holds(next !== encoder, "open after close — expected a fresh encoder, got the closed one");
      await next.encodeImages(toyPixels(1), 1);
      await next.close();
    },
  },
];
