// The output of `embed`: a safetensors, npz or npy file of rows, and beside it a list (.rows.jsonl) that says which file each row is.
// Both are written whole or not at all. The list names the digest of the rows' file, so that a pair that does not belong together is
// noticed; then, and for another model, the file counts as absent and is written anew.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { createInterface } from "node:readline";
import { parseStrictJson } from "@biovlm/files";
import { type FileContent, sweepTemporaries, writeFileAtomic } from "@biovlm/files/node";
import { layOutSafetensors } from "@biovlm/model/backbone";
import { NPZ_ROWS, type NpzArray, npyHeader, npzChunks, npzRowsAt, wideText } from "./npz-output.js";
import type { RowName, RowSource } from "./row-source.js";

const ROWS_FORMAT = "biovlm-rows/1";
const LINES_CHARACTERS = 1 << 16;

/** What the rows are; an output whose facts differ in `key` is not reused. */
export interface EmbeddingFacts {
  /** Hex digest over model, preprocessing and options. */
  readonly key: string;
  readonly D: number;
  readonly model: { readonly name: string; readonly digest: string };
  readonly preprocess: string;
  readonly normalized: boolean;
}

/** Where the list of rows lies beside an embedding file. */
export function rowsPath(out: string): string {
  return `${out}.rows.jsonl`;
}

/**
 * Writes the pair: first the rows, then the list that makes them valid.
 * @param rowBytes the bytes of one row [D]; called in order
 */
export async function writeEmbeddings(
  out: string,
  facts: EmbeddingFacts,
  names: readonly RowName[],
  rowBytes: (name: RowName) => Promise<Uint8Array>,
  signal?: AbortSignal,
): Promise<void> {
  const hash = createHash("sha256");
  const stop = signal === undefined ? {} : { signal };
  await written(out, hashed(outputOf(out)(facts, names, rowBytes), hash), stop);
  const header = { format: ROWS_FORMAT, embeddings: basename(out), embeddings_sha256: hash.digest("hex"), rows: names.length, ...facts };
  await written(rowsPath(out), jsonLines(header, names), stop);
}

/** What a file holds, by its ending. */
function outputOf(out: string): typeof npyChunks {
  if (out.endsWith(".npz")) return npzOutput;
  return out.endsWith(".npy") ? npyChunks : safetensorsChunks;
}

/** Written whole or not at all; what a killed run left half-written beside it is removed. */
async function written(path: string, content: FileContent, options: { readonly signal?: AbortSignal }): Promise<void> {
  await sweepTemporaries(dirname(path));
  await writeFileAtomic(path, content, options);
}

async function* hashed(chunks: AsyncIterable<Uint8Array>, hash: { update(chunk: Uint8Array): unknown }): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

type RowBytes = (name: RowName) => Promise<Uint8Array>;

async function* safetensorsChunks(facts: EmbeddingFacts, names: readonly RowName[], rowBytes: RowBytes): AsyncGenerator<Uint8Array> {
  const none = () => new Uint8Array(0);
  const layout = layOutSafetensors(
    [
      { name: "embeddings", dtype: "F32", shape: [names.length, facts.D], bytes: none },
      { name: "sha256", dtype: "U8", shape: [names.length, 32], bytes: none },
    ],
    {
      format: "biovlm-embeddings/1",
      model: facts.model.name,
      model_digest: facts.model.digest,
      preprocess: facts.preprocess,
      normalized: String(facts.normalized),
      names_sha256: createHash("sha256")
        .update(names.map((n) => JSON.stringify(n.file)).join("\n"))
        .digest("hex"),
    },
  );
  yield layout.header;
  for (const tensor of layout.order) {
    if (tensor.name === "embeddings") yield* gathered(names, rowBytes);
    else yield* gathered(names, async (name) => Buffer.from(name.sha256, "hex"));
  }
}

async function* npyChunks(facts: EmbeddingFacts, names: readonly RowName[], rowBytes: RowBytes): AsyncGenerator<Uint8Array> {
  yield npyHeader("<f4", [names.length, facts.D]);
  yield* gathered(names, rowBytes);
}

/** The arrays of an npz: first the rows, so that their place follows from their number; then digests, and names as text. */
async function* npzOutput(facts: EmbeddingFacts, names: readonly RowName[], rowBytes: RowBytes): AsyncGenerator<Uint8Array> {
  const longest = names.reduce((most, { file }) => Math.max(most, Array.from(file).length), 1);
  const arrays: NpzArray[] = [
    { name: NPZ_ROWS, type: "<f4", shape: [names.length, facts.D], rowBytes: facts.D * 4, rows: () => gathered(names, rowBytes) },
    {
      ...{ name: "sha256.npy", type: "|u1", shape: [names.length, 32], rowBytes: 32 },
      rows: () => gathered(names, async ({ sha256 }) => Buffer.from(sha256, "hex")),
    },
    {
      ...{ name: "names.npy", type: `<U${longest}`, shape: [names.length], rowBytes: longest * 4 },
      rows: () => gathered(names, async ({ file }) => wideText(file, longest)),
    },
  ];
  yield* npzChunks(arrays);
}

