// Where a bulk job's images are read from: a folder, or a bucket that is handed in.

import type { Admit } from "./read-ahead.js";

/** One image of a job. */
export interface BulkRow {
  readonly uri: string;
  /** bytes, where the listing knew it */
  readonly size?: number;
  /** what the store called its content when the job was planned */
  readonly etag?: string;
  /** digest that its content must have */
  readonly sha256?: string;
}

/** A place with images. */
export interface BulkImages {
  /** The file's bytes. Awaits `admit` with their number before it holds them. Rejects with a stable code, naming no path. */
  read(row: BulkRow, admit: Admit, signal?: AbortSignal): Promise<Uint8Array>;
  /** @throws FilesError `source_unreadable` where the place itself is not there, so that an image that is missing says nothing of it */
  check(): Promise<void>;
}
