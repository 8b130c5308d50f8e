// Files of one series as a volume: grouped, put in anatomical order, and told what is double or missing. Files that belong to no series stay
// as they are, behind the volumes. Nothing is dropped without a word: what is left out is named, series that are left without a slice, too.

import { leftOutOfSeries } from "@biovlm/datasets";
import type { ImageSource } from "@biovlm/engine";
import { inOrder } from "@biovlm/files";
import { orderedSeries, readSlicePlace } from "@biovlm/imaging/node";

/** A file of a series that is not answered, and why. */
export interface LeftOutSlice {
  readonly file: string;
  readonly why: "localiser" | "there twice";
}

/** A series of the call. */
export interface Volume {
  /** counted from 1, in the order of the series' first files */
  readonly number: number;
  readonly slices: number;
  readonly notes: readonly string[];
  /** in the order of the call */
  readonly leftOut: readonly LeftOutSlice[];
  /** names of the first file and the last, in order; of those left out where there are no others */
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
  /** series without a slice to answer */
  readonly empty: readonly Volume[];
  /** "left out of series: 2 localisers, 1 image that is there twice"; undefined where nothing was */
  readonly volumeNote: string | undefined;
}

/** Every file that is left out of its series, series by series. */
export function leftOutFiles({ places, empty }: Pick<VolumeOrder, "places" | "empty">): readonly LeftOutSlice[] {
  const volumes = new Set([...places.flatMap((place) => place?.volume ?? []), ...empty]);
  return [...volumes].sort((a, b) => a.number - b.number).flatMap(({ leftOut }) => leftOut);
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
  const empty: Volume[] = [];
  const left = { localisers: 0, doubles: 0 };
  for (const [i, { slices, localisers, doubles, notes }] of orderedSeries(places).entries()) {
    const why = new Map<number, LeftOutSlice["why"]>([
      ...localisers.map((index) => [index, "localiser"] as const),
      ...doubles.map((index) => [index, "there twice"] as const),
    ]);
    left.localisers += localisers.length;
    left.doubles += doubles.length;
    const others = [...why].sort(([a], [b]) => a - b);
    const leftOut = others.map(([index, reason]) => ({ file: nameOf(index), why: reason }));
    const files = [nameOf(slices[0] ?? others[0]?.[0]), nameOf(slices.at(-1) ?? others.at(-1)?.[0])] as const;
    const volume: Volume = { number: i + 1, slices: slices.length, notes, leftOut, files };
    if (slices.length === 0) empty.push(volume);
    for (const [at, index] of slices.entries()) {
      const source = sources[index];
      if (source !== undefined) taken.push({ source, place: { volume, slice: at + 1 } });
    }
  }
  for (const [index, source] of sources.entries()) if (places[index] === undefined) taken.push({ source, place: undefined });
  return {
    sources: taken.map(({ source }) => source),
    places: taken.map(({ place }) => place),
    empty,
    volumeNote: leftOutOfSeries(left),
  };
}
