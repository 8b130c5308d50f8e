// Seeded byte mutator: what a hostile or broken file looks like. Bit flips, truncations, splices, and attacks on length fields and on
// numbers written as text (JSON headers). It knows no format; half of its aim is at the first and last 256 bytes, where headers and
// directories lie. Pure: the same seed and sample give the same cases.
import { type Seeded, seeded } from "./seeded.js";

type Mutation = (random: Seeded, bytes: Uint8Array, place: () => number) => Uint8Array;

const textNumbers = ["-1", "0", "1e999", "4294967296", "9007199254740993", "99999999999999999999", "NaN", "1.5", '"1"', "null", "[]"];

const flipBits: Mutation = (random, bytes, place) => {
  for (let i = 1 + random.below(8); i > 0; i--) bytes[place()]! ^= 1 << random.below(8);
  return bytes;
};

const setBytes: Mutation = (random, bytes, place) => {
  for (let i = 1 + random.below(16); i > 0; i--) bytes[place()] = random.pick([0, 0xff, 0x7f, 0x80, 0x22, 0x7b, random.below(256)]);
  return bytes;
};

const truncate: Mutation = (random, bytes) => bytes.slice(0, random.below(bytes.length));

const extend: Mutation = (random, bytes) => {
  const tail = new Uint8Array(1 + random.below(512));
  if (random.below(2) === 0) for (let i = 0; i < tail.length; i++) tail[i] = random.below(256);
  return concat(bytes, tail);
};

const zeroRange: Mutation = (random, bytes, place) => {
  const at = place();
  bytes.fill(random.pick([0, 0, 0xff]), at, at + 1 + random.below(Math.max(1, bytes.length >> 2)));
  return bytes;
};

const copyRange: Mutation = (random, bytes, place) => {
  const from = random.below(bytes.length);
  bytes.copyWithin(place(), from, from + 1 + random.below(256));
  return bytes;
};

const deleteRange: Mutation = (random, bytes, place) => {
  const at = place();
  return concat(bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(64)));
};

const repeatRange: Mutation = (random, bytes, place) => {
  const at = place();
  const end = Math.min(bytes.length, at + 1 + random.below(256));
  return concat(bytes.subarray(0, end), bytes.subarray(at));
};

/** Writes an extreme 16-, 32- or 64-bit integer in either byte order: sizes, counts, offsets that lie. */
const lieAboutLength: Mutation = (random, bytes, place) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = random.pick([2, 4, 4, 8]);
  if (bytes.length < width) return bytes;
  const at = Math.min(place(), bytes.length - width);
  const little = random.below(2) === 0;
  const n = bytes.length;
  const value = random.pick([
    0n,
    1n,
    0xffn,
    0x7fffn,
    0x7fffffffn,
    0x80000000n,
    0xffffffffn,
    -1n,
    1n << 53n,
    BigInt(n - 1),
    BigInt(n),
    BigInt(n + 1),
  ]);
  if (width === 2) view.setUint16(at, Number(value & 0xffffn), little);
  else if (width === 4) view.setUint32(at, Number(value & 0xffffffffn), little);
  else view.setBigUint64(at, BigInt.asUintN(64, value), little);
  return bytes;
};

/** Replaces one run of ASCII digits by another number or by something that is none. */
const lieInText: Mutation = (random, bytes, place) => {
  const isDigit = (i: number) => bytes[i]! >= 0x30 && bytes[i]! <= 0x39;
  let start = place();
  const stop = Math.min(bytes.length, start + 4096);
  while (start < stop && !isDigit(start)) start++;
  if (start === stop) return flipBits(random, bytes, place);
  let end = start;
  while (end < bytes.length && isDigit(end)) end++;
  return concat(bytes.subarray(0, start), new TextEncoder().encode(random.pick(textNumbers)), bytes.subarray(end));
};

const mutationsByWeight: readonly Mutation[] = [
  flipBits,
  flipBits,
  flipBits,
  setBytes,
  setBytes,
  lieAboutLength,
  lieAboutLength,
  lieAboutLength,
  lieInText,
  lieInText,
  truncate,
  truncate,
  extend,
  zeroRange,
  copyRange,
  deleteRange,
  repeatRange,
];

/**
 * `count` damaged copies of `bytes`, each by one to three mutations; the input is never touched.
 * @example for (const bad of mutations(1, png, cases(1000))) await decode(bad)
 */
export function* mutations(seed: number, bytes: Uint8Array, count: number): Generator<Uint8Array, void> {
  const random = seeded(seed);
  for (let i = 0; i < count; i++) {
    let copy = new Uint8Array(bytes); // a Buffer's slice() would share memory
    for (let round = 1 + random.below(3); round > 0 && copy.length > 0; round--) {
      const { length } = copy;
      const place = (): number => {
        const near = Math.min(length, 256);
        const aim = random.below(4);
        if (aim === 0) return random.below(near);
        if (aim === 1) return length - 1 - random.below(near);
        return random.below(length);
      };
      copy = random.pick(mutationsByWeight)(random, copy, place) as Uint8Array<ArrayBuffer>;
    }
    yield copy;
  }
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
