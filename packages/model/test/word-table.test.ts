// Words are read by row: of a table in a file no more is read than the rows that are asked for, each once.

import { describe, expect, it } from "vitest";
import { openSafetensors, safetensorsStateDict, wordVectors, writeSafetensors } from "../src/backbone.js";
import { seededFloats } from "../src/testing/index.js";

const [V, W] = [5000, 32];
const values = seededFloats(3, V * W);
const file = (dtype: "F32" | "F16") =>
  writeSafetensors([
    {
      name: "words",
      dtype,
      shape: [V, W],
      bytes: () => (dtype === "F32" ? new Uint8Array(values.buffer) : new Uint8Array(V * W * 2)),
    },
  ]);

/** The table of a file whose reads are counted. */
function counted(dtype: "F32" | "F16") {
  const bytes = file(dtype);
  const read = { bytes: 0, calls: 0 };
  const source = {
    size: bytes.length,
    read(offset: number, length: number) {
      read.bytes += length;
      read.calls++;
      return bytes.subarray(offset, offset + length);
    },
  };
  const table = safetensorsStateDict(openSafetensors(source)).get("words");
  read.bytes = 0;
  read.calls = 0;
  return { table, read };
}

describe("word vectors", () => {
  it("are the table's rows, in the order asked for", () => {
    const { table } = counted("F32");
    const ids = [4999, 0, 17, 17, 2500];
    expect([...wordVectors(table)(ids)]).toEqual(ids.flatMap((id) => [...values.subarray(id * W, (id + 1) * W)]));
  });

  it("read each row once, near ones together, and nothing near the whole table", () => {
    const { table, read } = counted("F32");
    const lookUp = wordVectors(table);
    lookUp([10, 11, 14, 4000, 10]);
    expect(read).toEqual({ bytes: (5 + 1) * W * 4, calls: 2 });
    lookUp([4000, 14, 11]);
    expect(read.calls).toBe(2);
    lookUp(Array.from({ length: 200 }, (_, i) => i * 25));
    expect(read.bytes).toBeLessThan((V * W * 4) / 10);
  });

  it("read a table that must be converted once for all new words of a call", () => {
    const { table, read } = counted("F16");
    const lookUp = wordVectors(table);
    lookUp([1, 2000, 4000]);
    expect(read.calls).toBe(1);
    lookUp([1, 4000]);
    expect(read.calls).toBe(1);
  });

  it("refuse ids outside the table before anything is read", () => {
    const { table, read } = counted("F32");
    for (const id of [-1, V, 0.5, Number.NaN]) expect(() => wordVectors(table)([3, id]), String(id)).toThrow(/expected 0\.\.4999/);
    expect(read.calls).toBe(0);
  });
});
