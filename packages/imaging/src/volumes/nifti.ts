// The header of NIfTI-1 and NIfTI-2 in one file (.nii), in either byte order: sizes, type, scaling, and where the grid lies in a body.
// Extensions are skipped, and so is every text field: they may name a patient.

import { corrupt, ImagingError } from "../errors.js";
import { ByteView } from "../headers/byte-view.js";
import { sizesOf, type Triple, type VolumeHeader } from "./volume-header.js";
import { VOXEL_TYPES, type VoxelType } from "./voxel-types.js";

/** Bytes that hold either header. */
export const NIFTI_HEADER_BYTES = 544;

const TYPES: ReadonlyMap<number, VoxelType> = new Map([
  [2, VOXEL_TYPES.uint8],
  [4, VOXEL_TYPES.int16],
  [8, VOXEL_TYPES.int32],
  [16, VOXEL_TYPES.float32],
  [64, VOXEL_TYPES.float64],
  [256, VOXEL_TYPES.int8],
  [512, VOXEL_TYPES.uint16],
  [768, VOXEL_TYPES.uint32],
  [1024, VOXEL_TYPES.int64],
  [1280, VOXEL_TYPES.uint64],
]);

const REFUSED: Readonly<Record<number, string>> = {
  1: "one bit a voxel",
  32: "complex numbers",
  128: "RGB colours",
  1536: "floating point of 128 bits",
  1792: "complex numbers",
  2048: "complex numbers",
  2304: "RGBA colours",
};

/** A header's fields, wherever its version puts them. */
interface Fields {
  readonly version: 1 | 2;
  readonly little: boolean;
  readonly integer: (one: number, two: number) => number;
  readonly real: (one: number, two: number) => number;
  readonly i16: (one: number, two: number) => number;
  readonly dim: (index: number) => number;
}

/** Whether bytes begin with a header of NIfTI, in one file or in two. */
export function isNifti(view: ByteView): boolean {
  return ["n+1\0", "ni1\0"].some((magic) => view.has(344, magic)) || ["n+2\0", "ni2\0"].some((magic) => view.has(4, `${magic}\r\n\x1a\n`));
}

function fieldsOf(bytes: Uint8Array): Fields {
  const view = new ByteView(bytes, "NIfTI");
  const version = view.has(344, "n+1\0") || view.has(344, "ni1\0") ? 1 : 2;
  const expected = version === 1 ? 348 : 540;
  const little = view.u32(0, true) === expected;
  if (!little && view.u32(0) !== expected) throw corrupt(`NIfTI-${version} header — expected ${expected} as its first number, got another`);
  if (view.has(344, "ni1\0") || view.has(4, "ni2\0"))
    throw new ImagingError(
      "unsupported_format",
      "NIfTI in two files, of which the header (.hdr) came alone — expected its voxels (.img), too. Name the .hdr where both lie in one folder, or save it as .nii.gz (for instance: fslchfiletype NIFTI_GZ in.hdr out).",
    );
  view.need(0, version === 1 ? 348 : 540);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const one = version === 1;
  return {
    version,
    little,
    real: (first, second) => (one ? data.getFloat32(first, little) : data.getFloat64(second, little)),
    integer: (first, second) => (one ? data.getInt16(first, little) : data.getInt32(second, little)),
    i16: (first, second) => data.getInt16(one ? first : second, little),
    dim: (index) => (one ? data.getInt16(40 + 2 * index, little) : Number(data.getBigInt64(16 + 8 * index, little))),
  };
}

function typeOf({ i16 }: Fields): VoxelType {
  const code = i16(70, 12);
  const type = TYPES.get(code);
  if (type !== undefined) return type;
  throw new ImagingError(
    "unsupported_format",
    `NIfTI of ${REFUSED[code] ?? `data type ${code}`} — expected whole numbers of 8 to 64 bits, or floating point of 32 or 64. Save it with one of those (for instance: mrconvert in.nii out.nii -datatype float32).`,
  );
}

function offsetOf({ version, real, little }: Fields, bytes: Uint8Array): number {
  const least = version === 1 ? 352 : 544;
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const offset = version === 1 ? real(108, 0) : Number(data.getBigInt64(168, little));
  if (offset === 0) return least;
  if (!Number.isSafeInteger(offset) || offset < least)
    throw corrupt(`NIfTI voxels — expected them from byte ${least} or later, got ${offset}`);
  return offset;
}

