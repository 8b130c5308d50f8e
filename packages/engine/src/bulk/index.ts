// @biovlm/engine/bulk: what a worker of a bulk job does with images: chunks of rows → bytes, chunks of a shard → files. Which rows, and where the
// files go, is @biovlm/jobs'.

export type { BulkImages, BulkRow } from "./bulk-images.js";
export { imageFolder } from "./image-folder.js";
export type { Admit, ReadAheadLimits } from "./read-ahead.js";
export { type ShardFiles, type ShardWorker, type ShardWorkerOptions, shardWorker } from "./shard-worker.js";
