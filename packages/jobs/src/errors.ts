// The one error class of this package. `code` is stable and may be switched on; messages name keys of the store, never files of a source.

import { BiovlmError } from "@biovlm/files";

/** What went wrong.
 * - `bad_argument`: a shard, size or row that cannot be one.
 * - `bad_option`: what a person named that is none: a shard, an address of a queue.
 * - `unavailable`: an optional library that is not installed.
 * - `store_failed`: a store that answers with what no store should.
 * - `bad_list`: a list of images with a line that is none.
 * - `not_found`: the store holds no job, or not the shard that was asked for.
 * - `job_differs`: the store holds another job, or this worker would give other rows than the job promises.
 * - `incomplete`: shards are missing that have to be there.
 * - `integrity`: a plan, part or commit that is not what its digest says. */
export type JobsErrorCode =
  | "bad_argument"
  | "bad_option"
  | "unavailable"
  | "store_failed"
  | "bad_list"
  | "not_found"
  | "job_differs"
  | "incomplete"
  | "integrity";

/** `what — expected …, got …. What to do.` */
export class JobsError extends BiovlmError<JobsErrorCode> {
  constructor(code: JobsErrorCode, message: string, options?: { cause?: unknown }) {
    super("jobs", "JobsError", code, message, options);
  }
}
