// Random shapes, numbers and offsets of the kernel suite: one size table, one bag of awkward floats, one comparison.

import { f32 } from "../elements.js";
import type { Seeded } from "./seeded.js";

/** Tile sizes are 4, 6, 8 and 16 bytes wide: each with its neighbours and multiples. */
export const SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 18, 19, 23, 24, 25, 31, 32, 33] as const;
/** The first of them, where a case has four axes. */
export const SMALL = [1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

/** 2^−24: half a unit in the last place of a float32 near 1. */
export const U = 2 ** -24;
/** The smallest normal float32; below it the kernels may flush to 0. */
export const TINY = 1.1754943508222875e-38;
/** What a class adds to an entropy when its exp is flushed to 0: −d·e^d at d = −87.34, rounded up. */
export const FLUSHED = 90 * TINY;

type Kind = "usual" | "wide" | "denormal" | "equal" | "zeros" | "mixed";
const KINDS: readonly [Kind, ...Kind[]] = ["usual", "usual", "wide", "denormal", "equal", "zeros", "mixed"];

/**
 * `length` finite numbers of one kind, `limit` the largest magnitude. The array is a view at an odd offset into a larger buffer whose other
 * entries are NaN: a kernel's caller that reads beside the view is found out.
 */
export function floats(random: Seeded, length: number, limit = 30): Float32Array {
  const kind = random.pick(KINDS);
  const before = 1 + random.below(5);
  const buffer = new Float32Array(before + length + 3).fill(Number.NaN);
  const x = buffer.subarray(before, before + length);
  const same = Math.fround((random.next() * 2 - 1) * limit);
  for (let i = 0; i < length; i++) x[i] = one(random, kind === "mixed" ? random.pick(KINDS) : kind, limit, same);
  return x;
}

function one(random: Seeded, kind: Kind, limit: number, same: number): number {
  const u = random.next() * 2 - 1;
  if (kind === "usual") return u * Math.min(limit, 3);
  if (kind === "wide" || kind === "mixed") return u * limit;
  if (kind === "denormal") return u * TINY;
  return kind === "equal" ? same : random.pick([0, -0]);
}

/** Puts NaN or an infinity somewhere; returns false when the draw leaves x whole (nine of ten). */
export function poison(random: Seeded, x: Float32Array): boolean {
  if (random.below(10) > 0) return false;
  x[random.below(x.length)] = random.pick([Number.NaN, Infinity, -Infinity]);
  return true;
}

/** The largest |got − want| / allowed, where allowed = tolerance(i, want). At most 1 is a pass; NaN counts as Infinity. */
export function excess(got: ArrayLike<number>, want: ArrayLike<number>, tolerance: (i: number, want: number) => number): number {
  let worst = got.length === want.length ? 0 : Infinity;
  for (const [i, wanted] of Array.from(want).entries()) {
    const value = got[i] ?? Number.NaN;
    if (Object.is(value, wanted) || value === wanted) continue;
    const ratio = Math.abs(value - wanted) / tolerance(i, wanted);
    worst = Math.max(worst, Number.isNaN(ratio) ? Infinity : ratio);
  }
  return worst;
}

/** Distance of x[i] to the largest of its row of C. */
export function gap(x: Float32Array, C: number, i: number): number {
  const at = Math.floor(i / C) * C;
  return Math.max(...x.subarray(at, at + C)) - f32(x, i);
}
