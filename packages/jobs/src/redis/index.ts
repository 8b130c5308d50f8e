// @biovlm/jobs/redis: shards handed out by BullMQ on Redis or Valkey. The queue holds numbers of shards and nothing else: what it loses or hands out
// twice costs work, never a result, since the store commits each shard once.

import type { ConnectionOptions, Job as QueueJob, Queue as ShardQueue } from "bullmq";
import { JobsError } from "../errors.js";
import type { Job } from "../job.js";
import type { JobStore } from "../job-store.js";
import { noteGivenUp, noteSubmitted } from "../shard-failures.js";
import { openShards, unendedShards } from "../upkeep.js";
import { workShard } from "../work.js";
import type { WorkedShard } from "../work-all.js";
import type { WorkOptions } from "../work-options.js";

/** Optional peers: whoever hands out shards this way installs them. */
export const QUEUE_LIBRARIES = [
  { name: "bullmq", version: "6.7.0" },
  { name: "ioredis", version: "6.0.0" },
] as const;

/** How a queue is reached and worked on. */
export interface QueueOptions {
  /** redis://host:6379, or rediss:// */
  readonly url: string;
  /** times a shard is tried before it is given up; default 3 */
  readonly attempts?: number;
  /**
   * A worker that does not renew its hold on a shard for so long has died, milliseconds; default 20 000. One that lives and was only slow shares
   * the shard with the next: what both need is in the store, so little is done twice.
   */
  readonly lockMs?: number;
  /** how long the server may take to be reached at first, milliseconds; default 15 000. One that goes away later is waited for. */
  readonly connectMs?: number;
}

/** One queue a job, so that two never mix. */
const queueName = (job: Job): string => `biovlm-${job.id.slice(0, 16)}`;

async function library() {
  try {
    return await import("bullmq");
  } catch (cause) {
    const names = QUEUE_LIBRARIES.map(({ name, version }) => `${name}@${version}`).join(" ");
    throw new JobsError("unavailable", `redis — expected bullmq and ioredis to load, got a failure. Run npm install ${names}.`, { cause });
  }
}

/** @throws JobsError `bad_option` for a text that is no address of Redis */
function connectionOf(url: string): ConnectionOptions {
  if (!/^rediss?:\/\/./.test(url))
    throw new JobsError("bad_option", "redis — expected redis://host:port or rediss://host:port, got another text. Correct it.");
  // a worker waits for a server that comes back
  return { url, maxRetriesPerRequest: null };
}

/** @throws JobsError `unavailable` where nobody answers in time: a wrong address is waited for in vain */
async function reached(queue: ShardQueue<ShardData>, { url, connectMs = 15_000 }: QueueOptions): Promise<void> {
  let heard: unknown;
  // who is not let in waits in vain
  const denied = new Promise<false>((done) => {
    queue.on("error", (error) => {
      heard = error;
      if (NOT_LET_IN.has(refusalWord(error) ?? "")) done(false);
    });
  });
  // a socket that fails keeps the loop alive by itself
  const late = new Promise<false>((done) => setTimeout(() => done(false), connectMs).unref());
  const ready = queue.waitUntilReady().then(
    () => true as const,
    (error: unknown) => {
      heard = error;
      return NOT_LET_IN.has(refusalWord(error) ?? "") ? false : late;
    },
  );
  if (await Promise.race([ready, denied, late])) return;
  const code: unknown = typeof heard === "object" && heard !== null ? Reflect.get(heard, "code") : undefined;
  await queue.close().catch(() => {});
  const refused = refusal(heard, url);
  if (refused !== heard) throw refused;
  throw new JobsError(
    "unavailable",
    `redis — expected a server at ${new URL(url).host}, got ${typeof code === "string" ? code : "no answer"}. Start it, or correct the address.`,
  );
}

const REMEDIES: Readonly<Record<string, string>> = {
  NOAUTH: "Put the password into the address: redis://:PASSWORD@host:6379",
  WRONGPASS: "Correct name and password in the address: redis://NAME:PASSWORD@host:6379",
  NOPERM: "Let the user do @all on keys that begin with bull:, and on channels",
  OOM: "Give the server more memory: maxmemory",
  MISCONF: "The server cannot write its file: look at its disk",
  READONLY: "Name the server that takes writes, not its copy",
};
const NOT_LET_IN: ReadonlySet<string> = new Set(["NOAUTH", "WRONGPASS", "NOPERM"]);

/** Redis' own word for a refusal, the first of its answer: WRONGPASS, OOM, … */
function refusalWord(error: unknown): string | undefined {
  const text = error instanceof Error ? error.message : "";
  return Object.keys(REMEDIES).find((word) => text.startsWith(`${word} `));
}

/** What a server's refusal means, and what to do; any other error as it is. */
function refusal(error: unknown, url: string): unknown {
  const word = refusalWord(error);
  if (word === undefined) return error;
  return new JobsError("unavailable", `redis — expected ${new URL(url).host} to take the work, got ${word}. ${REMEDIES[word]}.`, {
    cause: error,
  });
}

/** A shard in the queue. `behind`: deaths of its workers after which it was put behind the others. */
interface ShardData {
  readonly shard: number;
  readonly behind?: number;
}

/** Deaths of workers from which on a shard waits for the others: it may be what they die of. */
const SUSPECT_DEATHS = 3;

