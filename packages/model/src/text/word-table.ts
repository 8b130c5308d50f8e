// The rows of the word-embedding table that prompts and texts ask for: read once each, so that a 94 MB table stays in its file.

import { ModelError } from "../contract/errors.js";
import type { ModelSpec } from "../contract/model-spec.js";
import type { TowerWeights } from "../weights/weight-view.js";

const WORDS = "text.transformer.embeddings.word_embeddings.weight";

/** ids [k] → [k,W], a fresh array. */
export type WordVectors = (ids: ArrayLike<number>) => Float32Array;

/**
 * Looks words up in a state dict. Throws ModelError `bad_argument` for an id outside the table.
 * @param readRow reads one row's bytes without the rest of the table, where the weights' file can do that
 */
export function wordVectors(weights: TowerWeights, spec: ModelSpec, readRow?: (row: number) => Uint8Array): WordVectors {
  const { width: W, vocabularyRows } = spec.text;
  const known = new Map<number, Float32Array>();
  const read = (id: number): Float32Array => {
    const bytes =
      readRow?.(id) ??
      weights
        .get(WORDS)
        .bytes()
        .subarray(id * W * 4, (id + 1) * W * 4);
    const copy = new Uint8Array(bytes);
    return new Float32Array(copy.buffer, 0, W);
  };
  return (ids) => {
    const out = new Float32Array(ids.length * W);
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      let row = known.get(id);
      if (row === undefined) {
        if (!Number.isInteger(id) || id < 0 || id >= vocabularyRows) {
          throw new ModelError("bad_argument", `token id — expected 0..${vocabularyRows - 1}, got ${id}. Use this model's tokenizer.`);
        }
        row = read(id);
        known.set(id, row);
      }
      out.set(row, i * W);
    }
    return out;
  };
}
