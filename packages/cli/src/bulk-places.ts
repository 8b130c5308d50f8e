// Where a bulk job lives and where its images are: what a person writes for a store and a source → the things themselves.

import { stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, resolve } from "node:path";
import { type BulkImages, imageFolder } from "@biovlm/engine/bulk";
import { sweepOwnFolders } from "@biovlm/files/node";
import { folderRows, folderStore, isRowList, type JobStore, listRows, type PlanRow, sweepFolderStore } from "@biovlm/jobs";
import type { CommandContext } from "./command.js";
import { notFoundError, usageError } from "./errors.js";

/** A source of rows, and what its rows' paths are below. */
export interface BulkSource {
  readonly root: string;
  readonly rows: AsyncIterable<PlanRow>;
}

/**
 * The job's store: a folder, or a place in S3.
 * @param use "reads": nothing is written to it; else a bucket is tried first, whether it takes conditional creates
 */
export async function openStore(
  given: string,
  { cwd, env, terminal }: Pick<CommandContext, "cwd" | "env" | "terminal">,
  use: "reads" | "writes" = "writes",
): Promise<JobStore> {
  if (!given.startsWith("s3://")) return folderStore(resolve(cwd, given));
  const { openS3Store, readS3Store, S3Client, s3Place } = await import("@biovlm/jobs/s3");
  if (use === "reads") return readS3Store(new S3Client(s3Place(given, env)));
  const { store, conditional } = await openS3Store(new S3Client(s3Place(given, env)));
  if (!conditional)
    terminal.warn(
      "the store knows no conditional create: of two workers on one shard the last one counts; run bulk gc only when none works",
    );
  return store;
}

/** Where what a plan sorts lies meanwhile: within a store that is a folder, else with the system's temporary files. */
export const sortingPlace = (store: string, cwd: string): string => (store.startsWith("s3://") ? tmpdir() : resolve(cwd, store));

/** Removes what killed processes left: in a store that is a folder, else of plans with the system's temporary files. Answers how much. */
export function sweepStore(store: string, cwd: string): Promise<number> {
  const place = sortingPlace(store, cwd);
  return store.startsWith("s3://") ? sweepOwnFolders(place) : sweepFolderStore(place);
}

interface SourceOptions extends Pick<CommandContext, "cwd" | "env" | "signal"> {
  readonly root: string | undefined;
  readonly leftOut: Map<string, number>;
}

/**
 * A folder, a place in S3, or a list by its ending.
 * @throws CliError `not_found` (exit 3), `bad_usage` (exit 2)
 */
export async function openSource(given: string, { cwd, env, root, signal, leftOut }: SourceOptions): Promise<BulkSource> {
  if (given.startsWith("s3://")) {
    if (root !== undefined) throw usageError("bad_usage", "--root — expected with a list of images, got a place in S3", "Drop it.");
    const { S3Client, s3Place, s3Rows } = await import("@biovlm/jobs/s3");
    return { root: given, rows: s3Rows(new S3Client(s3Place(given, env)), { signal, leftOut }) };
  }
  const path = resolve(cwd, given);
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) throw notFoundError("not_found", `no such file or folder — ${given}`, "Check the path.");
  if (info.isDirectory()) {
    if (root !== undefined) throw usageError("bad_usage", "--root — expected with a list of images, got a folder", "Drop it.");
    return { root: path, rows: folderRows(path, { signal, leftOut }) };
  }
  if (!isRowList(given))
    throw usageError("bad_usage", `source — expected a folder, or a list ending in .csv, .jsonl or .ndjson, got ${JSON.stringify(given)}`);
  const rows = listRows(path, { signal });
  if (root?.startsWith("s3://") !== true) return { root: root === undefined ? dirname(path) : placeOf(root, cwd), rows };
  const { S3Client, s3ListRows, s3Place } = await import("@biovlm/jobs/s3");
  return { root, rows: s3ListRows(new S3Client(s3Place(root, env)), rows, signal) };
}

/** A folder as an absolute path; a place in S3 as it is. */
const placeOf = (given: string, cwd: string): string => (given.startsWith("s3://") ? given : resolve(cwd, given));

/** The images of a job, where they lie for this machine. @param given instead of where the plan found them */
export async function openImages(
  planned: string,
  given: string | undefined,
  limits: { readonly maxImageBytes: number },
  { cwd, env }: Pick<CommandContext, "cwd" | "env">,
): Promise<BulkImages> {
  const root = given === undefined ? planned : placeOf(given, cwd);
  if (!root.startsWith("s3://")) return imageFolder(root, limits);
  const { S3Client, s3Images, s3Place } = await import("@biovlm/jobs/s3");
  return s3Images(new S3Client(s3Place(root, env)), limits);
}
