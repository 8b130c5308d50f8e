// `biovlm bulk status`, `verify`, `merge`, `gc`: what is to be known and done of a job beside the work.
// The work alone: what it is asked for by is bulk.ts.

import { resolve } from "node:path";
import { counted } from "@biovlm/files";
import { collectGarbage, jobStatus, mergeJob, prometheusText, readJob, verifyJob } from "@biovlm/jobs";
import { openStore, sweepStore } from "../bulk-places.js";
import type { CommandRun } from "../command.js";
import { usageError } from "../errors.js";
import { EXIT } from "../exit-codes.js";
import { writeResult } from "../result-file.js";
import { printable } from "../terminal.js";
import type { BULK_GC_OPTIONS, BULK_MERGE_OPTIONS, BULK_STATUS_OPTIONS, BULK_SUBMIT_OPTIONS, BULK_VERIFY_OPTIONS } from "./bulk.js";

/** Shards that failed, named one by one for a person. */
const NAMED_FAILURES = 20;

export const showStatus: CommandRun<typeof BULK_STATUS_OPTIONS> = async (context, options, [place = ""]) => {
  const { terminal, cwd } = context;
  const store = await openStore(place, context, "reads");
  const status = await jobStatus(store, await readJob(store));
  if (options.prometheus !== undefined)
    await writeResult(resolve(cwd, options.prometheus), new TextEncoder().encode(prometheusText(status)));
  if (options.json) await terminal.line(JSON.stringify(status));
  else {
    const { job, shards, rows, begun, failures, bytes, damaged } = status;
    const waiting = shards.total - shards.committed - shards.failed - damaged.length;
    await terminal.line(`job     ${job.slice(0, 16)}`);
    await terminal.line(`shards  ${shards.committed} of ${shards.total} committed, ${shards.failed} failed, ${waiting} waiting`);
    if (begun.length > 0) {
      await terminal.line(
        `begun   ${begun.length} without an end (${someOf(begun)}): worked on now, or their worker was killed; work on them again`,
      );
    }
    if (damaged.length > 0)
      await terminal.line(
        `damaged ${counted(damaged.length, "commit")} (${someOf(damaged)}): remove commits/NNNNN.json of them and work on them again; bulk verify says more`,
      );
    for (const { shard, code, tries, givenUp } of failures.slice(0, NAMED_FAILURES)) {
      const often = tries === undefined ? "" : `, tried ${counted(tries, "time")}`;
      await terminal.line(`failed  shard ${shard}: ${printable(code)}${often}${givenUp ? ", given up by the queue" : ""}`);
    }
    if (failures.length > NAMED_FAILURES)
      await terminal.line(`failed  ${counted(failures.length - NAMED_FAILURES, "more shard")}; all of them: --json`);
    await terminal.line(`rows    ${rows.embedded} of ${rows.total} embedded, ${rows.failed} failed`);
    await terminal.line(`parts   ${(bytes / 1e6).toFixed(1)} MB`);
  }
  return undefined;
};

const someOf = (shards: readonly number[]): string => `${shards.slice(0, 20).join(", ")}${shards.length > 20 ? ", …" : ""}`;

export const submitToQueue: CommandRun<typeof BULK_SUBMIT_OPTIONS> = async (context, options, [place = ""]) => {
  if (options.redis === undefined)
    throw usageError("bad_usage", "--redis — expected the server of the queue, got none", "For instance: --redis redis://host:6379.");
  const store = await openStore(place, context);
  const job = await readJob(store);
  const { submitShards } = await import("@biovlm/jobs/redis");
  const submitted = await submitShards(store, job, { url: options.redis, attempts: options.attempts });
  if (options.json) await context.terminal.line(JSON.stringify({ job: job.id, submitted }));
  else await context.terminal.line(`${counted(submitted, "shard is", "shards are")} in the queue`);
  return undefined;
};

export const verifyParts: CommandRun<typeof BULK_VERIFY_OPTIONS> = async (context, options, [place = ""]) => {
  const { terminal, signal } = context;
  const store = await openStore(place, context, "reads");
  const job = await readJob(store);
  const progress = terminal.progress("verify", job.shards.length, "shards");
  const faults = await verifyJob(store, job, { signal, onShard: () => progress.advance() }).finally(() => progress.end());
  if (options.json) await terminal.line(JSON.stringify({ job: job.id, shards: job.shards.length, faults }));
  else {
    for (const { shard, fault } of faults) terminal.error(`shard ${shard}: ${printable(fault)}`);
    if (faults.length === 0)
      await terminal.line(`${counted(job.shards.length, "shard")}: every plan and every committed part is what it was`);
  }
  return faults.length === 0 ? EXIT.ok : EXIT.integrity;
};

export const mergeParts: CommandRun<typeof BULK_MERGE_OPTIONS> = async (context, options, [place = ""]) => {
  const { terminal } = context;
  const store = await openStore(place, context);
  const job = await readJob(store);
  const commits = await mergeJob(store, job);
  const parts = commits.reduce((sum, commit) => sum + commit.parts.length, 0);
  const rows = commits.reduce((sum, commit) => sum + commit.rows, 0);
  if (options.json) await terminal.line(JSON.stringify({ job: job.id, manifest: "manifest.json", parts, rows }));
  else await terminal.line(`manifest.json: ${counted(parts, "part")}, ${counted(rows, "row")}`);
  return undefined;
};

export const removeGarbage: CommandRun<typeof BULK_GC_OPTIONS> = async (context, options, [place = ""]) => {
  const { terminal } = context;
  const store = await openStore(place, context);
  // of a plan that was killed there may be no job
  const temporaries = await sweepStore(place, context.cwd);
  if (temporaries > 0) terminal.note(`${counted(temporaries, "file or folder", "files or folders")} of killed processes removed`);
  const removed = await collectGarbage(store, await readJob(store));
  if (options.json) await terminal.line(JSON.stringify({ removed, temporaries }));
  else await terminal.line(removed.length === 0 ? "nothing to remove" : `${counted(removed.length, "file")} removed`);
  return undefined;
};
