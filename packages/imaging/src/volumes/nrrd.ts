// The header of NRRD with its voxels behind it, raw or gzip (of two files, whoever read them put them together): a few named lines; the others, which may name a patient, are not looked at.

import { corrupt, ImagingError } from "../errors.js";
import { sizesOf, type Triple, type VolumeHeader } from "./volume-header.js";
import { VOXEL_TYPES, type VoxelType } from "./voxel-types.js";

/** Longest header. */
const MAX_HEADER = 256 * 1024;

const TYPES: readonly (readonly [RegExp, VoxelType])[] = [
  [/^(?:signed char|int8|int8_t)$/, VOXEL_TYPES.int8],
  [/^(?:uchar|unsigned char|uint8|uint8_t)$/, VOXEL_TYPES.uint8],
  [/^(?:short|short int|signed short|signed short int|int16|int16_t)$/, VOXEL_TYPES.int16],
  [/^(?:ushort|unsigned short|unsigned short int|uint16|uint16_t)$/, VOXEL_TYPES.uint16],
  [/^(?:int|signed int|int32|int32_t)$/, VOXEL_TYPES.int32],
  [/^(?:uint|unsigned int|uint32|uint32_t)$/, VOXEL_TYPES.uint32],
  [/^(?:longlong|long long|long long int|signed long long|signed long long int|int64|int64_t)$/, VOXEL_TYPES.int64],
  [/^(?:ulonglong|unsigned long long|unsigned long long int|uint64|uint64_t)$/, VOXEL_TYPES.uint64],
  [/^float$/, VOXEL_TYPES.float32],
  [/^double$/, VOXEL_TYPES.float64],
];

/** What one step along each axis of a named space means, to the right, the front and the head. */
const SPACES: readonly (readonly [RegExp, Triple])[] = [
  [/^(?:right-anterior-superior|RAS)$/i, [1, 1, 1]],
  [/^(?:left-anterior-superior|LAS)$/i, [-1, 1, 1]],
  [/^(?:left-posterior-superior|LPS)$/i, [-1, -1, 1]],
];

const unsupportedNrrd = (what: string, expected: string) =>
  new ImagingError("unsupported_format", `NRRD with ${what} — expected ${expected}. Save it anew, or as .nii.gz.`);

/** Fields by name, and where the header ends. */
function linesOf(bytes: Uint8Array): { readonly fields: ReadonlyMap<string, string>; readonly end: number } {
  const fields = new Map<string, string>();
  for (let at = 0, line = 0; ; line++) {
    const stop = bytes.subarray(0, MAX_HEADER).indexOf(10, at);
    if (stop < 0) throw corrupt(`NRRD header without an end — expected an empty line within ${MAX_HEADER} bytes`);
    const text = new TextDecoder("latin1").decode(bytes.subarray(at, stop)).replace(/\r$/, "");
    at = stop + 1;
    if (text === "") return { fields, end: at };
    if (line === 0 && !/^NRRD000[1-5]$/.test(text)) throw unsupportedNrrd("another version", "NRRD0001 to NRRD0005");
    const [, name, value] = /^([a-z ]{1,40}): (.*)$/i.exec(text) ?? [];
    if (line === 0 || name === undefined || value === undefined) continue;
    const field = name.toLowerCase();
    if (fields.has(field)) throw corrupt("NRRD header that says a field twice");
    fields.set(field, value.trim());
  }
}

/** Numbers of a list; `none` is NaN. */
const numbers = (text: string) => text.split(/\s+/).map((word) => (/^[+-]?[\d.]+(?:e[+-]?\d+)?$/i.test(word) ? Number(word) : Number.NaN));

/** The vectors of "space directions": undefined for `none`. @throws ImagingError `corrupt_image` */
function directionsOf(text: string, count: number): (readonly number[] | undefined)[] {
  const words = text.match(/none|\([^()]*\)/gi) ?? [];
  if (words.length !== count) throw corrupt(`NRRD directions — expected one for each of ${count} axes, got ${words.length}`);
  return words.map((word) => {
    if (/^none$/i.test(word)) return undefined;
    const vector = numbers(word.slice(1, -1).replaceAll(",", " ").trim());
    if (vector.length > 3 || !vector.every(Number.isFinite)) throw corrupt("NRRD directions — expected vectors of at most 3 numbers");
    return vector;
  });
}

