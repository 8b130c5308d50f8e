// Rows of a plan by series: files of one series become one row, in the order of `classify --volumes`; others stay as they are. Only the beginning
// of a file is read. Memory is that of one series: what is known of files lies sorted on the disk meanwhile, without a UID – a series is told from
// others by a digest with a key that is made for one plan and forgotten with it.

import { createHmac, randomBytes } from "node:crypto";
import { imageFailure } from "@biovlm/engine";
import { type BulkImages, checkSource } from "@biovlm/engine/bulk";
import { FilesError, inOrder, isJsonObject, parseStrictJson } from "@biovlm/files";
import { findSlicePlace, orderedSeries, type SlicePlace } from "@biovlm/imaging/node";
import { LineSorter, type PlanFile, type PlanRow, type SortLimits } from "@biovlm/jobs";

/** What was found of series, counted as the rows come. */
export interface SeriesCounts {
  /** rows that are series, and files of them */
  series: number;
  slices: number;
  /** left out of their series */
  localisers: number;
  doubles: number;
  /** series of which nothing else is left */
  empty: number;
  /** series with gaps, with slices where another one lies, and ordered by number alone */
  gaps: number;
  same: number;
  byNumber: number;
}

/** Nothing counted yet. */
export const noSeries = (): SeriesCounts => ({ series: 0, slices: 0, localisers: 0, doubles: 0, empty: 0, gaps: 0, same: 0, byNumber: 0 });

interface SeriesOptions extends SortLimits {
  readonly images: Pick<BulkImages, "start" | "check">;
  readonly maxImageBytes: number;
  readonly counts: SeriesCounts;
}

/** Files whose beginnings are read at once, and files that are asked for together. */
const AT_ONCE = 16;
const TOGETHER = 1024;
/** Files of one series, all of which are held. */
const MAX_SERIES = 100_000;

/**
 * Rows in the order of their first files; a series of one file is a row as any.
 * @throws FilesError `too_large` for a series of more than 100 000 files, `source_unreadable`, `network`, … where the source fails, `disk_full`; as `rows` does
 */
export async function* seriesRows(rows: AsyncIterable<PlanRow>, options: SeriesOptions): AsyncGenerator<PlanRow, void, undefined> {
  const slices = new LineSorter(options);
  const planned = new LineSorter(options);
  try {
    const digest = keyedDigest();
    let index = 0;
    for await (const { row, place } of placedRows(rows, options)) {
      const at = String(index++).padStart(15, "0");
      if (place === undefined) await planned.add(`${at} ${JSON.stringify(row)}`);
      else {
        const { series, instance, ...said } = place;
        const told = { row, ...said, ...(instance === undefined ? {} : { instance: digest(instance) }) };
        await slices.add(`${digest(series)} ${at} ${JSON.stringify(told)}`);
      }
    }
    for await (const group of groups(slices.sorted())) {
      const row = joined(group, options.counts);
      if (row !== undefined) await planned.add(`${row.at} ${JSON.stringify(row.row)}`);
    }
    await slices.close();
    for await (const line of planned.sorted()) yield told(line.slice(line.indexOf(" ") + 1)) as PlanRow;
  } finally {
    await Promise.allSettled([slices.close(), planned.close()]);
  }
}

/** 32 hex digits of a UID, other ones in every run. */
function keyedDigest(): (text: string) => string {
  const key = randomBytes(32);
  return (text) => createHmac("sha256", key).update(text).digest("hex").slice(0, 32);
}

async function* placedRows(rows: AsyncIterable<PlanRow>, { images, maxImageBytes, signal }: SeriesOptions) {
  const look = async (row: PlanRow) => {
    try {
      return { row, place: await findSlicePlace((length) => images.start(row, length, signal), maxImageBytes) };
    } catch (error) {
      signal?.throwIfAborted();
      // a file's own fault is told where it is worked on
      await checkSource(imageFailure(error), images);
      return { row, place: undefined };
    }
  };
  let some: PlanRow[] = [];
  for await (const row of rows) {
    if (some.push(row) < TOGETHER) continue;
    yield* inOrder(some, AT_ONCE, look, signal);
    some = [];
  }
  yield* inOrder(some, AT_ONCE, look, signal);
}

/** A file of a series. */
interface Slice {
  /** its place among all files */
  readonly at: string;
  readonly row: PlanFile;
  readonly place: SlicePlace;
}

/** Series after series, of lines "digest place JSON" in order. */
async function* groups(lines: AsyncIterable<string>): AsyncGenerator<readonly Slice[]> {
  let group: Slice[] = [];
  for await (const line of lines) {
    const [series = "", at = ""] = line.split(" ", 2);
    if (group.length > 0 && group[0]?.place.series !== series) {
      yield group;
      group = [];
    }
    const { row, ...said } = told(line.slice(series.length + at.length + 2)) as { readonly row: PlanFile } & Omit<SlicePlace, "series">;
    group.push({ at, row, place: { ...said, series, instance: said.instance, position: said.position, number: said.number } });
    if (group.length > MAX_SERIES)
      throw new FilesError("too_large", `series — expected at most ${MAX_SERIES} files, got more. Plan its folders apart.`);
  }
  if (group.length > 0) yield group;
}

/** What this program wrote. */
function told(text: string): object {
  const json = parseStrictJson(text, "plan");
  if (!isJsonObject(json)) throw new FilesError("integrity", "plan — expected what was written of a file, got something else. Plan again.");
  return json;
}

/** A row of what is left of a series, by the place of its first file; counted. */
function joined(group: readonly Slice[], counts: SeriesCounts): { readonly at: string; readonly row: PlanRow } | undefined {
  for (const { slices, localisers, doubles, gaps, same, byNumber } of orderedSeries(group.map(({ place }) => place))) {
    counts.localisers += localisers.length;
    counts.doubles += doubles.length;
    if (gaps > 0) counts.gaps++;
    if (same > 0) counts.same++;
    if (byNumber) counts.byNumber++;
    const kept = slices.flatMap((index) => group[index] ?? []);
    const [first] = kept;
    if (first === undefined) {
      counts.empty++;
      return undefined;
    }
    counts.series++;
    counts.slices += kept.length;
    const [at = first.at] = kept.map((slice) => slice.at).sort();
    return { at, row: kept.length === 1 ? first.row : { uri: first.row.uri, files: kept.map(({ row }) => row) } };
  }
  return undefined;
}
