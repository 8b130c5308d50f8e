// The pieces of one shard: each chunk embedded here or taken from the store, where who was killed, or works beside, has left it. What is done is
// kept while the next rows are worked on, so that a store that is slow holds nobody up.

import { inOrder } from "@biovlm/files";
import { readCommit } from "./commit.js";
import { JobsError } from "./errors.js";
import type { Job, PlanRow } from "./job.js";
import type { JobStore } from "./job-store.js";
import { CALLS_AT_ONCE, type Piece, rowsOf, ShardNotes } from "./shard-notes.js";
import type { WorkOptions } from "./work-options.js";

/** All pieces of a shard in order, and how to remove what was kept of them. */
export interface ShardPieces {
  readonly pieces: readonly Uint8Array[];
  clear(): Promise<void>;
}

/** What the store has of a chunk, and whether the whole shard is committed by now. */
interface Found {
  readonly chunk: number;
  readonly pieces: readonly Piece[];
  readonly committed: boolean;
}

const NOTE_MS = 1000;

/** Undefined where another worker commits the shard meanwhile. @throws as `embed` and the store do; JobsError `bad_argument` */
export async function shardPieces(
  store: JobStore,
  job: Job,
  shard: number,
  rows: readonly PlanRow[],
  options: WorkOptions,
): Promise<ShardPieces | undefined> {
  const { chunkRows, onPiece, turn = 0, noteMs = NOTE_MS, now = () => performance.now(), signal } = options;
  if (!Number.isSafeInteger(chunkRows) || chunkRows < 1)
    throw new JobsError("bad_argument", `rows of a chunk — expected a whole number from 1, got ${chunkRows}. Correct the call.`);
  const count = Math.ceil(rows.length / chunkRows);
  const notes = await ShardNotes.open(store, job, shard, count, { noteMs, now });
  const chunks = new Array<readonly Piece[]>(count);
  const rowsIn = (chunk: number) => rows.slice(chunk * chunkRows, (chunk + 1) * chunkRows);
  /** Known before its turn comes, so that nobody waits for the store between two chunks. */
  let ahead: Promise<Found> | undefined;
  /** A chunk that is being kept: whether this worker was the one to do so. */
  let keeping: Promise<boolean> | undefined;
  let turned = false;
  const find = async (chunk: number, first = false): Promise<Found> => {
    const [pieces, commit] = await Promise.all([
      notes.read(chunk, rowsIn(chunk).length, count > 1),
      first ? undefined : readCommit(store, job, shard),
    ]);
    return { chunk, pieces, committed: commit !== undefined };
  };
  for await (const { chunk, pieces } of inOrder(notes.found, CALLS_AT_ONCE, (chunk) => find(chunk, true)))
    if (rowsOf(pieces) === rowsIn(chunk).length) {
      chunks[chunk] = pieces;
      onPiece?.(rowsOf(pieces), false);
    }
  let missing = ordered([...chunks.keys()], turn).filter((chunk) => chunks[chunk] === undefined);
  const look = () => {
    if (ahead !== undefined || missing[0] === undefined) return;
    ahead = find(missing[0]);
    // what another worker has of it by now need not be read
    ahead.then(({ chunk, pieces }) => chunk === missing[0] && options.ahead?.(rowsIn(chunk).slice(rowsOf(pieces)))).catch(() => {});
  };
  try {
    for (let chunk = missing.shift(), begun = false; chunk !== undefined; chunk = missing.shift(), begun = true) {
      signal?.throwIfAborted();
      const known = await ahead;
      ahead = undefined;
      const found = known?.chunk === chunk ? known : await find(chunk, !begun);
      if (found.committed) return undefined;
      const pieces = [...found.pieces];
      chunks[chunk] = pieces;
      const kept = rowsOf(pieces);
      if (kept > 0) onPiece?.(kept, false);
      const some = rowsIn(chunk);
      if (kept === some.length) continue;
      const next = missing[0] === undefined ? [] : rowsIn(missing[0]);
      for await (const piece of embedRest(some, pieces, { shard, first: chunk * chunkRows }, next, options)) {
        // how far a row was stands until the row is further, or done
        if (pieces.at(-1)?.rows === 0) pieces.pop();
        pieces.push(piece);
        onPiece?.(piece.rows, true);
        if (rowsOf(pieces) >= some.length) continue;
        notes.piece(chunk, pieces);
        look();
      }
      if (count === 1) continue;
      // the same chunk at the same time as another worker: go on far from it, once for this chunk and the one behind it
      turned = (await keeping) === false && !turned;
      if (turned) missing = halfTurned(missing);
      keeping = notes.chunk(chunk, some.length, pieces);
      keeping.catch(() => {});
    }
    await keeping;
  } finally {
    options.ahead?.([]);
    await Promise.allSettled([ahead, keeping, notes.settled()]);
  }
  return {
    pieces: chunks.flatMap((pieces) => pieces.map(({ bytes }) => bytes)),
    clear: () => notes.clear(count > 1 ? chunks.keys() : []),
  };
}

/** The pieces behind those that there are. @param next rows that are likely embedded after them. @throws JobsError `bad_argument` for more or fewer rows than were asked for */
async function* embedRest(
  some: readonly PlanRow[],
  there: readonly Piece[],
  { shard, first }: { readonly shard: number; readonly first: number },
  next: readonly PlanRow[],
  { embed, ahead, signal }: WorkOptions,
): AsyncGenerator<Piece> {
  const from = rowsOf(there);
  const last = there.at(-1);
  const begun = last?.rows === 0 ? { begun: last.bytes } : {};
  let done = from;
  const pieces = embed(some.slice(from), { shard, first: first + from, ...begun });
  ahead?.(next);
  for await (const piece of pieces) {
    signal?.throwIfAborted();
    done += piece.rows;
    yield piece;
  }
  if (done !== some.length)
    throw new JobsError("bad_argument", `chunk — expected pieces of ${some.length - from} rows, got ${done - from}. Correct the caller.`);
}

/** Half of all workers go forward and half backward, from different places. */
export function ordered<T>(items: readonly T[], turn: number): T[] {
  const from = Math.floor(turn / 2) % Math.max(1, items.length);
  const turned = [...items.slice(from), ...items.slice(0, from)];
  return turn % 2 === 0 ? turned : turned.reverse();
}

/** The second half before the first. */
export function halfTurned<T>(items: readonly T[]): T[] {
  const half = items.length >> 1;
  return [...items.slice(half), ...items.slice(0, half)];
}
