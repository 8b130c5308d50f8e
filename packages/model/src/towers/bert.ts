// The text tower as a graph: post-LN BERT without its pooler, the [CLS] row of the last hidden state, a two-layer bias-free projection.
// By word vectors `embeddings` [n,L,W] (prompts are made of these) or by `ids` [n,L]; either with `mask` [n,L] → embedding [n,D], not
// normalised. n and L are symbols: one graph serves every batch, and padding never changes a result.

import { type Graph, GraphBuilder } from "@biovlm/graph";
import type { ModelSpec } from "../contract/model-spec.js";
import { added, rowsOf, type TowerWeights } from "../weights/weight-view.js";
import { attend, firstRow, layersOf } from "./attention.js";
import type { TowerOptions } from "./vit.js";

/** BERT's epsilon of every LayerNorm in the text tower. */
const EPS = 1e-12;
/** Added to the scores of padding: exp of it is exactly 0 in float32, and it stays finite when a score is added. */
const MASKED = -1e9;

/**
 * Name → shape of the tower's weights, by the names it asks for; linear weights are [out, in]. A backbone says under which key of a checkpoint
 * each lies. The order is that of the flow.
 * @param tokenTypes rows of the type table; row 0 alone is used
 */
export function textTowerShapes(
  { text: t, embedDim }: Pick<ModelSpec, "text" | "embedDim">,
  tokenTypes = 2,
): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>([
    ["words", [t.vocabularyRows, t.width]],
    ["positions", [t.maxPositions, t.width]],
    ["types", [tokenTypes, t.width]],
  ]);
  const pair = (name: string, weight: readonly number[], out: number) => shapes.set(`${name}.weight`, weight).set(`${name}.bias`, [out]);
  pair("norm", [t.width], t.width);
  for (let i = 0; i < t.layers; i++) {
    const layer = `layers.${i}.`;
    for (const part of ["query", "key", "value", "output"]) pair(`${layer}${part}`, [t.width, t.width], t.width);
    pair(`${layer}output_norm`, [t.width], t.width);
    pair(`${layer}fc1`, [t.mlp, t.width], t.mlp);
    pair(`${layer}fc2`, [t.width, t.mlp], t.width);
    pair(`${layer}fc_norm`, [t.width], t.width);
  }
  shapes.set("projection.0.weight", [t.projectionHidden, t.width]);
  return shapes.set("projection.1.weight", [embedDim, t.projectionHidden]);
}

export interface TextTowerOptions extends TowerOptions {
  readonly input: "embeddings" | "ids";
  /** inner width from which the feed-forward pair runs in two halves; 3072 unless said */
  readonly wide?: number | undefined;
}

/**
 * Builds the text tower. Inputs `embeddings` or `ids` (int32), and `mask` (float32, 1 = token); output `embedding`; with `trace` also
 * `t_embed` and `t_block0`… [n,L,W]. In the last layer only the [CLS] row's query and feed-forward are computed.
 */
export function textTower(weights: TowerWeights, spec: ModelSpec, { input, trace = false, wide }: TextTowerOptions): Graph {
  const { contextLength, width: W, layers, heads } = spec.text;
  const b = new GraphBuilder(`text-tower-by-${input}`);
  const { constant, linear, feedForward, norm } = layersOf(b, weights, wide);

  const words =
    input === "embeddings"
      ? b.input("embeddings", "float32", ["n", "L", W])
      : b.gather(constant("words"), b.input("ids", "int32", ["n", "L"]));
  const mask = b.input("mask", "float32", ["n", "L"]);
  const positions = rowsOf(weights.get("positions"), 0, contextLength);
  const type0 = rowsOf(weights.get("types"), 0, 1);
  const places = constant("positions_with_type", added(positions, type0, [contextLength, W]));
  const placed = b.add(words, b.slice(places, { axis: 0, start: 0, end: "L" }));
  let x = norm(placed, "norm", EPS);
  if (trace) b.output("t_embed", x);
  const bias = b.unsqueeze(b.mul(b.sub(1, mask), MASKED), [1, 2]);

  for (let i = 0; i < layers; i++) {
    const layer = `layers.${i}.`;
    const row = i === layers - 1 && !trace ? firstRow(b, x) : x;
    const mixed = attend(b, linear(row, `${layer}query`), linear(x, `${layer}key`), linear(x, `${layer}value`), heads, bias);
    x = norm(b.add(linear(mixed, `${layer}output`), row), `${layer}output_norm`, EPS);
    x = norm(b.add(feedForward(x, `${layer}fc1`, `${layer}fc2`), x), `${layer}fc_norm`, EPS);
    if (trace) b.output(`t_block${i}`, x);
  }

  const cls = b.reshape(firstRow(b, x), ["n", W]);
  b.output("embedding", linear(b.gelu(linear(cls, "projection.0", false)), "projection.1", false));
  return b.build();
}
