// @biovlm/jobs: a job over many images in a store that workers share: planned in shards, each committed once, whoever hands them out.

export type { Commit, FailedRow, Part, ShardResult } from "./commit.js";
export { JobsError, type JobsErrorCode } from "./errors.js";
export { checkCreates, folderStore, sweepFolderStore } from "./folder-store.js";
export { type Job, type JobFacts, type PlanContent, type PlanFile, type PlanRow, readJob, type ShardEntry } from "./job.js";
export type { JobStore } from "./job-store.js";
export { type PlanOptions, planJob } from "./plan.js";
export { folderRows, isRowList, type ListingOptions, listRows } from "./row-lists.js";
export type { ShardFailure } from "./shard-failures.js";
export type { Piece } from "./shard-notes.js";
export { LineSorter, type SortLimits } from "./sorted-lines.js";
export { collectGarbage, type JobFault, type JobStatus, jobStatus, mergeJob, openShards, prometheusText, verifyJob } from "./upkeep.js";
export { checkFacts, chosenShard, type ShardOutcome, workShard } from "./work.js";
export { type WorkedShard, workAll } from "./work-all.js";
export type { WorkOptions } from "./work-options.js";
