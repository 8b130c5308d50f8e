// BERT's embedding layer in plain numbers. The released code of the method sends frozen tokens through it before the tower does so again;
// banks learned with it say `embedding: "released"` (docs/upstream.md).

import { f64 } from "@biovlm/core";
import { numbersOf } from "@biovlm/graph";
import type { ModelSpec } from "../../contract/model-spec.js";
import type { TokenEmbedding } from "../../contract/prompt-frame.js";
import type { TowerWeights } from "../../weights/weight-view.js";

const EPS = 1e-12;

/** In place: LayerNorm(word + position + type 0), epsilon 1e-12, in float64. @param weights by the text tower's names */
export function tokenEmbedding(weights: TowerWeights, { text: { width: W } }: Pick<ModelSpec, "text">): TokenEmbedding {
  return (words, rows, L) => {
    const positions = numbersOf(weights.get("positions"));
    const types = numbersOf(weights.get("types"));
    const scale = numbersOf(weights.get("norm.weight"));
    const bias = numbersOf(weights.get("norm.bias"));
    for (let r = 0; r < rows * L; r++) {
      const row = words.subarray(r * W, (r + 1) * W);
      const place = positions.subarray((r % L) * W, ((r % L) + 1) * W);
      const x = Float64Array.from(row, (word, i) => word + f64(place, i) + f64(types, i));
      let mean = 0;
      for (const v of x) mean += v / W;
      let variance = 0;
      for (const v of x) variance += (v - mean) ** 2 / W;
      const inverse = 1 / Math.sqrt(variance + EPS);
      row.set(x.map((v, i) => (v - mean) * inverse * f64(scale, i) + f64(bias, i)));
    }
  };
}
