// What a bulk job does with its images: rows of a chunk → bytes, chunks of a shard → its files. The same rows give the same bytes, whoever works
// on them and however often: batches are cut by place in the chunk. Knows no store and no plan.

import { joinedFloats } from "@biovlm/files";
import { pixelSpec } from "@biovlm/model";
import { encodeRgb } from "@biovlm/model/backend";
import { EngineError } from "../contract/errors.js";
import { joinedBytes, rowPreparation } from "../images/classified-images.js";
import { fastImages } from "../images/fast-images.js";
import { imageRows, type PixelRow } from "../images/image-rows.js";
import type { ImageSource } from "../images/image-source.js";
import type { BulkRow } from "./bulk-images.js";
import { chunkBytes, type RowOutcome, readChunk } from "./chunk-bytes.js";
import { answersFile, embeddingsFile } from "./part-files.js";
import { ReadAhead } from "./read-ahead.js";
import { allRefused, checkSource } from "./source-fault.js";
import { embedVolumes } from "./volume-rows.js";
import type { EmbeddedPiece, ShardWorkerOptions } from "./worker-options.js";

/** Files of a shard, and its rows that have a code instead of a result. */
export interface ShardFiles {
  readonly parts: readonly { readonly bytes: Uint8Array; readonly ending: string }[];
  readonly rows: number;
  readonly failed: readonly { readonly row: number; readonly code: string }[];
}

/** Embeds chunks and joins their pieces: what `workShard` of @biovlm/jobs asks for. */
export interface ShardWorker {
  /**
   * Pieces of a chunk, each a batch as a rule. Begun behind a piece it gives the others as if it had begun with the first. A volume is a piece, with
   * pieces of no rows before it; one that is handed on as `begun` is gone on from.
   * Rejects as the encoder does, with the signal's reason, and where the source fails rather than an image: `source_unreadable`, `network`, …
   */
  embed(rows: readonly BulkRow[], place?: { readonly begun?: Uint8Array }): AsyncIterable<EmbeddedPiece>;
  /** @param pieces those of the whole shard, in order */
  join(pieces: readonly Uint8Array[], rows: readonly BulkRow[]): Promise<ShardFiles>;
}

/** @example workShard(store, job, 7, { chunkRows: 128, ...shardWorker({ core, encoder, model, embeddings: "normalized", images, files, readAhead }) }) */
export function shardWorker(options: ShardWorkerOptions): ShardWorker {
  const { model, classifier, embeddings } = options;
  const D = model.spec.embedDim;
  return {
    embed: (rows, { begun } = {}) => (options.volumes ? embedVolumes(rows, begun, options) : embedChunk(rows, options)),
    async join(pieces, rows) {
      const read = pieces.map((bytes) => readChunk(bytes, D));
      const outcomes = read.flatMap((piece) => piece.outcomes);
      const data = joinedRows(
        read.map(({ rows: some }) => some),
        D,
      );
      const shard = { rows, outcomes, data, D, model, volumes: options.volumes ?? false };
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
  if (refused && rows.length > 1) throw allRefused();
}

/** [n,D]. @throws EngineError `bad_output` where the parts are not rows of D */
function joinedRows(parts: readonly Float32Array[], D: number): Float32Array {
  const out = joinedFloats(parts);
  if (out.length % D !== 0)
    throw new EngineError("bad_output", `rows — expected rows of ${D}, got ${out.length} numbers. Check the model.`);
  return out;
}
