import { describe, expect, it } from "vitest";
import { floatsOf, littleEndian, turned } from "../src/wire-numbers.js";

const FLOATS = Float32Array.from([0, -0, 1, -1.5, 3.4e38, 1e-45, Number.NaN, Number.POSITIVE_INFINITY, Math.PI]);

/** As DataView writes them, one by one. */
function oneByOne(values: Float32Array | Int32Array): Buffer {
  const out = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) {
    if (values instanceof Float32Array) out.writeFloatLE(value, i * 4);
    else out.writeInt32LE(value, i * 4);
  }
  return out;
}

describe("numbers of four bytes", () => {
  it("are written as little-endian bytes, also of a part of an array", () => {
    const whole = Int32Array.from([1, -2, 0x12345678, -(2 ** 31)]);
    for (const values of [FLOATS, FLOATS.subarray(2, 7), whole, whole.subarray(1), new Float32Array(0)])
      expect(Buffer.from(littleEndian(values))).toEqual(oneByOne(values));
  });

  it("are read from bytes that stand anywhere, into memory of their own", () => {
    const at = Buffer.concat([Buffer.from([9]), oneByOne(FLOATS)]).subarray(1);
    const read = floatsOf(at);
    expect(Buffer.from(littleEndian(read))).toEqual(oneByOne(FLOATS));
    at.fill(0);
    expect(read.at(-1)).toBe(Math.fround(Math.PI));
    expect(() => floatsOf(new Uint8Array(5))).toThrow(RangeError);
  });

  it("are turned, four bytes by four, on a host of the other order", () => {
    expect([...turned(Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]))]).toEqual([4, 3, 2, 1, 8, 7, 6, 5]);
  });
});
