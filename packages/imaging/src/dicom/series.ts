// Where a DICOM image stands in its series, and a series in anatomical order: by position along the normal of its planes, else by number. What
// is double, missing or a localiser is said. UIDs serve to tell series apart and are not handed on in words.

import { isDicomFile } from "../formats.js";
import { type DicomDataSet, readDicomFile, readDicomHead } from "./data-set.js";

/** Where an image stands in its series. */
export interface SlicePlace {
  readonly series: string;
  readonly instance: string | undefined;
  /** millimetres along the normal of the plane: ImagePositionPatient · (row × column); undefined where the file does not say */
  readonly position: number | undefined;
  /** InstanceNumber */
  readonly number: number | undefined;
  readonly localiser: boolean;
  /** NumberOfFrames, ≥ 1; 1 where the file does not say */
  readonly frames: number;
}

/**
 * Reads where an image stands; undefined for what is no DICOM or names no series.
 * @throws ImagingError `corrupt_image`, `too_large`
 */
export async function readSlicePlace(bytes: Uint8Array): Promise<SlicePlace | undefined> {
  if (!isDicomFile(bytes)) return undefined;
  return placeIn((await readDicomFile(bytes, 4 * bytes.length + 64 * 1024 * 1024)).dataset);
}

/** Bytes of a file that are looked at first; four times as many where its pixels begin behind them, and so on. */
const FIRST_HEAD = 16 * 1024;

/**
 * As `readSlicePlace`, of a file that is not read whole: nothing of its pixels is, and of what is no DICOM 16 KiB.
 * @param start the first bytes of the file: as many as asked for, fewer where it is shorter
 * @param maxBytes most bytes that are asked for
 * @throws ImagingError `corrupt_image`, `too_large`; what `start` throws
 */
export async function findSlicePlace(start: (length: number) => Promise<Uint8Array>, maxBytes: number): Promise<SlicePlace | undefined> {
  for (let length = FIRST_HEAD; ; length *= 4) {
    const most = Math.min(length, maxBytes);
    const bytes = await start(most);
    if (!isDicomFile(bytes)) return undefined;
    const head = await readDicomHead(bytes, bytes.length >= most && most < maxBytes);
    if (head !== undefined) return placeIn(head.dataset);
  }
}

function placeIn(dataset: DicomDataSet): SlicePlace | undefined {
  const series = dataset.text("x0020000e");
  if (series === undefined) return undefined;
  const numbers = (tag: `x${string}`, count: number) => Array.from({ length: count }, (_, i) => dataset.decimal(tag, i) ?? Number.NaN);
  const [rx = 0, ry = 0, rz = 0, cx = 0, cy = 0, cz = 0] = numbers("x00200037", 6);
  const [x = 0, y = 0, z = 0] = numbers("x00200032", 3);
  const along = x * (ry * cz - rz * cy) + y * (rz * cx - rx * cz) + z * (rx * cy - ry * cx);
  return {
    series,
    instance: dataset.text("x00080018"),
    position: Number.isFinite(along) ? along : undefined,
    number: dataset.decimal("x00200013"),
    frames: Math.max(1, Math.trunc(dataset.decimal("x00280008") ?? 1)),
    localiser: [0, 1, 2, 3].some((i) => dataset.text("x00080008", i)?.toUpperCase() === "LOCALIZER"),
  };
}

/** A series in order: indices of the places it was made of. */
export interface OrderedSeries {
  readonly slices: readonly number[];
  /** images that stand for where slices lie, and images that are there before: neither is among the slices */
  readonly localisers: readonly number[];
  readonly doubles: readonly number[];
  /** what a reader should know */
  readonly notes: readonly string[];
  /** places behind which slices are missing, slices that lie where another one does, and whether slices are ordered by number alone */
  readonly gaps: number;
  readonly same: number;
  readonly byNumber: boolean;
}

/** Right in number. */
const counted = (count: number, one: string, several: string) => `${count} ${count === 1 ? one : several}`;

/** Slices that stand this much nearer than a step are at one place. */
const SAME = 1e-3;

/** Series in the order of their first image; images without a place belong to none. */
export function orderedSeries(places: readonly (SlicePlace | undefined)[]): OrderedSeries[] {
  const groups = new Map<string, number[]>();
  for (const [index, place] of places.entries()) {
    if (place === undefined) continue;
    const group = groups.get(place.series);
    if (group === undefined) groups.set(place.series, [index]);
    else group.push(index);
  }
  return [...groups.values()].map((group) => ordered(group, (index) => places[index] as SlicePlace));
}

function ordered(group: readonly number[], place: (index: number) => SlicePlace): OrderedSeries {
  const notes: string[] = [];
  const localisers = group.filter((index) => place(index).localiser);
  const pictures = group.filter((index) => !place(index).localiser);
  if (localisers.length > 0) notes.push(counted(localisers.length, "localiser left out", "localisers left out"));
  const seen = new Set<string>();
  const single = pictures.filter((index) => {
    const { instance } = place(index);
    if (instance === undefined) return true;
    const double = seen.has(instance);
    seen.add(instance);
    return !double;
  });
  const kept = new Set(single);
  const doubles = pictures.filter((index) => !kept.has(index));
  if (doubles.length > 0) notes.push(counted(doubles.length, "image that is there twice left out", "images that are there twice left out"));
  const placed = single.every((index) => place(index).position !== undefined);
  const numbered = (index: number) => place(index).number ?? Number.POSITIVE_INFINITY;
  const at = (index: number) => place(index).position ?? 0;
  const byNumber = (a: number, b: number) => (numbered(a) === numbered(b) ? a - b : numbered(a) - numbered(b));
  const slices = [...single].sort((a, b) => (placed && Math.abs(at(a) - at(b)) > SAME ? at(a) - at(b) : byNumber(a, b)));
  const unplaced = !placed && slices.length > 1;
  const found = unplaced ? { notes: ["not every slice says where it lies: ordered by number"], gaps: 0, same: 0 } : gaps(slices.map(at));
  notes.push(...found.notes);
  return { slices, localisers, doubles, notes, gaps: found.gaps, same: found.same, byNumber: unplaced };
}

/** Slices at one place, and steps of more than one and a half of the usual one. */
function gaps(positions: readonly number[]): Pick<OrderedSeries, "notes" | "gaps" | "same"> {
  const steps = positions.slice(1).map((position, i) => position - (positions[i] ?? 0));
  const real = steps.filter((step) => step > SAME).sort((a, b) => a - b);
  const usual = real[Math.floor(real.length / 2)] ?? 0;
  const same = steps.length - real.length;
  const missing = steps.flatMap((step, i) => (step > 1.5 * usual ? [i + 1] : []));
  const notes = [
    ...(same > 0 ? [counted(same, "slice lies where another one does", "slices lie where another one does")] : []),
    ...(missing.length > 0 ? [`a gap after slice ${missing.slice(0, 10).join(", ")}${missing.length > 10 ? ", …" : ""}`] : []),
  ];
  return { notes, gaps: missing.length, same };
}
