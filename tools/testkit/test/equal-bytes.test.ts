import { expect, it } from "vitest";

const refused = (run: () => void): string => {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  return "";
};

it("typed arrays are equal by their bytes, wherever they stand, and one byte or another kind is still told", () => {
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => i);
  const other = bytes.slice();
  other[299] = 9;
  expect(bytes).toEqual(bytes.slice());
  expect({ deep: [new Float32Array([Number.NaN, 1])] }).toEqual({ deep: [new Float32Array([Number.NaN, 1])] });
  expect(new Uint8Array([0, 1, 2, 3]).subarray(1, 3)).toStrictEqual(new Uint8Array([9, 1, 2]).subarray(1));
  expect(refused(() => expect(bytes).toEqual(other))).toContain("deeply equal");
  expect(refused(() => expect({ deep: [bytes] }).toEqual({ deep: [other] }))).toContain("deeply equal");
  expect(refused(() => expect(bytes).toEqual(bytes.subarray(1)))).toContain("deeply equal");
  expect(refused(() => expect(new Uint8Array([1])).toStrictEqual(new Int8Array([1])))).toContain("strictly equal");
  expect(refused(() => expect(new Float32Array([0])).toEqual(new Float32Array([-0])))).toContain("deeply equal");
  expect(() => expect(bytes).not.toEqual(other)).not.toThrow();
  expect(refused(() => expect(bytes).not.toEqual(bytes.slice()))).not.toBe("");
});
