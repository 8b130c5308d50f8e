// Files of one series as a volume: grouped, put in anatomical order, and told what is double or missing. Files that belong to no series stay
// as they are, behind the volumes. Nothing is dropped without a word: what is left out is named, series that are left without a slice, too.

import { leftOutOfSeries } from "@biovlm/datasets";
import { inOrder, nth } from "@biovlm/files";
import { orderedSeries, readSlicePlace, type SlicePlace } from "@biovlm/imaging/node";
import type { ImageSource } from "./image-source.js";

/** A file of a series that is not answered, and why. */
export interface LeftOutSlice<Name = string> {
  readonly file: Name;
  readonly why: "localiser" | "there twice";
}

/** A series of the call, or a file of several frames that is of none. `Name` is how the caller tells its files apart. */
export interface Volume<Name = string> {
  /** counted from 1, in the order of the series' first files; files of no series after them */
  readonly number: number;
  /** of all files, with all frames of each */
  readonly slices: number;
  /** whether one file holds all slices */
  readonly alone: boolean;
  readonly notes: readonly string[];
  /** in the order of the call */
  readonly leftOut: readonly LeftOutSlice<Name>[];
  /** the first file and the last, in order; of those left out where there are no others */
  readonly files: readonly [Name, Name];
}

/** Where a source stands in its volume; slices are counted from 1. Of a file of several frames the first one's. */
export interface VolumePlace<Name = string> {
  readonly volume: Volume<Name>;
  readonly slice: number;
}

/** A file of several frames, which belongs to no series, as a volume. */
export function loneVolume<Name>(file: Name, number: number, frames: number): VolumePlace<Name> {
  return { volume: { number, slices: frames, alone: true, notes: [], leftOut: [], files: [file, file] }, slice: 1 };
}

/** Sources in the order in which they are answered, each with its place where it belongs to a volume. */
export interface VolumeOrder {
  readonly sources: readonly ImageSource[];
  /** by index of `sources` */
  readonly places: readonly (VolumePlace | undefined)[];
  /** series without a slice to answer */
  readonly empty: readonly Volume[];
  /** series, those without a slice among them */
  readonly series: number;
  /** "left out of series: 2 localisers, 1 image that is there twice"; undefined where nothing was */
  readonly volumeNote: string | undefined;
}

/** Every file that is left out of its series, series by series. */
export function leftOutFiles({ places, empty }: Pick<VolumeOrder, "places" | "empty">): readonly LeftOutSlice[] {
  const volumes = new Set([...places.flatMap((place) => place?.volume ?? []), ...empty]);
  return [...volumes].sort((a, b) => a.number - b.number).flatMap(({ leftOut }) => leftOut);
}

/** Files in the order in which they are answered. */
export interface OrderedFiles<Name> {
  /** index of each file, with its place where it belongs to a volume */
  readonly taken: readonly { readonly index: number; readonly place: VolumePlace<Name> | undefined }[];
  /** series without a slice to answer */
  readonly empty: readonly Volume<Name>[];
  /** series, those without a slice among them */
  readonly series: number;
  /** files left out of their series, counted */
  readonly left: { readonly localisers: number; readonly doubles: number };
}

/** Puts files in order by where they stand: series first, each in anatomical order; then the others as they are. @param names of the files, by index */
export function orderedVolumes<Name>(places: readonly (SlicePlace | undefined)[], names: readonly Name[]): OrderedFiles<Name> {
  const taken: { readonly index: number; readonly place: VolumePlace<Name> | undefined }[] = [];
  const nameOf = (index: number) => nth(names, index);
  const empty: Volume<Name>[] = [];
  const left = { localisers: 0, doubles: 0 };
  const series = orderedSeries(places);
  const framesOf = (index: number) => places[index]?.frames ?? 1;
  for (const [i, { slices, localisers, doubles, notes }] of series.entries()) {
    const why = new Map<number, LeftOutSlice["why"]>([
      ...localisers.map((index) => [index, "localiser"] as const),
      ...doubles.map((index) => [index, "there twice"] as const),
    ]);
    left.localisers += localisers.length;
    left.doubles += doubles.length;
    const others = [...why].sort(([a], [b]) => a - b);
    const leftOut = others.map(([index, reason]) => ({ file: nameOf(index), why: reason }));
    // a series has one file at least
    const members = slices.length > 0 ? slices : others.map(([index]) => index);
    const files = [nameOf(nth(members, 0)), nameOf(nth(members, members.length - 1))] as const;
    const count = slices.reduce((sum, index) => sum + framesOf(index), 0);
    const alone = slices.length === 1 && count > 1;
    const volume: Volume<Name> = { number: i + 1, slices: count, alone, notes, leftOut, files };
    if (slices.length === 0) empty.push(volume);
    let slice = 1;
    for (const index of slices) {
      taken.push({ index, place: { volume, slice } });
      slice += framesOf(index);
    }
  }
  for (const index of names.keys()) if (places[index] === undefined) taken.push({ index, place: undefined });
  return { taken, empty, series: series.length, left };
}

/** Files whose headers are read at once. */
const AT_ONCE = 4;

/** Reads every header, then orders. A file that cannot be read is left where it says so itself: in its own answer. */
export async function volumeOrder(sources: readonly ImageSource[], signal: AbortSignal): Promise<VolumeOrder> {
  const places: (SlicePlace | undefined)[] = [];
  const read = async (source: ImageSource) => {
    try {
      const content = await source.open();
      return content.kind === "file" ? await readSlicePlace(content.bytes) : undefined;
    } catch {
      return undefined;
    }
  };
  for await (const place of inOrder(sources, AT_ONCE, read, signal)) places.push(place);
  const names = sources.map(({ name }) => name);
  const { taken, empty, series, left } = orderedVolumes(places, names);
  return {
    sources: taken.map(({ index }) => nth(sources, index)),
    places: taken.map(({ place }) => place),
    empty,
    series,
    volumeNote: leftOutOfSeries(left),
  };
}
