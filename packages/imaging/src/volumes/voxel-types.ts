// Types of voxels: how one is read from bytes in either byte order, and an array that holds a slice of them.

import type { StoredValues } from "../dicom/stored-values.js";

/** One type. Whole numbers of 64 bits become doubles, as any value does in the end. */
export interface VoxelType {
  readonly bytes: 1 | 2 | 4 | 8;
  /** unsigned values of 8 bits: without scaling they are shades already */
  readonly shades: boolean;
  read(view: DataView, at: number, little: boolean): number;
  make(length: number): StoredValues;
}

const type = (bytes: VoxelType["bytes"], read: VoxelType["read"], make: VoxelType["make"], shades = false): VoxelType => ({
  bytes,
  shades,
  read,
  make,
});

/** By name. */
export const VOXEL_TYPES = {
  uint8: type(
    1,
    (view, at) => view.getUint8(at),
    (length) => new Uint8Array(length),
    true,
  ),
  int8: type(
    1,
    (view, at) => view.getInt8(at),
    (length) => new Int8Array(length),
  ),
  uint16: type(
    2,
    (view, at, little) => view.getUint16(at, little),
    (length) => new Uint16Array(length),
  ),
  int16: type(
    2,
    (view, at, little) => view.getInt16(at, little),
    (length) => new Int16Array(length),
  ),
  uint32: type(
    4,
    (view, at, little) => view.getUint32(at, little),
    (length) => new Uint32Array(length),
  ),
  int32: type(
    4,
    (view, at, little) => view.getInt32(at, little),
    (length) => new Int32Array(length),
  ),
  uint64: type(
    8,
    (view, at, little) => Number(view.getBigUint64(at, little)),
    (length) => new Float64Array(length),
  ),
  int64: type(
    8,
    (view, at, little) => Number(view.getBigInt64(at, little)),
    (length) => new Float64Array(length),
  ),
  float32: type(
    4,
    (view, at, little) => view.getFloat32(at, little),
    (length) => new Float32Array(length),
  ),
  float64: type(
    8,
    (view, at, little) => view.getFloat64(at, little),
    (length) => new Float64Array(length),
  ),
} as const satisfies Readonly<Record<string, VoxelType>>;
