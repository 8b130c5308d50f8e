// A dual encoder of BiomedCLIP's shape in a few kilobytes of seeded weights, with what its towers must give, in float64 by definition. Small
// enough for a software GPU. Not a model: its embeddings mean nothing.

import { known, nth } from "@biovlm/files";
import { elementCount, evaluate, type Graph, type Tensor, tensorOf } from "@biovlm/graph";
import type { PromptRows } from "../contract/encoder.js";
import type { EncoderGraphs } from "../contract/encoder-graphs.js";
import type { ModelSpec } from "../contract/model-spec.js";
import { wordVectors } from "../text/word-table.js";
import type { TowerWeights } from "../weights/weight-view.js";
import { textTower, textTowerShapes } from "./bert.js";
import { towerArtifacts } from "./tower-artifacts.js";
import { imageTower, imageTowerShapes } from "./vit.js";

/** Sizes of the towers that tests run in milliseconds. */
export const TOY_SPEC: ModelSpec = {
  vision: { imageSize: 16, patchSize: 8, width: 16, layers: 2, heads: 2, mlp: 32 },
  text: { vocabularyRows: 40, maxPositions: 24, contextLength: 20, width: 16, layers: 2, heads: 2, mlp: 32, projectionHidden: 12 },
  embedDim: 8,
  logitScale: Math.log(20),
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.25, 0.25],
};

/** Small random towers with their own float64 answers, for the conformance suite. */
export interface ToyTowers {
  /** a fresh object each time: its encoder is nobody else's */
  readonly graphs: EncoderGraphs;
  /** the image tower itself: `pixels` → `embedding` */
  readonly image: Graph;
  /** pixels [B,3,S,S] → [B,D] in float64 */
  images(pixels: Float32Array, batch: number): Float64Array;
  /** rows [n,L,W] → [n,D] in float64 */
  prompts(rows: PromptRows): Float64Array;
}

/** What toy towers are made with. */
export interface ToyOptions {
  readonly precision?: EncoderGraphs["precision"];
  /** both projections to zero: towers that give all-zero rows */
  readonly zeroHeads?: boolean;
}

/** Seeded numbers, uniform in −1..1. */
export function seededFloats(seed: number, length: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length }, () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
  });
}

/** Makes the towers. */
export function toyTowers({ precision = "fp32", zeroHeads = false }: ToyOptions = {}): ToyTowers {
  let seed = 1;
  const drawn = (shapes: ReadonlyMap<string, readonly number[]>, head: string): TowerWeights => {
    const tensors = new Map<string, Tensor>();
    for (const [name, shape] of shapes) {
      const values = seededFloats(++seed, elementCount(shape));
      // layer norms near 1, matrices by fan-in, so that activations stay of order one
      const norm = shape.length === 1 && name.endsWith(".weight");
      const [, inner] = shape;
      const spread = shape.length === 2 && inner !== undefined ? 1.5 / Math.sqrt(inner) : 0.5;
      const zero = zeroHeads && name === head;
      const kept = values.map((v) => (zero ? 0 : norm ? 1 + v / 4 : v * spread));
      tensors.set(name, tensorOf("float32", shape, kept));
    }
    return { get: (name) => known(tensors, name) };
  };
  const imageWeights = drawn(imageTowerShapes(TOY_SPEC), "projection.weight");
  const textWeights = drawn(textTowerShapes(TOY_SPEC), "projection.1.weight");
  const run = (graph: Graph, feeds: Parameters<typeof evaluate>[1]) => nth(Object.values(evaluate(graph, feeds)), 0).data;
  const image = imageTower(imageWeights, TOY_SPEC);
  const towerOf = (wide?: number) => textTower(textWeights, TOY_SPEC, { input: "embeddings", wide });
  // what backends open runs in halves as a full-size tower does; the answers are those of the whole
  const [text, whole] = [towerOf(TOY_SPEC.text.mlp), towerOf()];
  const { imageSize: S } = TOY_SPEC.vision;
  return {
    graphs: towerArtifacts({
      image: () => image,
      imageWeights: () => imageWeights,
      text: () => text,
      spec: TOY_SPEC,
      digest: `sha256:${"7".repeat(64)}`,
      precision,
      wordVectors: wordVectors(textWeights.get("words")),
    }),
    image,
    images: (pixels, batch) => run(image, { pixels: { shape: [batch, 3, S, S], data: pixels } }),
    prompts: ({ embeddings, mask, shape }) =>
      run(whole, {
        embeddings: { shape, data: embeddings },
        mask: { shape: shape.slice(0, 2), data: Float32Array.from(mask) },
      }),
  };
}

/** n rows of seeded word vectors with these token counts, padded to L with other numbers than zero. */
export function toyRows(lengths: readonly number[], L = Math.max(1, ...lengths), seed = 11): PromptRows {
  const { width: W } = TOY_SPEC.text;
  const mask = new Uint8Array(lengths.length * L);
  for (const [r, length] of lengths.entries()) mask.fill(1, r * L, r * L + length);
  return { embeddings: seededFloats(seed, lengths.length * L * W), mask, shape: [lengths.length, L, W] };
}

/** B seeded images. */
export function toyPixels(batch: number, seed = 5): Float32Array {
  const { imageSize: S } = TOY_SPEC.vision;
  return seededFloats(seed, batch * 3 * S * S);
}

/** B seeded images as bytes [B,S,S,3]. */
export function toyRgb(batch: number, seed = 6): Uint8Array {
  const { imageSize: S } = TOY_SPEC.vision;
  return Uint8Array.from(seededFloats(seed, batch * S * S * 3), (x) => Math.floor((x + 1) * 128));
}

/** n rows of seeded ids with these token counts, padded to L with id 0. */
export function toyTokens(lengths: readonly number[], L = Math.max(1, ...lengths)) {
  const ids = new Int32Array(lengths.length * L);
  const mask = new Uint8Array(lengths.length * L);
  for (const [r, length] of lengths.entries()) {
    for (let t = 0; t < length; t++) {
      ids[r * L + t] = 1 + ((r * 7 + t * 5) % (TOY_SPEC.text.vocabularyRows - 1));
      mask[r * L + t] = 1;
    }
  }
  return { ids, mask, shape: [lengths.length, L] as const };
}
