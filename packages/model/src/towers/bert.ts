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

export interface TextTowerOptions extends TowerOptions {
  readonly input: "embeddings" | "ids";
}

/**
 * Builds the text tower. Inputs `embeddings` or `ids` (int32), and `mask` (float32, 1 = token); output `embedding`; with `trace` also
 * `t_embed` and `t_block0`… [n,L,W]. In the last layer only the [CLS] row's query and feed-forward are computed.
 */
export function textTower(weights: TowerWeights, spec: ModelSpec, { input, trace = false }: TextTowerOptions): Graph {
  const { contextLength, width: W, layers, heads } = spec.text;
  const b = new GraphBuilder(`text-tower-by-${input}`);
  const { constant, linear, norm } = layersOf(b, weights);
  const table = "text.transformer.embeddings.";

  const words =
    input === "embeddings"
      ? b.input("embeddings", "float32", ["n", "L", W])
      : b.gather(constant(`${table}word_embeddings.weight`), b.input("ids", "int32", ["n", "L"]));
  const mask = b.input("mask", "float32", ["n", "L"]);
  const positions = rowsOf(weights.get(`${table}position_embeddings.weight`), 0, contextLength);
  const type0 = rowsOf(weights.get(`${table}token_type_embeddings.weight`), 0, 1);
  const places = constant("positions_with_type", added(positions, type0, [contextLength, W]));
  const placed = b.add(words, b.slice(places, { axis: 0, start: 0, end: "L" }));
  let x = norm(placed, `${table}LayerNorm`, EPS);
  if (trace) b.output("t_embed", x);
  const bias = b.unsqueeze(b.mul(b.sub(1, mask), MASKED), [1, 2]);

  for (let i = 0; i < layers; i++) {
    const layer = `text.transformer.encoder.layer.${i}.`;
    const self = `${layer}attention.self.`;
    const row = i === layers - 1 && !trace ? firstRow(b, x) : x;
    const mixed = attend(b, linear(row, `${self}query`), linear(x, `${self}key`), linear(x, `${self}value`), heads, bias);
    x = norm(b.add(linear(mixed, `${layer}attention.output.dense`), row), `${layer}attention.output.LayerNorm`, EPS);
    const m = b.gelu(linear(x, `${layer}intermediate.dense`));
    x = norm(b.add(linear(m, `${layer}output.dense`), x), `${layer}output.LayerNorm`, EPS);
    if (trace) b.output(`t_block${i}`, x);
  }

  const cls = b.reshape(firstRow(b, x), ["n", W]);
  b.output("embedding", linear(b.gelu(linear(cls, "text.proj.0", false)), "text.proj.2", false));
  return b.build();
}