/** Puts shards into the queue; one that is there already is not put again. */
async function putShards(queue: ShardQueue<ShardData>, shards: readonly number[], attempts: number): Promise<void> {
  const options = { attempts, backoff: { type: "exponential", delay: 1000 }, removeOnComplete: true, removeOnFail: true };
  for (let at = 0; at < shards.length; at += 1000)
    await queue.addBulk(
      shards.slice(at, at + 1000).map((shard) => ({ name: "shard", data: { shard }, opts: { ...options, jobId: `shard-${shard}` } })),
    );
}

const DEFAULT_ATTEMPTS = 3;

/**
 * Puts every shard without a commit into the job's queue; one that is there already is not put again. Returns how many there are.
 * @throws JobsError `unavailable` where the server is not reached, or refuses
 */
export async function submitShards(store: JobStore, job: Job, options: QueueOptions): Promise<number> {
  const { url, attempts = DEFAULT_ATTEMPTS } = options;
  const connection = connectionOf(url);
  const { Queue } = await library();
  const queue = new Queue<ShardData>(queueName(job), { connection });
  await reached(queue, options);
  try {
    const open = await openShards(store, job);
    await putShards(queue, open, attempts);
    await noteSubmitted(store, job);
    return open.length;
  } catch (error) {
    throw refusal(error, url);
  } finally {
    await queue.close();
  }
}

/**
 * Works on shards as the queue hands them out, until it is empty and every shard has an end in the store: a commit, or a note that it failed as often as
 * it was submitted for. One that the queue has lost (a server without its file, a queue that was emptied) is put into it again, `attempts` times to be
 * tried. One whose worker died goes to the next worker however often that happens; from the third death on, the others come first.
 * Needs a loop that is free a few times in `lockMs`: between two batches is enough.
 * @throws the signal's reason; JobsError `unavailable` where the server is not reached at first
 */
export async function* workQueue(
  store: JobStore,
  job: Job,
  options: WorkOptions & QueueOptions,
): AsyncGenerator<WorkedShard, void, undefined> {
  const { url, attempts = DEFAULT_ATTEMPTS, lockMs = 20_000, signal } = options;
  const connection = connectionOf(url);
  const { Queue, Worker } = await library();
  const queue = new Queue<ShardData>(queueName(job), { connection });
  await reached(queue, options);
  const worker = new Worker<ShardData>(queueName(job), null, {
    ...{ connection, lockDuration: lockMs, stalledInterval: lockMs / 4, autorun: false, drainDelay: 1 },
    // a dead worker is no fault of its shard
    maxStalledCount: Number.MAX_SAFE_INTEGER,
  });
  // without a listener it would end the process
  worker.on("error", () => {});
  const token = `${process.pid}-${job.id.slice(0, 8)}-${Date.now()}`;
  const putAgain = new Set<number>();
  try {
    await worker.startStalledCheckTimer();
    for (;;) {
      signal?.throwIfAborted();
      const handed = await worker.getNextJob(token);
      if (handed !== undefined) {
        if (await putBehind(queue, handed, token)) continue;
        yield await workHanded(store, job, handed, { ...options, token, lockMs });
        continue;
      }
      const counts = await queue.getJobCounts("waiting", "active", "delayed", "prioritized");
      if (Object.values(counts).some((count) => count > 0)) continue;
      // once each: a store that takes no note of a failure would have them tried for ever
      const lost = (await unendedShards(store, job)).filter((shard) => !putAgain.has(shard));
      if (lost.length === 0) return;
      for (const shard of lost) putAgain.add(shard);
      await putShards(queue, lost, attempts);
    }
  } catch (error) {
    throw refusal(error, url);
  } finally {
    await Promise.allSettled([worker.close(true), queue.close()]);
  }
}

/** Puts a shard whose workers keep dying behind those that wait, once for each death; true where it did. */
async function putBehind(queue: ShardQueue<ShardData>, handed: QueueJob<ShardData>, token: string): Promise<boolean> {
  const { data, stalledCounter: deaths } = handed;
  if (deaths < SUSPECT_DEATHS || deaths === data.behind || (await queue.getWaitingCount()) === 0) return false;
  await handed.updateData({ ...data, behind: deaths });
  await handed.moveToDelayed(Date.now(), token);
  return true;
}

/** One shard, with its hold on it renewed while it is worked on. */
async function workHanded(
  store: JobStore,
  job: Job,
  handed: QueueJob<ShardData>,
  options: WorkOptions & { readonly token: string; readonly lockMs: number },
): Promise<WorkedShard> {
  const { token, lockMs, signal } = options;
  const shard = Number(handed.data.shard);
  // a hold that is lost costs work, not a result
  const renewal = setInterval(() => void handed.extendLock(token, lockMs).catch(() => {}), lockMs / 3);
  try {
    const outcome = await workShard(store, job, shard, options);
    await handed.moveToCompleted(outcome, token, false).catch(() => {});
    return { shard, outcome };
  } catch (error) {
    signal?.throwIfAborted();
    await handed.moveToFailed(error instanceof Error ? error : new Error(String(error)), token, false).catch(() => {});
    // the library counted this try in moveToFailed
    if (handed.attemptsMade >= (handed.opts.attempts ?? 1)) await noteGivenUp(store, job, shard);
    return { shard, error };
  } finally {
    clearInterval(renewal);
  }
}
