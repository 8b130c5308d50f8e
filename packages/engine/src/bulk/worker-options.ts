// What a worker of a bulk job is handed, and what it gives of a chunk: for its rows of one frame and for its volumes alike.

import type { Core } from "@biovlm/core";
import type { Classifier, Encoder, Model } from "@biovlm/model";
import type { ImageOptions } from "../options/engine-options.js";
import type { BulkImages } from "./bulk-images.js";
import type { ReadAheadLimits } from "./read-ahead.js";

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
  /** a row is all frames of all its files, and what it gives their mean; else one frame of its one file. Default false. */
  readonly volumes?: boolean;
  readonly readAhead: ReadAheadLimits;
  readonly signal?: AbortSignal | undefined;
}

/** What a batch of rows gave, to be joined with the others: `rows` counts those with a code, too. Of no rows, how far the next one is. */
export interface EmbeddedPiece {
  readonly rows: number;
  readonly bytes: Uint8Array;
}
