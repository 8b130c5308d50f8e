// `biovlm bulk work`: embeds the shards of a job: one that is named, or all that are left.
// The work alone: what it is asked for by is bulk.ts.

import { createHash } from "node:crypto";
import { hostname } from "node:os";
import type { Runtime } from "@biovlm/engine";
import { type BulkImages, shardWorker } from "@biovlm/engine/bulk";
import { counted, FilesError } from "@biovlm/files";
import {
  checkCreates,
  chosenShard,
  type Job,
  type JobStore,
  JobsError,
  openShards,
  readJob,
  type ShardOutcome,
  type WorkedShard,
  type WorkOptions,
  workAll,
  workShard,
} from "@biovlm/jobs";
import { createClassifier, readBank, sha256 } from "@biovlm/model";
import { type BulkWork, bankKey, bareDigest, checkImageTower, openedImageTower, workOf } from "../bulk-job.js";
import { openImages, openStore } from "../bulk-places.js";
import type { CommandContext, CommandRun, OptionValues } from "../command.js";
import { reportError, usageError } from "../errors.js";
import { EXIT, type ExitCode } from "../exit-codes.js";
import { fallbackNote, openRuntime } from "../opening.js";
import { printable } from "../terminal.js";
import type { BULK_WORK_OPTIONS } from "./bulk.js";

type Options = OptionValues<typeof BULK_WORK_OPTIONS>;

/** A worker with everything open. */
interface Worker {
  readonly context: CommandContext;
  readonly store: JobStore;
  readonly job: Job;
  readonly work: BulkWork;
  readonly runtime: Runtime;
  readonly images: BulkImages;
  readonly readAhead: number;
}

/** Reads begun at once: most of the time of a small file on a shared folder is the way to it. */
const READS_AT_ONCE = 16;

export const workOnShards: CommandRun<typeof BULK_WORK_OPTIONS> = async (context, options, [place = ""]) => {
  const { terminal, cwd, env } = context;
  if ([options.all, options.shard !== undefined, options.redis !== undefined].filter(Boolean).length > 1)
    throw usageError("bad_usage", "--shard, --all and --redis — expected one of them, got several");
  const store = await openStore(place, context);
  const job = await readJob(store);
  await checkCreates(store);
  const work = workOf(job);
  const shards = options.all || options.redis !== undefined ? await openShards(store, job) : [chosenShard(options.shard ?? "auto", env)];
  const images = await openImages(job.source, options.root, work.files, context);
  await images.check();
  const { model, device, precision } = work;
  const { threads, maxCacheBytes, modelAt = model, readAhead } = options;
  const imageTower = openedImageTower(work);
  const runtime = await openRuntime({ model: modelAt, device, precision, deterministic: true, threads, maxCacheBytes, imageTower }, cwd);
  try {
    const note = fallbackNote(runtime);
    if (note !== undefined) terminal.warn(note);
    if (runtime.model.digest !== work.modelDigest)
      throw new JobsError(
        "job_differs",
        `model — expected ${work.modelDigest} as planned, got ${runtime.model.digest}. Name the planned model with --model-at.`,
      );
    checkImageTower(work, runtime.encoder, runtime.imageTower());
    return await workThrough({ context, store, job, work, runtime, images, readAhead }, shards, options);
  } finally {
    await runtime.close();
  }
};

/** A number of this process, so that workers begin at different shards and chunks. */
const ownTurn = (): number => createHash("sha256").update(`${hostname()} ${process.pid}`).digest().readUInt32LE(0);

async function workThrough(worker: Worker, shards: readonly number[], options: Options): Promise<ExitCode> {
  const { terminal, signal } = worker.context;
  const { job, store } = worker;
  const started = performance.now();
  const progress = terminal.progress(
    "bulk",
    shards.reduce((sum, shard) => sum + (job.shards[shard]?.rows ?? 0), 0),
  );
  const counts: Record<ShardOutcome | "failed", number> = { committed: 0, present: 0, lost: 0, failed: 0 };
  let embedded = 0;
  const steps = await shardSteps(worker, (rows, fresh) => {
    if (fresh) embedded += rows;
    if (fresh) progress.advance(rows);
    else progress.skip(rows);
  });
  let last: unknown;
  const all = { ...steps, turn: ownTurn(), signal };
  const { redis } = options;
  const handed =
    redis !== undefined
      ? (await import("@biovlm/jobs/redis")).workQueue(store, job, { ...all, url: redis })
      : options.all
        ? workAll(store, job, all)
        : workOne(worker, shards[0] ?? 0, { ...steps, signal });
  for await (const worked of handed) {
    if ("outcome" in worked) counts[worked.outcome]++;
    else {
      counts.failed++;
      last = worked.error;
      const { code, message } = reportError(last);
      terminal.error(`shard ${worked.shard}: error[${code}]: ${printable(message)}`);
    }
  }
  progress.end();
  const seconds = (performance.now() - started) / 1000;
  if (options.json) await terminal.line(JSON.stringify({ job: job.id, ...counts, embedded, seconds }));
  else
    terminal.note(
      `${counted(counts.committed, "shard")} committed, ${counts.present + counts.lost} by others, ${counts.failed} failed (${counted(embedded, "row")})`,
    );
  if (counts.failed === 0) return EXIT.ok;
  return counts.committed + counts.present + counts.lost === 0 ? reportError(last).exitCode : EXIT.partial;
}

/** As `workAll`, of one shard. */
async function* workOne({ store, job }: Worker, shard: number, options: WorkOptions): AsyncGenerator<WorkedShard> {
  try {
    yield { shard, outcome: await workShard(store, job, shard, options) };
  } catch (error) {
    options.signal?.throwIfAborted();
    yield { shard, error };
  }
}

/** What `workShard` is asked to do with rows. */
async function shardSteps({ context, store, work, runtime, images, readAhead }: Worker, onPiece: (rows: number, fresh: boolean) => void) {
  const { core, encoder, model } = runtime;
  const { bank, output, raw, files, volumes, chunkRows } = work;
  const classifier = bank === undefined ? undefined : await createClassifier({ core, encoder, model, bank: await storedBank(store, bank) });
  const worker = shardWorker({
    ...{ core, encoder, model, images, files, volumes, signal: context.signal },
    ...(classifier === undefined ? {} : { classifier }),
    embeddings: output === "answers" ? "none" : raw ? "raw" : "normalized",
    readAhead: { bytes: readAhead, atOnce: READS_AT_ONCE },
  });
  return { chunkRows, embed: worker.embed, ahead: worker.ahead, join: worker.join, onPiece };
}

async function storedBank(store: JobStore, digest: string) {
  const bytes = await store.get(bankKey(digest));
  if (bytes === undefined || bareDigest(await sha256(bytes)) !== digest)
    throw new FilesError("integrity", "bank of the job — expected the planned one, got none or another. Plan again into a new store.");
  return readBank(bytes);
}