/** nibabel's rule: a slope of 0, or none, scales nothing. */
function scalingOf({ real }: Fields): VolumeHeader["scaling"] {
  const [slope, intercept] = [real(112, 176), real(116, 184)];
  if (slope === 0 || !Number.isFinite(slope)) return undefined;
  if (!Number.isFinite(intercept)) throw corrupt("NIfTI scaling — expected a finite intercept beside its slope, got another");
  return slope === 1 && intercept === 0 ? undefined : { slope, intercept };
}

const triple = (of: (index: 0 | 1 | 2) => number): Triple => [of(0), of(1), of(2)];

/** The steps of the grid: the affine's, else the quaternion's, else the sizes of voxels alone, to the left, the front and the head. */
function stepsOf({ i16, integer, real, version }: Fields): { readonly steps: VolumeHeader["steps"]; readonly said: boolean } {
  const width = version === 1 ? 4 : 8;
  const list = (first: number, second: number, index: number) => real(first + 4 * index, second + width * index);
  const codes = version === 1 ? [i16(252, 0), i16(254, 0)] : [integer(0, 344), integer(0, 348)];
  const [qform = 0, sform = 0] = codes;
  if (sform !== 0) {
    const step = (axis: number) => triple((direction) => list(280, 400, 4 * direction + axis));
    return { steps: [step(0), step(1), step(2)], said: true };
  }
  const sizes = triple((axis) => Math.abs(list(76, 104, axis + 1)) || 1);
  if (qform === 0) return { steps: [[-sizes[0], 0, 0], [0, sizes[1], 0], [0, 0, sizes[2]]], said: false }; // biome-ignore format: a matrix
  const [b, c, d] = triple((index) => list(256, 352, index));
  const rest = 1 - b * b - c * c - d * d;
  if (!(rest > -1e-5)) throw corrupt("NIfTI quaternion — expected a length of at most 1, got more");
  const a = Math.sqrt(Math.max(0, rest));
  const last = list(76, 104, 0) < 0 ? -1 : 1;
  const scaled = (step: Triple, by: number) => triple((direction) => step[direction] * by);
  return {
    steps: [
      scaled([a * a + b * b - c * c - d * d, 2 * (b * c + a * d), 2 * (b * d - a * c)], sizes[0]),
      scaled([2 * (b * c - a * d), a * a + c * c - b * b - d * d, 2 * (c * d + a * b)], sizes[1]),
      scaled([2 * (b * d + a * c), 2 * (c * d - a * b), a * a + d * d - b * b - c * c], sizes[2] * last),
    ],
    said: true,
  };
}

/**
 * Reads a header.
 * @param bytes at least the first NIFTI_HEADER_BYTES, where there are as many
 * @throws ImagingError `corrupt_image`, `unsupported_format`, `not_an_image`, `too_large`
 */
export function readNiftiHeader(bytes: Uint8Array, packed: boolean): VolumeHeader {
  const fields = fieldsOf(bytes);
  const { dim, i16, integer, real, little, version } = fields;
  const count = dim(0);
  if (!(count >= 1 && count <= 7)) throw corrupt(`NIfTI axes — expected 1 to 7, got ${count}`);
  if ((version === 1 ? i16(68, 0) : integer(0, 504)) === 1002)
    throw new ImagingError("not_an_image", "NIfTI that holds a map of labels — expected a picture. Name the volume that it was made of.");
  const sizes = sizesOf(
    "NIfTI",
    Array.from({ length: count }, (_, index) => dim(index + 1)),
  );
  const { steps, said } = stepsOf(fields);
  const [high, low] = [real(124, 192), real(128, 200)];
  return {
    format: "nifti",
    ...sizes,
    type: typeOf(fields),
    little,
    offset: offsetOf(fields, bytes),
    packedAt: packed ? 0 : undefined,
    scaling: scalingOf(fields),
    steps,
    shown: Number.isFinite(high - low) && high > low ? { low, high } : undefined,
    notes: said ? [] : ["the file does not say how it lies in the body; its axes are taken to run to the left, the front and the head"],
  };
}
