// The safetensors format: every rule, written files that others read, damaged ones refused.

import { readFileSync } from "node:fs";
import { BiovlmError } from "@biovlm/files";
import { attack, cases, golden, goldenTensors, seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { openSafetensors, SAFETENSORS_DTYPES, type SafetensorsDtype, writeSafetensors } from "../../src/weights/safetensors.js";
import { safetensorsStateDict } from "../../src/weights/state-dict.js";
import { toFloat32 } from "../../src/weights/to-float32.js";

const model = () => new Uint8Array(readFileSync(golden("tiny_a_model.safetensors")));
const coded = (...codes: string[]) =>
  expect.objectContaining({
    package: expect.stringMatching(/^(model|files|graph)$/),
    code: expect.stringMatching(`^(${codes.join("|")})$`),
  });

/** A file of a header as text and some bytes behind it. */
function fileOf(header: string, dataBytes: number, lie?: bigint): Uint8Array {
  const json = new TextEncoder().encode(header);
  const out = new Uint8Array(8 + json.length + dataBytes);
  new DataView(out.buffer).setBigUint64(0, lie ?? BigInt(json.length), true);
  out.set(json, 8);
  return out;
}
const entry = (dtype: string, shape: string, from: number | string, to: number | string, more = "") =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${from},${to}]${more}}`;

describe("a safetensors file", () => {
  it("of another writer gives its tensors by name, as an independent reader sees them", () => {
    const { tensors } = openSafetensors(model());
    const wanted = goldenTensors("tiny_a_model.safetensors");
    expect([...tensors.keys()].sort()).toEqual([...wanted.keys()].sort());
    for (const [name, { shape, data }] of wanted) {
      expect(tensors.get(name)!.shape).toEqual(shape);
      expect(toFloat32(tensors.get(name)!.dtype, tensors.get(name)!.bytes())).toEqual(data);
    }
  });

  it("written and read again is the same, whatever the names, types, shapes and metadata; the same content gives the same bytes", () => {
    const random = seeded(11);
    const dtypes = Object.keys(SAFETENSORS_DTYPES) as SafetensorsDtype[];
    for (let i = 0; i < cases(1000); i++) {
      const written = Array.from({ length: random.below(8) }, (_, k) => {
        const dtype = random.pick(dtypes);
        const shape = Array.from({ length: random.below(4) }, () => random.below(5));
        const bytes = Uint8Array.from({ length: shape.reduce((a, b) => a * b, SAFETENSORS_DTYPES[dtype]) }, () => random.below(256));
        return { name: `${random.pick(["a", "ü", '"\\', "constructor", "\n", "深"])}${k}`, dtype, shape, bytes: () => bytes };
      });
      const metadata: Record<string, string> = random.below(2) === 0 ? {} : { toString: "x", "k\u2028": "ž" };
      const file = writeSafetensors(written, metadata);
      const read = openSafetensors(file);
      expect({ ...read.metadata }).toEqual(metadata);
      expect(read.tensors.size).toBe(written.length);
      for (const { name, dtype, shape, bytes } of written) {
        const got = read.tensors.get(name)!;
        expect([got.dtype, got.shape, [...got.bytes()]]).toEqual([dtype, shape, [...bytes()]]);
        expect(got.offset % SAFETENSORS_DTYPES[dtype]).toBe(0);
      }
      expect(writeSafetensors([...written].reverse(), metadata)).toEqual(file);
    }
  });

  it("that breaks any one rule of the format is refused", () => {
    const sound = `{"a":${entry("F32", "[2]", 0, 8)},"b":${entry("U8", "[1]", 8, 9)}}`;
    expect(openSafetensors(fileOf(sound, 9)).tensors.size).toBe(2);
    const rules: [string, Uint8Array][] = [
      ["empty", new Uint8Array(0)],
      ["7 bytes", new Uint8Array(7)],
      ["header longer than the file", fileOf(sound, 9, 10_000n)],
      ["header of 2^63 bytes", fileOf(sound, 9, 1n << 63n)],
      ["header above 100 MB", fileOf(sound, 9, 100_000_001n)],
      ["header of no bytes", fileOf("", 0)],
      ["header that starts with a space", fileOf(` ${sound}`, 9)],
      ["header that is a list", fileOf("[]", 0)],
      ["text behind the header", fileOf(`${sound}x`, 9)],
      ["a key twice", fileOf(`{"a":${entry("U8", "[1]", 0, 1)},"a":${entry("U8", "[1]", 0, 1)}}`, 1)],
      ["a key twice, once escaped", fileOf(`{"a":${entry("U8", "[1]", 0, 1)},"\\u0061":${entry("U8", "[1]", 0, 1)}}`, 1)],
      ["__proto__", fileOf(`{"__proto__":${entry("U8", "[1]", 0, 1)}}`, 1)],
      ["an unknown field", fileOf(`{"a":${entry("U8", "[1]", 0, 1, ',"x":1')}}`, 1)],
      ["no dtype", fileOf(`{"a":{"shape":[1],"data_offsets":[0,1]}}`, 1)],
      ["a hole", fileOf(`{"a":${entry("U8", "[1]", 0, 1)},"b":${entry("U8", "[1]", 2, 3)}}`, 3)],
      ["an overlap", fileOf(`{"a":${entry("U8", "[2]", 0, 2)},"b":${entry("U8", "[2]", 1, 3)}}`, 3)],
      ["bytes before the first", fileOf(`{"a":${entry("U8", "[1]", 1, 2)}}`, 2)],
      ["bytes behind the last", fileOf(sound, 10)],
      ["too few bytes", fileOf(sound, 8)],
      ["a span that is not the shape's", fileOf(`{"a":${entry("F32", "[3]", 0, 8)}}`, 8)],
      ["a span that ends before it begins", fileOf(`{"a":${entry("U8", "[1]", 1, 0)}}`, 1)],
      ["a negative size", fileOf(`{"a":${entry("U8", "[-1]", 0, 1)}}`, 1)],
      ["a size that is no integer", fileOf(`{"a":${entry("U8", "[1.0]", 0, 1)}}`, 1)],
      ["sizes whose product overflows", fileOf(`{"a":${entry("F32", "[4294967296,4294967296]", 0, 0)}}`, 0)],
      ["sizes that overflow on the way to none", fileOf(`{"a":${entry("F32", "[9007199254740991,9007199254740991,0]", 0, 0)}}`, 0)],
      ["seventeen axes", fileOf(`{"a":${entry("U8", `[${Array(17).fill(1)}]`, 0, 1)}}`, 1)],
      ["metadata that is a number", fileOf(`{"__metadata__":{"a":1}}`, 0)],
      ["metadata that is a list", fileOf(`{"__metadata__":[]}`, 0)],
      ["NaN", fileOf(`{"a":${entry("U8", "[NaN]", 0, 1)}}`, 1)],
      ["no UTF-8", fileOf(sound, 9).fill(0xff, 10, 11)],
    ];
    for (const [rule, bytes] of rules) expect(() => openSafetensors(bytes), rule).toThrow(coded("malformed_safetensors"));
    expect(() => openSafetensors(fileOf(`{"a":${entry("F4", "[2]", 0, 1)}}`, 1))).toThrow(coded("unsupported_dtype"));
    expect(() => openSafetensors(fileOf(`{"a":${entry("toString", "[1]", 0, 1)}}`, 1))).toThrow(coded("unsupported_dtype"));
  });

  it("may hold no tensors, tensors of no elements, and scalars", () => {
    const file = writeSafetensors([
      { name: "none", dtype: "F32", shape: [0, 7], bytes: () => new Uint8Array(0) },
      { name: "one", dtype: "I64", shape: [], bytes: () => new Uint8Array(8) },
    ]);
    expect([...openSafetensors(file).tensors.keys()].sort()).toEqual(["none", "one"]);
    expect(openSafetensors(writeSafetensors([])).tensors.size).toBe(0);
  });

  it("damaged in any way gives a typed error or a reading, in time and in flat memory (R1)", async () => {
    const small = writeSafetensors(
      Array.from({ length: 6 }, (_, i) => ({ name: `t${i}`, dtype: "F32" as const, shape: [i, 3], bytes: () => new Uint8Array(12 * i) })),
      { v_heads: "2" },
    );
    const report = await attack({
      seed: 17,
      samples: { small, model: model() },
      count: cases(1000),
      run: (bytes) => {
        const weights = safetensorsStateDict(openSafetensors(bytes));
        for (const key of weights.keys()) weights.get(key).bytes();
      },
      expect: (error) => error instanceof BiovlmError,
    });
    expect(report.refused).toBeGreaterThan(report.cases / 10);
  });
});

describe("the writer", () => {
  it("refuses names twice, reserved names, lone surrogates and bytes of another length", () => {
    const one = (name: string, n = 1) => ({ name, dtype: "U8" as const, shape: [1], bytes: () => new Uint8Array(n) });
    for (const tensors of [[one("a"), one("a")], [one("__metadata__")], [one("__proto__")], [one("\ud800")], [one("a", 2)]])
      expect(() => writeSafetensors(tensors)).toThrow(coded("bad_argument"));
    expect(() => writeSafetensors([], { a: 1 as unknown as string })).toThrow(coded("bad_argument"));
  });
});

describe("float32 from stored elements", () => {
  const table: [SafetensorsDtype, number[], number[]][] = [
    ["F16", [0x00, 0x3c, 0x01, 0x00, 0xff, 0x7b, 0x00, 0xfc], [1, 2 ** -24, 65504, Number.NEGATIVE_INFINITY]],
    ["BF16", [0x80, 0x3f, 0x80, 0xff], [1, Number.NEGATIVE_INFINITY]],
    ["F8_E4M3", [0x38, 0x7e, 0x01, 0x7f], [1, 448, 2 ** -9, Number.NaN]],
    ["F8_E5M2", [0x3c, 0x7b, 0x7c, 0x01], [1, 57344, Number.POSITIVE_INFINITY, 2 ** -16]],
    ["F8_E8M0", [127, 0, 255], [1, 2 ** -127, Number.NaN]],
    ["F64", [0, 0, 0, 0, 0, 0, 0xf0, 0x3f], [1]],
    ["I8", [255, 127], [-1, 127]],
    ["I16", [0xff, 0xff], [-1]],
    ["U16", [0xff, 0xff], [65535]],
    ["I64", [255, 255, 255, 255, 255, 255, 255, 255], [-1]],
    ["BOOL", [1, 0], [1, 0]],
  ];
  it.each(table)("%s is exact, at any address", (dtype, bytes, values) => {
    for (const shift of [0, 1, 3]) {
      const at = new Uint8Array(bytes.length + shift);
      at.set(bytes, shift);
      expect([...toFloat32(dtype, at.subarray(shift))]).toEqual(values);
    }
  });

  it("is refused for complex numbers and for half an element", () => {
    expect(() => toFloat32("C64", new Uint8Array(8))).toThrow(coded("unsupported_dtype"));
    expect(() => toFloat32("F32", new Uint8Array(7))).toThrow(coded("bad_argument"));
  });
});
