// What a bulk job does with its images: rows of a chunk → bytes, chunks of a shard → its files. The same rows give the same bytes, whoever works
// on them and however often: batches are cut by place in the chunk. Knows no store and no plan.

import { joinedFloats } from "@biovlm/files";
import { pixelSpec } from "@biovlm/model";
import { EngineError } from "../contract/errors.js";
import { encodedImages, NO_ROW } from "../images/encoded-images.js";
import type { BulkRow } from "./bulk-images.js";
import { chunkBytes, type RowOutcome, readChunk } from "./chunk-bytes.js";
import { answersFile, embeddingsFile } from "./part-files.js";
import { RowBatches } from "./row-batches.js";
import { allRefused } from "./source-fault.js";
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
  /**
   * Told the rows that are likely embedded next, none where that is not known: they are read and prepared once those before them are, and kept until
   * `embed` is called, for them or for others.
   */
  ahead(rows: readonly BulkRow[]): void;
  /** @param pieces those of the whole shard, in order */
  join(pieces: readonly Uint8Array[], rows: readonly BulkRow[]): Promise<ShardFiles>;
}

/** @example workShard(store, job, 7, { chunkRows: 128, ...shardWorker({ core, encoder, model, embeddings: "normalized", images, files, readAhead }) }) */
export function shardWorker(options: ShardWorkerOptions): ShardWorker {
  const { model, classifier, embeddings } = options;
  const D = model.spec.embedDim;
  const chunks = new Chunks(options);
  return {
    embed: (rows, { begun } = {}) => (options.volumes ? embedVolumes(rows, begun, options) : chunks.embed(rows)),
    ahead: (rows) => (options.volumes ? undefined : chunks.ahead(rows)),
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

/** Chunks of rows of one frame, of which the next one is prepared while the last batch of this one is with the encoder. */
class Chunks {
  private readonly options: ShardWorkerOptions;
  /** rows that are embedded, until they are prepared */
  private preparing: readonly BulkRow[] | undefined;
  private next: readonly BulkRow[] = [];
  private begun: RowBatches | undefined;

  constructor(options: ShardWorkerOptions) {
    this.options = options;
  }

  ahead(rows: readonly BulkRow[]): void {
    if (same(rows, this.next)) return;
    this.drop();
    this.next = rows;
    if (this.preparing === undefined) this.beginNext();
  }

  /** Takes the rows at once, whenever their pieces are asked for: what is said to come next is behind them. */
  embed(rows: readonly BulkRow[]): AsyncGenerator<EmbeddedPiece, void, undefined> {
    return this.pieces(rows, this.take(rows));
  }

  private async *pieces(rows: readonly BulkRow[], batches: RowBatches): AsyncGenerator<EmbeddedPiece, void, undefined> {
    const { encoder, model, classifier, signal } = this.options;
    const pixels = classifier?.pixels ?? pixelSpec(model.spec);
    const D = model.spec.embedDim;
    let outcomes: RowOutcome[] = [];
    let encoded: Float32Array[] = [];
    let refused = true;
    try {
      for (let batch = await batches.take(); batch !== undefined; batch = await batches.take()) {
        refused &&= batch.outcomes.every(({ code }) => code === "not_permitted");
        const { data, without } = await encodedImages(
          encoder,
          batch.pixels.map(({ rgb }) => rgb),
          pixels,
          { signal },
        );
        outcomes.push(...coded(batch.outcomes, without));
        encoded.push(...data);
        // nothing is said of images that may not be read before one of the chunk may
        if (refused && rows.length > 1) continue;
        yield { rows: outcomes.length, bytes: chunkBytes({ outcomes, rows: joinedRows(encoded, D) }) };
        outcomes = [];
        encoded = [];
      }
    } finally {
      if (this.preparing === batches.rows) this.preparing = undefined;
      await batches.close();
    }
    if (refused && rows.length > 1) throw allRefused();
  }

  /** What was begun of these rows, or begins with them. */
  private take(rows: readonly BulkRow[]): RowBatches {
    const begun = this.begun;
    if (begun !== undefined && same(rows, this.next)) {
      this.begun = undefined;
      this.next = [];
      return begun;
    }
    this.drop();
    return this.begin(rows);
  }

  private begin(rows: readonly BulkRow[]): RowBatches {
    this.preparing = rows;
    return new RowBatches(rows, this.options, () => {
      if (this.preparing !== rows) return;
      this.preparing = undefined;
      this.beginNext();
    });
  }

  private beginNext(): void {
    if (this.next.length > 0 && this.begun === undefined) this.begun = this.begin(this.next);
  }

  private drop(): void {
    void this.begun?.close().catch(() => {});
    if (this.begun !== undefined && this.preparing === this.begun.rows) this.preparing = undefined;
    this.begun = undefined;
    this.next = [];
  }
}

/** With a code where there are pixels and no row. @param without places among those that have pixels */
function coded(outcomes: readonly RowOutcome[], without: readonly number[]): readonly RowOutcome[] {
  let place = -1;
  return outcomes.map((outcome) => {
    if (outcome.code !== undefined) return outcome;
    place++;
    return without.includes(place) ? { ...outcome, code: NO_ROW.code } : outcome;
  });
}

/** Whether both are the same rows of one plan. */
const same = (some: readonly BulkRow[], others: readonly BulkRow[]): boolean =>
  some.length === others.length && some.every((row, i) => row === others[i]);

/** [n,D]. @throws EngineError `bad_output` where the parts are not rows of D */
function joinedRows(parts: readonly Float32Array[], D: number): Float32Array {
  const out = joinedFloats(parts);
  if (out.length % D !== 0)
    throw new EngineError("bad_output", `rows — expected rows of ${D}, got ${out.length} numbers. Check the model.`);
  return out;
}