/** Steps of the grid where the file says how it lies in a body; else the sizes of voxels alone, as if the axes ran to the left, the back and the head. */
function stepsOf(fields: ReadonlyMap<string, string>, count: number): { readonly steps: VolumeHeader["steps"]; readonly said: boolean } {
  const text = fields.get("space directions");
  const directions = text === undefined ? undefined : directionsOf(text, count);
  if (directions?.slice(0, Math.min(3, count)).includes(undefined))
    throw unsupportedNrrd("several values a voxel (colours, directions)", "one, its axes in space first");
  const signs = SPACES.find(([pattern]) => pattern.test(fields.get("space") ?? ""))?.[1];
  if (directions !== undefined && signs !== undefined && count >= 3 && directions.slice(0, 3).every((vector) => vector?.length === 3)) {
    const step = (axis: number): Triple => {
      const [x = 0, y = 0, z = 0] = directions[axis] ?? [];
      return [x * signs[0], y * signs[1], z * signs[2]];
    };
    return { steps: [step(0), step(1), step(2)], said: true };
  }
  const spacings = numbers(fields.get("spacings") ?? "");
  const long = (axis: number) => Math.abs(Math.hypot(...(directions?.[axis] ?? [])) || (spacings[axis] ?? 1)) || 1;
  return { steps: [[-long(0), 0, 0], [0, -long(1), 0], [0, 0, long(2)]], said: false }; // biome-ignore format: a matrix
}

/** Whether axes that say what they are say something else than places and, behind them, times or lists. */
function requireScalars(fields: ReadonlyMap<string, string>, sizes: readonly number[]): void {
  const kinds = (fields.get("kinds") ?? "").toLowerCase().split(/\s+/).slice(0, Math.min(3, sizes.length));
  if (kinds.some((kind) => !["", "domain", "space", "none", "???"].includes(kind)))
    throw unsupportedNrrd("several values a voxel (colours, directions)", "one, its axes in space first");
}

/** Where the voxels begin, and whether they are packed. */
function placeOf(
  fields: ReadonlyMap<string, string>,
  end: number,
  length: number,
  needed: number,
): Pick<VolumeHeader, "offset" | "packedAt"> {
  if (fields.has("data file") || fields.has("datafile"))
    throw unsupportedNrrd("its voxels in another file", "both files in one folder, or one file (.nrrd)");
  if (Number(fields.get("line skip") ?? fields.get("lineskip") ?? 0) !== 0)
    throw unsupportedNrrd("lines to skip", "voxels after the header");
  const skip = Number(fields.get("byte skip") ?? fields.get("byteskip") ?? 0);
  if (!Number.isSafeInteger(skip) || skip < -1) throw corrupt("NRRD bytes to skip — expected a whole number of at least −1, got another");
  const encoding = (fields.get("encoding") ?? "").toLowerCase();
  if (encoding === "raw") return { offset: skip === -1 ? Math.max(end, length - needed) : end + skip, packedAt: undefined };
  if (!["gzip", "gz"].includes(encoding)) throw unsupportedNrrd("an encoding that is not read", "raw or gzip");
  if (skip === -1) throw corrupt("NRRD of gzip with −1 bytes to skip — expected 0 or more");
  return { offset: skip, packedAt: end };
}

/** Reads a header. @throws ImagingError `corrupt_image`, `unsupported_format`, `too_large` */
export function readNrrdHeader(bytes: Uint8Array): VolumeHeader {
  const { fields, end } = linesOf(bytes);
  const given = numbers(fields.get("sizes") ?? "");
  if (Number(fields.get("dimension")) !== given.length || given.length > 7)
    throw corrupt(`NRRD sizes — expected as many as its dimension says, at most 7, got ${given.length}`);
  const sizes = sizesOf("NRRD", given);
  const name = (fields.get("type") ?? "").toLowerCase();
  const type = TYPES.find(([pattern]) => pattern.test(name))?.[1];
  if (type === undefined) throw unsupportedNrrd("a type that is not read", "whole numbers of 8 to 64 bits, float or double");
  const endian = fields.get("endian")?.toLowerCase();
  if (type.bytes > 1 && endian !== "little" && endian !== "big")
    throw corrupt("NRRD byte order — expected little or big, got another or none");
  requireScalars(fields, given);
  const { steps, said } = stepsOf(fields, given.length);
  const needed = sizes.size[0] * sizes.size[1] * sizes.size[2] * type.bytes;
  return {
    format: "nrrd",
    ...sizes,
    type,
    little: endian === "little",
    ...placeOf(fields, end, bytes.length, needed * sizes.volumes),
    scaling: undefined,
    steps,
    shown: undefined,
    notes: said ? [] : ["the file does not say how it lies in the body; its axes are taken to run to the left, the back and the head"],
  };
}
