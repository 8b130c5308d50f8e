// Which stored axis runs to the right, the front and the head of a body, and how a plane is cut from a volume. The rule of axes is nibabel's
// (`io_orientation`): the rotation closest to the steps, the axis that is surest of its direction first.

import { sampleAt } from "../element-read.js";
import type { Triple } from "./volume-header.js";

/** Planes of the body. */
export type Plane = "axial" | "coronal" | "sagittal";

/** All planes, the usual one first. */
export const PLANES: readonly Plane[] = ["axial", "coronal", "sagittal"];

/** Of the directions right, front, head: the stored axis that runs along it, and whether towards it (1) or away from it (−1). */
export type Orientation = readonly { readonly axis: 0 | 1 | 2; readonly sign: 1 | -1 }[];

type Matrix = number[][];

const AXES = [0, 1, 2] as const;

function inverseTransposed(m: Matrix): Matrix | undefined {
  const at = (i: number, j: number) => sampleAt(m[i % 3] ?? [], j % 3);
  const cofactors = AXES.map((i) => AXES.map((j) => at(i + 1, j + 1) * at(i + 2, j + 2) - at(i + 1, j + 2) * at(i + 2, j + 1)));
  const determinant = AXES.reduce<number>((sum, j) => sum + at(0, j) * sampleAt(cofactors[0] ?? [], j), 0);
  if (!(Math.abs(determinant) > 1e-9)) return undefined;
  return cofactors.map((row) => row.map((value) => value / determinant));
}

/** The rotation (or reflection) closest to a matrix, by Newton's iteration; undefined where the matrix has no inverse. */
function closestRotation(m: Matrix): Matrix | undefined {
  let current = m;
  for (let round = 0; round < 60; round++) {
    const inverse = inverseTransposed(current);
    if (inverse === undefined) return undefined;
    const next = current.map((row, i) => row.map((value, j) => (value + sampleAt(inverse[i] ?? [], j)) / 2));
    const moved = Math.max(...next.flatMap((row, i) => row.map((value, j) => Math.abs(value - sampleAt(current[i] ?? [], j)))));
    current = next;
    if (moved < 1e-15) break;
  }
  return current;
}

/**
 * The orientation of a grid.
 * @param steps one step along each stored axis, to the right, the front and the head
 * @returns with `tilt`, the largest angle between a stored axis and the body's, in degrees; undefined where the steps span no volume
 */
export function orientationOf(
  steps: readonly [Triple, Triple, Triple],
): { readonly orientation: Orientation; readonly tilt: number } | undefined {
  const lengths = steps.map((step) => Math.hypot(...step));
  if (!lengths.every((length) => length > 0 && Number.isFinite(length))) return undefined;
  // rows are directions of the body, columns stored axes
  const unit = AXES.map((direction) => steps.map((step, axis) => step[direction] / sampleAt(lengths, axis)));
  const rotation = closestRotation(unit);
  if (rotation === undefined) return undefined;
  const column = (axis: number) => AXES.map((direction) => sampleAt(rotation[direction] ?? [], axis));
  const surest = (axis: number) => Math.max(...column(axis).map((value) => value * value));
  const found = new Map<number, { readonly axis: 0 | 1 | 2; readonly sign: 1 | -1 }>();
  let least = 1;
  for (const axis of [...AXES].sort((a, b) => surest(b) - surest(a))) {
    const values = column(axis);
    const [direction = 0] = AXES.filter((d) => !found.has(d)).sort((a, b) => Math.abs(sampleAt(values, b)) - Math.abs(sampleAt(values, a)));
    const value = sampleAt(values, direction);
    least = Math.min(least, Math.abs(value));
    found.set(direction, { axis, sign: value < 0 ? -1 : 1 });
  }
  const orientation = AXES.flatMap((direction) => found.get(direction) ?? []);
  return { orientation, tilt: (Math.acos(least) * 180) / Math.PI };
}

/** A walk along one stored axis: `count` voxels, `step` apart from `start` on. */
export interface Walk {
  readonly axis: 0 | 1 | 2;
  readonly count: number;
  readonly start: number;
  readonly step: number;
}

const [RIGHT, FRONT, HEAD] = [0, 1, 2];

/** Direction that columns, rows and slices run to: the pictures are those of DICOM, the patient's right on the left, the slices along its normal. */
const WAYS: Readonly<Record<Plane, readonly (readonly [number, 1 | -1])[]>> = {
  axial: [
    [RIGHT, -1],
    [FRONT, -1],
    [HEAD, 1],
  ],
  coronal: [
    [RIGHT, -1],
    [HEAD, -1],
    [FRONT, -1],
  ],
  sagittal: [
    [FRONT, -1],
    [HEAD, -1],
    [RIGHT, 1],
  ],
};

/** Walks along the columns, the rows and the slices of a plane, in voxels. */
export function walksOf(plane: Plane, size: Triple, orientation: Orientation): readonly [Walk, Walk, Walk] {
  const strides = [1, size[0], size[0] * size[1]];
  const walk = (at: number): Walk => {
    const [direction = 0, way = 1] = WAYS[plane][at] ?? [];
    const { axis, sign } = orientation[direction] ?? { axis: 0, sign: 1 };
    const [count, stride] = [size[axis], sampleAt(strides, axis)];
    return sign * way > 0 ? { axis, count, start: 0, step: stride } : { axis, count, start: (count - 1) * stride, step: -stride };
  };
  return [walk(0), walk(1), walk(2)];
}
