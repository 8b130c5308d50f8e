// What the readers of volumes say of a file before a voxel is touched, and the checks that all of them share.

import { corrupt, ImagingError } from "../errors.js";
import type { VoxelType } from "./voxel-types.js";

/** Three numbers: of the axes as stored, or to the right, the front and the head. */
export type Triple = readonly [number, number, number];

/** A volume as its header describes it. */
export interface VolumeHeader {
  readonly format: "nifti" | "nrrd";
  /** voxels along each axis as stored, the fastest first; each ≥ 1 */
  readonly size: Triple;
  /** volumes one after another (time, directions); the first is read */
  readonly volumes: number;
  readonly type: VoxelType;
  readonly little: boolean;
  /** where the voxels begin */
  readonly offset: number;
  /** whether `offset` counts from the beginning of the file, or of what the gzip data at `packedAt` inflate to */
  readonly packedAt: number | undefined;
  /** value = stored · slope + intercept; undefined where the values are as stored */
  readonly scaling: { readonly slope: number; readonly intercept: number } | undefined;
  /** one step along each stored axis, in mm to the right, the front and the head */
  readonly steps: readonly [Triple, Triple, Triple];
  /** the lowest and the highest value to be shown, where the file says so */
  readonly shown: { readonly low: number; readonly high: number } | undefined;
  readonly notes: readonly string[];
}

/** Bytes of the first volume. */
export const voxelBytes = ({ size, type }: Pick<VolumeHeader, "size" | "type">): number => size[0] * size[1] * size[2] * type.bytes;

/** An error for a volume that takes more than the limits allow. */
export function volumeTooLarge(format: string, needed: number, limit: number): ImagingError {
  return new ImagingError(
    "too_large",
    `${format} volume too large — expected at most ${limit} bytes of voxels, got ${needed}. Cut it smaller, or raise maxBytes or maxPixels.`,
  );
}

/** Sizes along the axes, from what the header says: 1 to 7 numbers, each at least 1. @throws ImagingError `corrupt_image`, `too_large` */
export function sizesOf(format: string, given: readonly number[]): { readonly size: Triple; readonly volumes: number } {
  for (const size of given)
    if (!Number.isSafeInteger(size) || size < 1) throw corrupt(`${format} sizes — expected whole numbers of at least 1, got ${size}`);
  const [x = 1, y = 1, z = 1, ...rest] = given;
  const volumes = rest.reduce((product, size) => product * size, 1);
  if (!Number.isSafeInteger(x * y * z * volumes)) throw volumeTooLarge(format, x * y * z * volumes, Number.MAX_SAFE_INTEGER);
  return { size: [x, y, z], volumes };
}
