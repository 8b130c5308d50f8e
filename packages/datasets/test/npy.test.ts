// The header of an .npy: the three dtypes that images and labels come in, and refusals that say what was there instead.

import { cases, mutations } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { DatasetError } from "../src/errors.js";
import { parseNpyHeader } from "../src/npy.js";
import { npy } from "./npy-file.js";

const bytes = (length: number) => new Uint8Array(length);

describe("parseNpyHeader", () => {
  it("reads dtype, shape and where the data lie, in all three versions", () => {
    for (const major of [1, 2, 3]) {
      const file = npy({ shape: [3, 28, 28], major }, bytes(3 * 784));
      const header = parseNpyHeader(file);
      expect(header).toEqual({ type: "uint8", shape: [3, 28, 28], dataOffset: file.length - 3 * 784, dataLength: 3 * 784 });
    }
    expect(parseNpyHeader(npy({ descr: "<i8", shape: [5] }, bytes(40)))).toMatchObject({ type: "int64", shape: [5], dataLength: 40 });
    expect(parseNpyHeader(npy({ descr: "<f4", shape: [] }, bytes(4)))).toMatchObject({ type: "float32", shape: [], dataLength: 4 });
    expect(parseNpyHeader(npy({ descr: "<u1", shape: [2, 1] }, bytes(2)))).toMatchObject({ type: "uint8", dataLength: 2 });
  });

  it("says what it got: other dtypes, Fortran order, other versions, other files", () => {
    expect(() => parseNpyHeader(npy({ descr: ">i8", shape: [1] }, bytes(8)))).toThrow(/dtype \|u1, <i8 or <f4, got >i8/);
    expect(() => parseNpyHeader(npy({ descr: "|O", shape: [1] }, bytes(8)))).toThrow(/got \|O/);
    expect(() => parseNpyHeader(npy({ shape: [2, 2], fortran: true }, bytes(4)))).toThrow(/C order, got Fortran order/);
    expect(() => parseNpyHeader(npy({ shape: [1], major: 4 }, bytes(1)))).toThrow(/version 1 to 3, got version 4/);
    expect(() => parseNpyHeader(new TextEncoder().encode("<html>not an array</html>"))).toThrow(/NumPy magic/);
    expect(() => parseNpyHeader(bytes(3))).toThrow(DatasetError);
  });

  it("refuses headers that are code, hold an overflow, or do not end inside the file", () => {
    expect(() => parseNpyHeader(npy({ shape: [], header: "__import__('os').system('true')" }, bytes(0)))).toThrow(/header dictionary/);
    expect(() => parseNpyHeader(npy({ shape: [2 ** 40, 2 ** 40] }, bytes(0)))).toThrow(/countable size/);
    expect(() => parseNpyHeader(npy({ shape: [1, 1, 1, 1, 1, 1] }, bytes(1)))).toThrow(/at most 5 axes/);
    const long = npy({ shape: [1] }, bytes(1)).slice();
    new DataView(long.buffer).setUint16(8, 60_000, true);
    expect(() => parseNpyHeader(long)).toThrow(/header of at most 4096 bytes/);
  });

  it("R1: answers damaged headers with a header whose data fit a number, or a typed error", () => {
    const sound = npy({ shape: [4, 8, 8, 3] }, bytes(16));
    let read = 0;
    for (const damaged of mutations(11, sound, cases(1000))) {
      try {
        const { dataLength, shape } = parseNpyHeader(damaged);
        expect(Number.isSafeInteger(dataLength)).toBe(true);
        expect(shape.length).toBeLessThanOrEqual(5);
        read++;
      } catch (error) {
        expect(error).toBeInstanceOf(DatasetError);
      }
    }
    expect(read).toBeGreaterThan(0);
  });
});
