// A family that nobody uses, to show what adding one takes: this folder, and one row in a list. Its image tower averages the pixels of each
// channel; its texts are letters, its text tower averages their vectors; both end in a projection. Keys, files and frame are its own.

import { GraphBuilder } from "@biovlm/graph";
import type { Backbone, ModelSpec, StateDict } from "../../../src/backbone.js";

const CONFIG = "letters.json";
const FIRST = 97;

const sizes = (weights: StateDict) => {
  const [D = 0] = weights.get("see.out").shape;
  const [V = 0, W = 0] = weights.get("say.letters").shape;
  return { D, V, W };
};

export const letters: Backbone = {
  name: "letters",
  about: "mean colour and mean letter (see.*, say.*)",
  files: [CONFIG],
  required: [[CONFIG]],
  recognises: (keys) => keys.includes("see.out") && keys.includes("say.out"),
  layout: (weights) => weights,
  spec(weights, texts): ModelSpec {
    const { D, V, W } = sizes(weights);
    const { side, length } = JSON.parse(texts[CONFIG] ?? "{}") as { side: number; length: number };
    return {
      vision: { imageSize: side, patchSize: side, width: 3, layers: 0, heads: 1, mlp: 0 },
      text: { vocabularyRows: V, maxPositions: length, contextLength: length, width: W, layers: 0, heads: 1, mlp: 0, projectionHidden: 0 },
      embedDim: D,
      logitScale: 3,
      mean: [0.5, 0.5, 0.5],
      std: [0.25, 0.25, 0.25],
    };
  },
  image(weights, { vision: { imageSize: S } }) {
    const b = new GraphBuilder("letters-image");
    const pixels = b.input("pixels", "float32", ["B", 3, S, S]);
    const mean = b.reduceMean(pixels, [2, 3]);
    b.output("embedding", b.linear(mean, b.constant(weights.get("see.out"), "see.out")));
    return b.build();
  },
  text(weights, _, { input }) {
    const b = new GraphBuilder("letters-text");
    const { W } = sizes(weights);
    const words =
      input === "embeddings"
        ? b.input("embeddings", "float32", ["n", "L", W])
        : b.gather(b.constant(weights.get("say.letters"), "say.letters"), b.input("ids", "int32", ["n", "L"]));
    const mask = b.input("mask", "float32", ["n", "L"]);
    const total = b.reduceSum(b.mul(words, b.unsqueeze(mask, [2])), [1]);
    const mean = b.div(total, b.reduceSum(mask, [1], true));
    b.output("embedding", b.linear(mean, b.constant(weights.get("say.out"), "say.out")));
    return b.build();
  },
  words: (weights) => weights.get("say.letters"),
  tokenizer(_, { text: { contextLength, vocabularyRows } }) {
    const [pad, unknown, cls, sep] = [0, 1, 2, 3];
    const idOf = (letter: string) => Math.min(vocabularyRows - 1, 4 + Math.max(0, (letter.codePointAt(0) ?? FIRST) - FIRST));
    // two tokens before a text, none behind it
    const encode = (text: string) => [cls, sep, ...Array.from(text.toLowerCase(), idOf)].slice(0, contextLength);
    return {
      encode,
      encodeBatch: () => {
        throw new Error("not used here");
      },
      contextLength,
      vocabularySize: vocabularyRows,
      specials: { pad, unknown, cls, sep },
    };
  },
  frame: { before: 2, after: 0 },
};
