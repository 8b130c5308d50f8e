// Shards that could not be worked on, as notes in the store: why, and how often. A note stands until its shard is committed. It says what went wrong
// by a code alone, and is for people: work does not fail where the store takes none, and nothing is decided by what it says.

import { inOrder } from "@biovlm/files";
import { failureKey, isCount, type Job, parsedObject } from "./job.js";
import type { JobStore } from "./job-store.js";
import { CALLS_AT_ONCE } from "./shard-notes.js";

/** A shard without a commit that failed. */
export interface ShardFailure {
  readonly shard: number;
  /** the stable code of what it failed of last; "unknown" where the note cannot be read */
  readonly code: string;
  /** how often it failed, where the note says so */
  readonly tries?: number;
  /** true where a queue tried it as often as it was submitted for: nobody tries it again before it is submitted again */
  readonly givenUp: boolean;
}

const encode = (value: object) => new TextEncoder().encode(`${JSON.stringify(value)}\n`);

/** Notes that a shard failed, once more where it did before. Never rejects. */
export async function noteFailure(store: JobStore, job: Job, shard: number, error: unknown): Promise<void> {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  const tries = ((await readFailure(store, job, shard).catch(() => undefined))?.tries ?? 0) + 1;
  const note = { job: job.id, shard, code: typeof code === "string" ? code : "internal_error", tries };
  await store.put(failureKey(shard), encode(note)).catch(() => {});
}

/** Notes of a shard that failed that the queue will not hand it out again. Never rejects. */
export async function noteGivenUp(store: JobStore, job: Job, shard: number): Promise<void> {
  const { code, tries } = (await readFailure(store, job, shard).catch(() => undefined)) ?? {};
  if (code === undefined) return;
  await store.put(failureKey(shard), encode({ job: job.id, shard, code, tries, givenUp: true })).catch(() => {});
}

/** Notes that shards which were given up are in a queue again. Never rejects. */
export async function noteSubmitted(store: JobStore, job: Job): Promise<void> {
  const failures = await store
    .list("commits")
    .then((done) => readFailures(store, job, new Set(done)))
    .catch(() => []);
  const again = failures.filter(({ givenUp }) => givenUp);
  const put = ({ shard, code, tries }: ShardFailure) =>
    store.put(failureKey(shard), encode({ job: job.id, shard, code, tries })).catch(() => {});
  for await (const _ of inOrder(again, CALLS_AT_ONCE, put));
}

/** Undefined where there is no note. */
async function readFailure(store: JobStore, job: Job, shard: number): Promise<ShardFailure | undefined> {
  const bytes = await store.get(failureKey(shard));
  if (bytes === undefined) return undefined;
  try {
    const { job: id, shard: of, code, tries, givenUp } = parsedObject(bytes, failureKey(shard));
    if (id === job.id && of === shard && typeof code === "string" && /^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(code))
      return { shard, code, ...(isCount(tries) ? { tries } : {}), givenUp: givenUp === true };
  } catch {
    // torn, as below
  }
  return { shard, code: "unknown", givenUp: false };
}

/** The notes of shards by number. @param done names of commits: their shards are not asked for */
export async function readFailures(store: JobStore, job: Job, done: ReadonlySet<string>): Promise<ShardFailure[]> {
  const shards = (await store.list("failed"))
    .filter((name) => /^\d{5,9}\.json$/.test(name) && !done.has(name))
    .map((name) => Number.parseInt(name, 10))
    .filter((shard) => Object.hasOwn(job.shards, shard));
  const failures: ShardFailure[] = [];
  for await (const failure of inOrder(shards, CALLS_AT_ONCE, (shard) => readFailure(store, job, shard)))
    if (failure !== undefined) failures.push(failure);
  return failures.sort((a, b) => a.shard - b.shard);
}
