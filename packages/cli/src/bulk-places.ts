// Where a bulk job lives and where its images are: what a person writes for a store and a source → the things themselves.

import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type BulkImages, imageFolder } from "@biovlm/engine/bulk";
import { folderRows, folderStore, isRowList, type JobStore, listRows, type PlanRow } from "@biovlm/jobs";
import { notFoundError, usageError } from "./errors.js";

/** A source of rows, and what its rows' paths are below. */
export interface BulkSource {
  readonly root: string;
  readonly rows: AsyncIterable<PlanRow>;
}

/** The job's store. */
export function openStore(given: string, cwd: string): JobStore {
  return folderStore(resolve(cwd, given));
}

interface SourceOptions {
  readonly cwd: string;
  readonly root: string | undefined;
  readonly signal: AbortSignal;
  readonly leftOut: Map<string, number>;
}

/**
 * A folder, or a list by its ending.
 * @throws CliError `not_found` (exit 3), `bad_usage` (exit 2)
 */
export async function openSource(given: string, { cwd, root, signal, leftOut }: SourceOptions): Promise<BulkSource> {
  const path = resolve(cwd, given);
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) throw notFoundError("not_found", `no such file or folder — ${given}`, "Check the path.");
  if (info.isDirectory()) {
    if (root !== undefined) throw usageError("bad_usage", "--root — expected with a list of images, got a folder", "Drop it.");
    return { root: path, rows: folderRows(path, { signal, leftOut }) };
  }
  if (!isRowList(given))
    throw usageError("bad_usage", `source — expected a folder, or a list ending in .csv, .jsonl or .ndjson, got ${JSON.stringify(given)}`);
  return { root: root === undefined ? dirname(path) : resolve(cwd, root), rows: listRows(path, { signal }) };
}

/** The images of a job, where they lie on this machine. */
export function openImages(root: string, limits: { readonly maxImageBytes: number }): BulkImages {
  return imageFolder(root, limits);
}
