// Files of one series as a volume: grouped, put in anatomical order, and told what is double or missing. Files that belong to no series stay
// as they are, behind the volumes.

import type { ImageSource } from "@biovlm/engine";
import { inOrder } from "@biovlm/files";
import { orderedSeries, readSlicePlace } from "@biovlm/imaging/node";

/** A series of the call. */
export interface Volume {
  /** counted from 1, in the order of the series' first files */
  readonly number: number;
  readonly slices: number;
  readonly notes: readonly string[];
  /** names of the first file and the last, in order */
  readonly files: readonly [string, string];
}

/** Where a source stands in its volume; slices are counted from 1. */
export interface VolumePlace {
  readonly volume: Volume;
  readonly slice: number;
}

/** Sources in the order in which they are answered, each with its place where it belongs to a volume. */
export interface VolumeOrder {
  readonly sources: readonly ImageSource[];
  /** by index of `sources` */
  readonly places: readonly (VolumePlace | undefined)[];
}

/** Files whose headers are read at once. */
const AT_ONCE = 4;

/** Reads every header, then orders. A file that cannot be read is left where it says so itself: in its own answer. */
export async function volumeOrder(sources: readonly ImageSource[], signal: AbortSignal): Promise<VolumeOrder> {
  const places: Awaited<ReturnType<typeof readSlicePlace>>[] = [];
  const read = async (source: ImageSource) => {
    try {
      const content = await source.open();
      return content.kind === "file" ? await readSlicePlace(content.bytes) : undefined;
    } catch {
      return undefined;
    }
  };
  for await (const place of inOrder(sources, AT_ONCE, read, signal)) places.push(place);
  const taken: { readonly source: ImageSource; readonly place: VolumePlace | undefined }[] = [];
  const nameOf = (index: number | undefined) => (index === undefined ? "" : (sources[index]?.name ?? ""));
  for (const [i, { slices, notes }] of orderedSeries(places).entries()) {
    const files = [nameOf(slices[0]), nameOf(slices.at(-1))] as const;
    const volume: Volume = { number: i + 1, slices: slices.length, notes, files };
    for (const [at, index] of slices.entries()) {
      const source = sources[index];
      if (source !== undefined) taken.push({ source, place: { volume, slice: at + 1 } });
    }
  }
  for (const [index, source] of sources.entries()) if (places[index] === undefined) taken.push({ source, place: undefined });
  return { sources: taken.map(({ source }) => source), places: taken.map(({ place }) => place) };
}