/** Rows put together into chunks of about 256 KiB. */
async function* gathered(names: readonly RowName[], rowBytes: RowBytes): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for (const name of names) {
    const bytes = await rowBytes(name);
    parts.push(bytes);
    size += bytes.length;
    if (size >= 1 << 18) {
      yield Buffer.concat(parts);
      parts = [];
      size = 0;
    }
  }
  if (size > 0) yield Buffer.concat(parts);
}

/** Lines put together into chunks: each chunk is a write of its own. */
function* jsonLines(header: object, names: readonly RowName[]): Generator<Uint8Array> {
  let text = `${JSON.stringify(header)}\n`;
  for (const [row, { file, sha256 }] of names.entries()) {
    text += `${JSON.stringify({ row, file, sha256 })}\n`;
    if (text.length < LINES_CHARACTERS) continue;
    yield Buffer.from(text);
    text = "";
  }
  if (text !== "") yield Buffer.from(text);
}

/** An earlier output, as a source of rows. */
export class EmbeddingFile implements RowSource {
  readonly names: readonly RowName[];
  readonly #handle: FileHandle;
  readonly #index: Map<string, number>;
  readonly #rowBytes: number;

  private constructor(handle: FileHandle, names: readonly RowName[], dataAt: number, D: number) {
    this.#handle = handle;
    this.names = names;
    this.#rowBytes = D * 4;
    this.#index = new Map(names.map(({ sha256 }, row) => [sha256, dataAt + row * D * 4]));
  }

  /** The output at `out` if it is whole, has its list, and was made with the same key; else undefined. Never throws for a damaged file. */
  static async open(out: string, facts: EmbeddingFacts): Promise<EmbeddingFile | undefined> {
    const list = await readRows(rowsPath(out), facts).catch(() => undefined);
    if (list === undefined || (await sha256OfFile(out).catch(() => "")) !== list.digest) return undefined;
    const handle = await open(out, "r");
    const { size } = await handle.stat();
    const rows = list.names.length;
    // The rows are the last or, in safetensors, the last but the 32-byte digests: the header's length follows from the size. In npz they come first.
    const tail = out.endsWith(".npy") ? 0 : rows * 32;
    const dataAt = out.endsWith(".npz") ? npzRowsAt([rows, facts.D]) : size - tail - rows * facts.D * 4;
    if (dataAt > 0) return new EmbeddingFile(handle, list.names, dataAt, facts.D);
    await handle.close();
    return undefined;
  }

  has(sha256: string): boolean {
    return this.#index.has(sha256);
  }

  async read(sha256: string): Promise<Uint8Array> {
    const at = this.#index.get(sha256);
    if (at === undefined) throw new RangeError(`no row for ${sha256}`);
    const bytes = new Uint8Array(this.#rowBytes);
    await this.#handle.read(bytes, 0, bytes.length, at);
    return bytes;
  }

  /** True when the output already holds exactly these rows in this order. */
  holds(names: readonly RowName[]): boolean {
    return (
      names.length === this.names.length &&
      names.every(({ file, sha256 }, i) => file === this.names[i]?.file && sha256 === this.names[i]?.sha256)
    );
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

async function readRows(path: string, facts: EmbeddingFacts): Promise<{ digest: string; names: RowName[] } | undefined> {
  const input = createReadStream(path);
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  const names: RowName[] = [];
  let header: { format?: unknown; key?: unknown; D?: unknown; rows?: unknown; embeddings_sha256?: unknown } | undefined;
  try {
    for await (const line of lines) {
      const value: unknown = parseStrictJson(line, "row of an embeddings file");
      if (typeof value !== "object" || value === null) return undefined;
      if (header === undefined) {
        header = value;
        if (header.format !== ROWS_FORMAT || header.key !== facts.key || header.D !== facts.D) return undefined;
        continue;
      }
      const { file, sha256 } = value as Record<string, unknown>;
      if (typeof file !== "string" || typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
      names.push({ file, sha256 });
    }
  } finally {
    lines.close();
    input.destroy();
  }
  return header !== undefined && header.rows === names.length && typeof header.embeddings_sha256 === "string"
    ? { digest: header.embeddings_sha256, names }
    : undefined;
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}
