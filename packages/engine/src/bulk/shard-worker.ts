// What a bulk job does with its images: rows of a chunk → bytes, chunks of a shard → its files. The same rows give the same bytes, whoever works
// on them and however often: batches are cut by place in the chunk. Knows no store and no plan.

import type { Core } from "@biovlm/core";
import { FilesError, joinedFloats } from "@biovlm/files";
import type { Classifier, Encoder, Model } from "@biovlm/model";
import { pixelSpec } from "@biovlm/model";
import { encodeRgb } from "@biovlm/model/backend";
import { EngineError } from "../contract/errors.js";
import { joinedBytes, rowPreparation } from "../images/classified-images.js";
import { fastImages } from "../images/fast-images.js";
import { imageRows, type PixelRow } from "../images/image-rows.js";
import type { ImageSource } from "../images/image-source.js";
import type { ImageOptions } from "../options/engine-options.js";
import type { BulkImages, BulkRow } from "./bulk-images.js";
import { chunkBytes, type RowOutcome, readChunk } from "./chunk-bytes.js";
import { answersFile, embeddingsFile } from "./part-files.js";
import { ReadAhead, type ReadAheadLimits } from "./read-ahead.js";

/** What a worker computes with, and what it writes. */
export interface ShardWorkerOptions {
  readonly core: Core;
  readonly encoder: Encoder;
  readonly model: Pick<Model, "spec" | "name" | "digest">;
  /** answers are written, too */
  readonly classifier?: Classifier;
  /** embeddings are written: `raw` as the tower gives them, else L2-normalised */
  readonly embeddings: "none" | "normalized" | "raw";
  readonly images: BulkImages;
  readonly files: ImageOptions;
  readonly readAhead: ReadAheadLimits;
  readonly signal?: AbortSignal | undefined;
}

/** Files of a shard, and its rows that have a code instead of a result. */
export interface ShardFiles {
  readonly parts: readonly { readonly bytes: Uint8Array; readonly ending: string }[];
  readonly rows: number;
  readonly failed: readonly { readonly row: number; readonly code: string }[];
}

/** What a batch of rows gave, to be joined with the others: `rows` counts those with a code, too. */
export interface EmbeddedPiece {
  readonly rows: number;
  readonly bytes: Uint8Array;
}

/** Embeds chunks and joins their pieces: what `workShard` of @biovlm/jobs asks for. */
export interface ShardWorker {
  /**
   * Pieces of a chunk, each a batch as a rule. Begun behind a piece it gives the others as if it had begun with the first.
   * Rejects as the encoder does, with the signal's reason, and where the source fails rather than an image: `source_unreadable`, `network`, …
   */
  embed(rows: readonly BulkRow[]): AsyncIterable<EmbeddedPiece>;
  /** @param pieces those of the whole shard, in order */
  join(pieces: readonly Uint8Array[], rows: readonly BulkRow[]): Promise<ShardFiles>;
}

/** Codes that say nothing of an image: another try, or another machine, may read it. */
const NOT_THE_IMAGES: ReadonlySet<string> = new Set([
  ...["io_error", "too_many_files", "disk_full", "network", "refused", "locked"],
  ...["source_unreadable", "decoder_unavailable", "out_of_memory"],
]);

/** @example workShard(store, job, 7, { chunkRows: 128, ...shardWorker({ core, encoder, model, embeddings: "normalized", images, files, readAhead }) }) */
export function shardWorker(options: ShardWorkerOptions): ShardWorker {
  const { model, classifier, embeddings } = options;
  const D = model.spec.embedDim;
  return {
    embed: (rows) => embedChunk(rows, options),
    async join(pieces, rows) {
      const read = pieces.map((bytes) => readChunk(bytes, D));
      const outcomes = read.flatMap((piece) => piece.outcomes);
      const data = joinedRows(
        read.map(({ rows: some }) => some),
        D,
      );
      const shard = { rows, outcomes, data, D, model };
      const parts = [await answersFile(shard, classifier)];
      if (embeddings !== "none") parts.push(embeddingsFile(shard, embeddings === "raw" ? undefined : options.core));
      const failed = outcomes.flatMap(({ code }, row) => (code === undefined ? [] : [{ row, code }]));
      return { parts, rows: outcomes.length - failed.length, failed };
    },
  };
}

async function* embedChunk(rows: readonly BulkRow[], options: ShardWorkerOptions): AsyncGenerator<EmbeddedPiece, void, undefined> {
  const { core, encoder, model, classifier, images, files, readAhead, signal } = options;
  const pixels = classifier?.pixels ?? pixelSpec(model.spec);
  const D = model.spec.embedDim;
  const ahead = new ReadAhead(rows.length, (index, admit) => images.read(rows[index] as BulkRow, admit, signal), readAhead);
  const sources = rows.map(({ uri }, i): ImageSource => ({ name: uri, open: async () => ({ kind: "file", bytes: await ahead.take(i) }) }));
  let outcomes: RowOutcome[] = [];
  let encoded: Float32Array[] = [];
  let batch: PixelRow[] = [];
  let done = 0;
  let refused = true;
  const { prepare: fast } = await fastImages();
  try {
    for await (const row of imageRows(sources, { ...rowPreparation(core, pixels, files), fast, signal })) {
      const wanted = rows[done++]?.sha256;
      if (row.kind === "failed") {
        await checkSource(row.error, images);
        outcomes.push({ ...(row.sha256 === undefined ? {} : { sha256: row.sha256 }), code: row.error.code });
      } else if (wanted !== undefined && wanted !== row.sha256) outcomes.push({ sha256: row.sha256, code: "digest_mismatch" });
      else {
        outcomes.push({ sha256: row.sha256 });
        if (row.kind === "pixels") batch.push(row);
      }
      refused &&= outcomes.at(-1)?.code === "not_permitted";
      // by place, so that an image that fails changes nobody else's batch
      if (done % files.batch !== 0 && done < rows.length) continue;
      if (batch.length > 0)
        encoded.push((await encodeRgb(encoder, joinedBytes(batch, pixels.size), batch.length, pixels, { signal })).data);
      batch = [];
      // nothing is said of images that may not be read before one of the chunk may
      if (refused && rows.length > 1) continue;
      yield { rows: outcomes.length, bytes: chunkBytes({ outcomes, rows: joinedRows(encoded, D) }) };
      outcomes = [];
      encoded = [];
    }
  } finally {
    ahead.close();
  }
  if (refused && rows.length > 1)
    throw new FilesError(
      "source_unreadable",
      "images — expected files that may be read, got none in a whole chunk. Check this worker's user.",
    );
}

/** An image's own fault passes; a source's is thrown. */
async function checkSource({ code, message }: { readonly code: string; readonly message: string }, images: BulkImages): Promise<void> {
  if (code === "not_found") await images.check();
  if (NOT_THE_IMAGES.has(code)) throw new FilesError("source_unreadable", `images — a read failed with ${code}: ${message}`);
}

/** [n,D]. @throws EngineError `bad_output` where the parts are not rows of D */
function joinedRows(parts: readonly Float32Array[], D: number): Float32Array {
  const out = joinedFloats(parts);
  if (out.length % D !== 0)
    throw new EngineError("bad_output", `rows — expected rows of ${D}, got ${out.length} numbers. Check the model.`);
  return out;
}
