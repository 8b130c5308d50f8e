// Sizes with symbols, float16 and the wire format: each held to an independent meaning over many cases.

import { GraphError, tensorOf } from "@biovlm/graph";
import { cases, mutations, type Seeded, seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { axisOf, broadcast, factors, product, quotient, sum } from "../src/dims.js";
import type { Dim } from "../src/graph.js";
import { arrayOf, fromFloat16, lazyTensor, numbersOf, toFloat16 } from "../src/tensor.js";
import { WireReader } from "../src/wire-reader.js";
import { WireWriter } from "../src/wire-writer.js";

const SIZES: Record<string, number> = { n: 3, L: 7, m: 5 };
/** What a size is once its symbols have numbers. */
function meaning(dim: Dim): number {
  if (typeof dim === "number") return dim;
  return Number(new Function(...Object.keys(SIZES), `return ${dim}`)(...Object.values(SIZES)));
}
const anySize = (random: Seeded): Dim => random.pick<Dim>([1, 2, 3, 12, "n", "L", "m", "L*n", "4*n", "(L+4)", "2*(L+4)*n"]);

describe("sizes with symbols", () => {
  it("multiply, divide and add as the numbers they stand for", () => {
    const random = seeded(3);
    for (let i = 0; i < cases(5000); i++) {
      const dims = Array.from({ length: 1 + random.below(4) }, () => anySize(random));
      const numbers = dims.map(meaning);
      expect(meaning(product(dims))).toBe(numbers.reduce((a, b) => a * b, 1));
      expect(meaning(sum(dims))).toBe(numbers.reduce((a, b) => a + b, 0));
      expect(factors(product(dims)).reduce<number>((p, d) => p * meaning(d), 1)).toBe(meaning(product(dims)));
      const divisor = anySize(random);
      const rest = quotient(product(dims), divisor);
      if (rest !== undefined) expect(meaning(rest) * meaning(divisor)).toBe(meaning(product(dims)));
      expect(quotient(product([...dims, divisor]), divisor)).toEqual(product(dims));
    }
  });

  it("do not depend on the order of their factors", () => {
    expect(product(["n", 4, "L"])).toBe("4*L*n");
    expect(product(["L", "n", 2, 2])).toBe("4*L*n");
    expect(product([0, "n"])).toBe(0);
    expect(quotient("n", "L")).toBeUndefined();
    expect(quotient(7, 2)).toBeUndefined();
    expect(quotient("n", 0)).toBeUndefined();
  });

  it("broadcast as NumPy's rule says, axis by axis from the end", () => {
    const random = seeded(8);
    for (let i = 0; i < cases(2000); i++) {
      const [a, b] = [0, 1].map(() => Array.from({ length: random.below(4) }, () => random.pick<Dim>([1, 2, 3, "n"]))) as [Dim[], Dim[]];
      const wanted: Dim[] = [];
      let fits = true;
      for (let k = 1; k <= Math.max(a.length, b.length); k++) {
        const [p, q] = [a.at(-k) ?? 1, b.at(-k) ?? 1];
        if (k > a.length || k > b.length || p === q || p === 1 || q === 1) wanted.unshift(p === 1 ? q : p);
        else fits = false;
      }
      if (fits) expect(broadcast("op", a, b)).toEqual(wanted);
      else expect(() => broadcast("op", a, b)).toThrow(GraphError);
    }
    expect([axisOf("op", -1, 3), axisOf("op", 0, 1)]).toEqual([2, 0]);
    for (const axis of [3, -4, 1.5, Number.NaN]) expect(() => axisOf("op", axis, 3)).toThrow(GraphError);
  });
});

describe("float16", () => {
  it("comes back from every one of its finite bit patterns", () => {
    for (let bits = 0; bits < 65536; bits++) {
      if (((bits >>> 10) & 31) === 31) continue;
      expect(toFloat16(fromFloat16(bits))).toBe(bits);
    }
    expect(fromFloat16(0x7c00)).toBe(Number.POSITIVE_INFINITY);
    expect(fromFloat16(0x7e00)).toBeNaN();
  });

  it("is the nearest one for any number, the even one between two, and never infinite", () => {
    const random = seeded(2);
    for (let i = 0; i < cases(50_000); i++) {
      const x = Math.fround((random.next() - 0.5) * 2 ** (random.below(36) - 20));
      const bits = toFloat16(x);
      const off = Math.abs(fromFloat16(bits) - x);
      for (const near of [bits - 1, bits + 1]) {
        if ((near & 0x7fff) > 0x7bff || near < 0 || (near ^ bits) & 0x8000) continue;
        const other = Math.abs(fromFloat16(near) - x);
        if (other === off) expect(bits & 1).toBe(0);
        else expect(off).toBeLessThan(other);
      }
    }
    expect([70_000, -1e30, Number.POSITIVE_INFINITY].map((x) => fromFloat16(toFloat16(x)))).toEqual([65504, -65504, 65504]);
    expect(fromFloat16(toFloat16(Number.NaN))).toBeNaN();
  });
});

describe("tensors", () => {
  it("refuse arrays of another type or size, and bytes that are fewer than their shape says", () => {
    expect(() => tensorOf("float32", [3], new Float32Array(2))).toThrow(expect.objectContaining({ code: "shape_mismatch" }));
    expect(() => tensorOf("int64", [2], new Float32Array(2))).toThrow(expect.objectContaining({ code: "dtype_mismatch" }));
    expect(() => tensorOf("float32", [-1], new Float32Array(1))).toThrow(expect.objectContaining({ code: "bad_argument" }));
    expect(() => lazyTensor("float32", [2], () => new Uint8Array(8), { location: "w", offset: 0, length: 7 })).toThrow(GraphError);
    expect(() => arrayOf(lazyTensor("float32", [2], () => new Uint8Array(7)))).toThrow(
      expect.objectContaining({ code: "malformed_model" }),
    );
  });

  it("are read from bytes at odd places, and give the numbers of every type", () => {
    const bytes = new Uint8Array(9);
    bytes.set(new Uint8Array(Float32Array.of(1.5, -2).buffer), 1);
    expect(arrayOf(lazyTensor("float32", [2], () => bytes.subarray(1)))).toEqual(Float32Array.of(1.5, -2));
    expect(numbersOf(tensorOf("int64", [2], BigInt64Array.of(5n, -6n)))).toEqual(Float64Array.of(5, -6));
    expect(numbersOf(tensorOf("float16", [2], Uint16Array.of(0x3c00, 0xc000)))).toEqual(Float64Array.of(1, -2));
    expect(numbersOf(tensorOf("bool", [2], Uint8Array.of(1, 0)))).toEqual(Float64Array.of(1, 0));
  });
});

describe("the wire format", () => {
  it("gives back whole numbers of up to 53 bits, texts and messages in order", () => {
    const random = seeded(6);
    for (let i = 0; i < cases(1000); i++) {
      const value = Math.trunc((random.next() - 0.5) * 2 ** (1 + random.below(53)));
      const text = random.pick(["", "ü", "x".repeat(300)]);
      const bytes = new WireWriter().int(1, value).string(2000, text).message(3, new WireWriter().int(9, i)).float(4, 0.5).finish();
      const reader = new WireReader(bytes);
      expect([reader.next(), reader.field, reader.intField("number")]).toEqual([true, 1, value]);
      expect([reader.next(), reader.field, reader.stringField("text")]).toEqual([true, 2000, text]);
      expect([reader.next(), reader.field]).toEqual([true, 3]);
      const inner = reader.messageField("message");
      expect([inner.next(), inner.field, inner.intField("inner"), inner.next()]).toEqual([true, 9, i, false]);
      expect([reader.next(), reader.wire]).toEqual([true, 5]);
      reader.skip();
      expect(reader.next()).toBe(false);
    }
  });

  it("reads damaged bytes to their end or a typed error, never past them", () => {
    const sound = new WireWriter().int(1, 300).string(2, "text").message(3, new WireWriter().int(1, 7)).float(4, 1).finish();
    let refused = 0;
    for (const bytes of mutations(4, sound, cases(5000))) {
      const reader = new WireReader(bytes);
      let fields = 0;
      try {
        while (reader.next()) {
          reader.skip();
          fields++;
        }
        expect(fields).toBeLessThanOrEqual(bytes.length);
      } catch (error) {
        expect(error).toMatchObject({ code: "malformed_model" });
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(cases(5000) / 20);
  });

  it("refuses numbers beyond 2^53, endless ones, other wire types and texts that are too long or no UTF-8", () => {
    const read = (bytes: number[], take: (reader: WireReader) => unknown) => () => {
      const reader = new WireReader(Uint8Array.from(bytes));
      reader.next();
      return take(reader);
    };
    const number = (reader: WireReader) => reader.intField("number");
    expect(read([8, ...Array(8).fill(255), 1], number)).toThrow(GraphError);
    expect(read([8, ...Array(11).fill(128)], number)).toThrow(GraphError);
    expect(read([8, 128], number)).toThrow(GraphError);
    expect(read([13, 0, 0, 0, 0], number)).toThrow(GraphError);
    expect(read([10, 5, 65], (reader) => reader.bytesField("bytes"))).toThrow(GraphError);
    expect(read([10, 2, 0xc3, 0x28], (reader) => reader.stringField("text"))).toThrow(GraphError);
    expect(read([10, 3, 65, 65, 65], (reader) => reader.stringField("text", 2))).toThrow(GraphError);
    expect(read([0], number)).toThrow(GraphError);
    expect(() => new WireWriter().payload(1, { byteLength: 3, bytes: () => new Uint8Array(2) }).finish()).toThrow(GraphError);
  });
});
