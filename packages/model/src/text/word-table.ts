// The rows of the word-embedding table that prompts and texts ask for: read once each, so that a 94 MB table stays in its file.

import { known } from "@biovlm/files";
import type { Tensor } from "@biovlm/graph";
import { ModelError } from "../contract/errors.js";

/** ids [k] → [k,W], a fresh array. */
export type WordVectors = (ids: ArrayLike<number>) => Float32Array;

/** A table [V,W] of float32 that may be read by rows: `range` gives `length` bytes from `offset` on without the rest. */
export interface WordTable extends Tensor {
  range?(offset: number, length: number): Uint8Array;
}

/** Rows between two asked for that are read along rather than skipped: a read of a file costs about as much as that many rows. */
const READ_ALONG = 8;

/**
 * Looks words up in a table. Each row is read once: by ranges where the table can, else the table is read once for all new ids of a call.
 * Throws ModelError `bad_argument` for an id outside the table.
 */
export function wordVectors(table: WordTable): WordVectors {
  const [V = 0, W = 0] = table.shape;
  const rows = new Map<number, Float32Array>();
  const read = (ids: readonly number[]) => {
    for (const [first, last] of table.range === undefined ? [[0, V - 1] as const] : spans(ids)) {
      const bytes = table.range?.(first * W * 4, (last - first + 1) * W * 4) ?? table.bytes();
      for (const id of ids) {
        if (id < first || id > last) continue;
        const from = (id - first) * W * 4;
        rows.set(id, new Float32Array(new Uint8Array(bytes.subarray(from, from + W * 4)).buffer));
      }
    }
  };
  return (ids) => {
    const asked = Array.from(ids);
    for (const id of asked) {
      if (!Number.isInteger(id) || id < 0 || id >= V) {
        throw new ModelError("bad_argument", `token id — expected 0..${V - 1}, got ${id}. Use this model's tokenizer.`);
      }
    }
    const missing = [...new Set(asked)].filter((id) => !rows.has(id)).sort((a, b) => a - b);
    if (missing.length > 0) read(missing);
    const out = new Float32Array(asked.length * W);
    for (const [i, id] of asked.entries()) out.set(known(rows, id), i * W);
    return out;
  };
}

/** Ascending ids as spans [first, last], near ones in one. */
function spans(ids: readonly number[]): [number, number][] {
  const found: [number, number][] = [];
  for (const id of ids) {
    const span = found.at(-1);
    if (span !== undefined && id - span[1] <= READ_ALONG) span[1] = id;
    else found.push([id, id]);
  }
  return found;
}
