// A study or a series of a DICOMweb archive as sources of images: listed first, each read when its turn comes. Which archive, and with which
// credentials, the command line alone says: no address in a file or an answer is ever followed.

import type { ImageSource } from "@biovlm/engine";
import type { ImageOptions } from "@biovlm/engine/options";
import { withoutPicture } from "@biovlm/imaging/node";
import { usageError } from "../errors.js";
import { readInputText } from "../input-file.js";
import type { ArchiveChoice } from "./archive-options.js";

const KiB = 1024;

/** Checks the combination before anything is opened. @throws CliError `missing_argument`, `bad_usage` (exit 2) */
export function checkArchiveOptions(options: ArchiveChoice, paths: readonly string[]): void {
  if (options.dicomweb === undefined) {
    if (paths.length === 0)
      throw usageError(
        "missing_argument",
        "classify — expected image files or folders, or --dicomweb, got neither",
        "Run biovlm classify --help.",
      );
    const alone = (["study", "series", "store"] as const).find((name) => options[name] !== undefined && options[name] !== false);
    if (alone !== undefined)
      throw usageError("bad_usage", `--${alone} — expected --dicomweb with it, got none`, "Name the archive: --dicomweb URL.");
    return;
  }
  if (paths.length > 0)
    throw usageError("bad_usage", "--dicomweb — expected no files with it, got some", "Classify files in a call of their own.");
  if (options.study === undefined)
    throw usageError("bad_usage", "--dicomweb — expected --study with it, got none", "Name a study by its UID: --study UID.");
}

/** What an archive holds of what was asked for. */
export interface ArchiveImages {
  /** named SERIES/INSTANCE by UID, in that order */
  readonly sources: readonly ImageSource[];
  /** "left out: 2 a structured report or key object selection"; undefined where nothing was */
  readonly note: string | undefined;
  store(file: Uint8Array): Promise<void>;
}

/**
 * Lists the images of a study or series. What is no picture by its SOP class, such as reports, is left out and counted.
 * @throws DicomwebError `bad_argument`, `not_found`, `refused`, `network`, `unavailable`, …
 */
export async function archiveImages(
  { dicomweb = "", study = "", series, dicomwebAuth, dicomwebCa, maxImageBytes }: ArchiveChoice & Pick<ImageOptions, "maxImageBytes">,
  cwd: string,
  signal: AbortSignal,
): Promise<ArchiveImages> {
  const { authorizationOf, openArchive } = await import("@biovlm/dicomweb");
  const authorization = dicomwebAuth === undefined ? undefined : authorizationOf(await readInputText(cwd, dicomwebAuth, 64 * KiB));
  const ca = dicomwebCa === undefined ? undefined : await readInputText(cwd, dicomwebCa, KiB * KiB);
  const archive = openArchive({ url: dicomweb, authorization, ca, maxInstanceBytes: maxImageBytes, signal });
  const leftOut = new Map<string, number>();
  const sources: ImageSource[] = [];
  for (const reference of await archive.findInstances(study, series)) {
    const other = withoutPicture(reference.sopClass);
    if (other !== undefined) leftOut.set(other, (leftOut.get(other) ?? 0) + 1);
    else {
      const open = async () => ({ kind: "file", bytes: await archive.readInstance(reference) }) as const;
      sources.push({ name: `${reference.series}/${reference.instance}`, open });
    }
  }
  const note = leftOut.size === 0 ? undefined : `left out: ${[...leftOut].map(([what, count]) => `${count} × ${what}`).join(", ")}`;
  return { sources, note, store: (file) => archive.store([file]) };
}
