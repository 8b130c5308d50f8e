// @biovlm/engine/bulk: what a worker of a bulk job does with images: chunks of rows → bytes, chunks of a shard → files. Which rows, and where the
// files go, is @biovlm/jobs'.

export type { BulkFile, BulkImages, BulkRow } from "./bulk-images.js";
export { imageFolder } from "./image-folder.js";
export type { Admit, ReadAheadLimits } from "./read-ahead.js";
export { type ShardFiles, type ShardWorker, shardWorker } from "./shard-worker.js";
export { checkSource } from "./source-fault.js";
export type { ShardWorkerOptions } from "./worker-options.js";
