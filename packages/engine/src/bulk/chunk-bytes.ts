// What a chunk of a bulk job gave, as bytes that another worker can go on from: outcomes of its rows, then the rows of the tower as they are.
//
// Layout, little-endian: u32 length of the JSON · JSON [[sha256 | null, code | null], …] · rows [n,D] float32 of those without a code. Of volumes the
// JSON says slices, probabilities [C] | null and entropies [N] | null of each row without a code, too, and a row of floats is its slices' mean.

import { floatsOf, type Json, joinedBytes, littleEndian, parseStrictJson } from "@biovlm/files";
import { EngineError } from "../contract/errors.js";

/** What became of a row: `code` where there is no embedding, `sha256` where the file could be read. */
export interface RowOutcome {
  readonly sha256?: string;
  readonly code?: string;
  /** of a volume without a code */
  readonly volume?: VolumeOutcome;
}

/** What the slices of a volume gave together. */
export interface VolumeOutcome {
  /** slices or frames, ≥ 1 */
  readonly slices: number;
  /** their mean [C], where classes were named */
  readonly probabilities?: readonly number[];
  /** of every prompt [N], of a volume of one slice */
  readonly entropies?: readonly number[];
}

/** A chunk's outcomes in order, and the rows of those that have one: [n,D]. */
export interface Chunk {
  readonly outcomes: readonly RowOutcome[];
  readonly rows: Float32Array;
}

export function chunkBytes({ outcomes, rows }: Chunk): Uint8Array {
  const json = Buffer.from(JSON.stringify(outcomes.map(told)));
  const head = Buffer.alloc(4);
  head.writeUInt32LE(json.length, 0);
  return joinedBytes([head, json, littleEndian(rows)]);
}

function told({ sha256, code, volume }: RowOutcome): readonly unknown[] {
  const file = [sha256 ?? null, code ?? null];
  return volume === undefined ? file : [...file, volume.slices, volume.probabilities ?? null, volume.entropies ?? null];
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
  return { outcomes, rows: floatsOf(bytes.subarray(4 + length)) };
}

function outcomeOf(entry: Json): RowOutcome {
  if (!Array.isArray(entry)) throw torn();
  const [sha256, code, slices, probabilities, entropies] = entry;
  const volume =
    typeof slices === "number"
      ? { volume: { slices, ...numbers({ probabilities }), ...numbers({ entropies }) } satisfies VolumeOutcome }
      : {};
  return { ...(typeof sha256 === "string" ? { sha256 } : {}), ...(typeof code === "string" ? { code } : {}), ...volume };
}

/** What is a list of numbers, by its name. */
function numbers(given: Readonly<Record<string, Json | undefined>>): Readonly<Record<string, number[]>> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, values]) =>
      Array.isArray(values) && values.every((value) => typeof value === "number") ? [[name, values as number[]]] : [],
    ),
  );
}

const torn = () => new EngineError("internal", "chunk — expected outcomes and rows, got something else. Remove the job's partial folder.");
