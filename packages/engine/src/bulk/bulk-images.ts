// Where a bulk job's images are read from: a folder, or a bucket that is handed in.

import type { Admit } from "./read-ahead.js";

/** One file of a job. */
export interface BulkFile {
  readonly uri: string;
  /** bytes, where the listing knew it */
  readonly size?: number;
  /** what the store called its content when the job was planned */
  readonly etag?: string;
  /** digest that its content must have */
  readonly sha256?: string;
  /** of a header whose voxels lie in another file: what that one was when the job was planned */
  readonly voxels?: { readonly size: number; readonly etag?: string };
}

/** One image of a job; or the files of one series in order, under the path of the first. */
export interface BulkRow extends BulkFile {
  readonly files?: readonly BulkFile[];
}

/** A place with images. */
export interface BulkImages {
  /**
   * The file's bytes; of a header of a volume in two files those of both as one. Awaits `admit` with their number before it holds them. Rejects
   * with a stable code, naming no path.
   */
  read(file: BulkFile, admit: Admit, signal?: AbortSignal): Promise<Uint8Array>;
  /** The first `length` bytes of a file, or all of a smaller one. Rejects as `read` does. */
  start(file: BulkFile, length: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** @throws FilesError `source_unreadable` where the place itself is not there, so that an image that is missing says nothing of it */
  check(): Promise<void>;
}
