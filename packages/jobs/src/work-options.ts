// What a worker brings: how rows are embedded and joined, how often what is done is kept, where it begins and what stops it.

import type { ShardResult } from "./commit.js";
import type { PlanRow } from "./job.js";
import type { Piece } from "./shard-notes.js";

/** Where a call of `embed` begins. */
export interface ChunkPlace {
  readonly shard: number;
  /** place in the shard of the first row that is handed over */
  readonly first: number;
  /** how far that row is: the bytes of the last piece of no rows; absent where it was not begun */
  readonly begun?: Uint8Array;
}

/** What embeds a shard's rows, and what stops it. */
export interface WorkOptions {
  /** rows of a chunk; every worker of a job has the same */
  readonly chunkRows: number;
  /**
   * Rows of one chunk → its pieces, in order: bytes that `join` understands, and of how many rows they are. Pieces end where batches do, and the
   * same rows give the same bytes, also where a call begins behind a piece that another worker gave. An image that cannot be read is told in
   * those bytes, never by a rejection. A row that takes long may give pieces of no rows before its own: how far it is, not handed to `join`; where a
   * worker ends there the next one is handed the last of them.
   */
  readonly embed: (rows: readonly PlanRow[], place: ChunkPlace) => AsyncIterable<Piece>;
  /**
   * Told the rows of the chunk that is likely asked for next, in time to read them while this one is embedded; none where there is no next one. It may
   * not be asked for, where another worker has it by then.
   */
  readonly ahead?: (rows: readonly PlanRow[]) => void;
  /** All pieces of a shard, in order → its parts. */
  readonly join: (pieces: readonly Uint8Array[], rows: readonly PlanRow[], shard: number) => Promise<ShardResult>;
  /** Told after each piece: its rows, and whether they were embedded now or lay in the store. */
  readonly onPiece?: (rows: number, fresh: boolean) => void;
  /** Milliseconds of work after which a chunk's beginning is kept before the chunk is whole: about what a kill may cost. Default 1000. */
  readonly noteMs?: number;
  /** The clock of `noteMs`, milliseconds; performance.now unless given. */
  readonly now?: () => number;
  /** Any whole number that differs between workers: each begins at another place, so that two on one shard share it. Default 0. */
  readonly turn?: number;
  readonly signal?: AbortSignal | undefined;
}
