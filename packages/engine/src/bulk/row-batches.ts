// The rows of a chunk, read, decoded and resized, as the batches that the encoder is given: the next batch is prepared while the encoder has one, so
// that neither waits for the other. What is held is one batch of pixels more than is encoded, and what is read ahead.

import { pixelSpec } from "@biovlm/model";
import { rowPreparation } from "../images/classified-images.js";
import { fastImages } from "../images/fast-images.js";
import { imageRows, type PixelRow } from "../images/image-rows.js";
import type { ImageSource } from "../images/image-source.js";
import type { BulkRow } from "./bulk-images.js";
import type { RowOutcome } from "./chunk-bytes.js";
import { ReadAhead } from "./read-ahead.js";
import { checkSource } from "./source-fault.js";
import type { ShardWorkerOptions } from "./worker-options.js";

/** What became of the rows of a batch, and the pixels of those without a code: both in order. */
export interface RowBatch {
  readonly outcomes: readonly RowOutcome[];
  readonly pixels: readonly PixelRow[];
}

/** Batches of some rows, one prepared ahead of who takes them. */
export class RowBatches {
  readonly rows: readonly BulkRow[];
  private readonly batches: AsyncGenerator<RowBatch, void, undefined>;
  private readonly onPrepared: () => void;
  private next: Promise<IteratorResult<RowBatch, void>>;

  /** @param onPrepared told when the last batch is ready: reading and decoding have nothing more to do */
  constructor(rows: readonly BulkRow[], options: ShardWorkerOptions, onPrepared: () => void) {
    this.rows = rows;
    this.batches = prepared(rows, options);
    this.onPrepared = onPrepared;
    this.next = this.begin();
  }

  /** The next batch; undefined behind the last. Rejects with the signal's reason, and where the source fails rather than an image. */
  async take(): Promise<RowBatch | undefined> {
    const { done, value } = await this.next;
    if (done === true) return undefined;
    this.next = this.begin();
    return value;
  }

  /** Begins nothing more, and settles when what was begun has ended. */
  async close(): Promise<void> {
    await this.batches.return();
  }

  private begin(): Promise<IteratorResult<RowBatch, void>> {
    const next = this.batches.next();
    // a rejection is met when the batch is taken
    next.then(({ done }) => done === true && this.onPrepared()).catch(() => {});
    return next;
  }
}

async function* prepared(rows: readonly BulkRow[], options: ShardWorkerOptions): AsyncGenerator<RowBatch, void, undefined> {
  const { core, model, classifier, images, files, readAhead, signal } = options;
  const pixels = classifier?.pixels ?? pixelSpec(model.spec);
  const ahead = new ReadAhead(rows.length, (index, admit) => images.read(rows[index] as BulkRow, admit, signal), readAhead);
  const sources = rows.map(({ uri }, i): ImageSource => ({ name: uri, open: async () => ({ kind: "file", bytes: await ahead.take(i) }) }));
  const { prepare: fast } = await fastImages();
  let outcomes: RowOutcome[] = [];
  let batch: PixelRow[] = [];
  let done = 0;
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
      // by place, so that an image that fails changes nobody else's batch
      if (done % files.batch !== 0 && done < rows.length) continue;
      yield { outcomes, pixels: batch };
      outcomes = [];
      batch = [];
    }
  } finally {
    ahead.close();
  }
}
