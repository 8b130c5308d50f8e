// What a chunk of a bulk job gave, as bytes that another worker can go on from: outcomes of its rows, then the rows of the tower as they are.
//
// Layout, little-endian: u32 length of the JSON · JSON [[sha256 | null, code | null], …] · rows [n,D] float32 of those without a code.

import { type Json, parseStrictJson } from "@biovlm/files";
import { EngineError } from "../contract/errors.js";

/** What became of a row: `code` where there is no embedding, `sha256` where the file could be read. */
export interface RowOutcome {
  readonly sha256?: string;
  readonly code?: string;
}

/** A chunk's outcomes in order, and the rows of those that have one: [n,D]. */
export interface Chunk {
  readonly outcomes: readonly RowOutcome[];
  readonly rows: Float32Array;
}

export function chunkBytes({ outcomes, rows }: Chunk): Uint8Array {
  const json = Buffer.from(JSON.stringify(outcomes.map(({ sha256 = null, code = null }) => [sha256, code])));
  const out = Buffer.alloc(4 + json.length + rows.length * 4);
  out.writeUInt32LE(json.length, 0);
  json.copy(out, 4);
  for (const [i, value] of rows.entries()) out.writeFloatLE(value, 4 + json.length + i * 4);
  return out;
}

/** @throws EngineError `internal` for bytes that are no chunk of rows of D */
export function readChunk(bytes: Uint8Array, D: number): Chunk {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.length < 4 ? Number.POSITIVE_INFINITY : view.readUInt32LE(0);
  if (4 + length > view.length) throw torn();
  const json = parseStrictJson(view.toString("utf8", 4, 4 + length), "chunk", { maxDepth: 4 });
  if (!Array.isArray(json)) throw torn();
  const outcomes = json.map(outcomeOf);
  const values = outcomes.filter(({ code }) => code === undefined).length * D;
  if (view.length !== 4 + length + values * 4) throw torn();
  return { outcomes, rows: Float32Array.from({ length: values }, (_, i) => view.readFloatLE(4 + length + i * 4)) };
}

function outcomeOf(entry: Json): RowOutcome {
  if (!Array.isArray(entry)) throw torn();
  const [sha256, code] = entry;
  return { ...(typeof sha256 === "string" ? { sha256 } : {}), ...(typeof code === "string" ? { code } : {}) };
}

const torn = () => new EngineError("internal", "chunk — expected outcomes and rows, got something else. Remove the job's partial folder.");
