// Directories of zip archives, against those that another writer made; lies and damage are refused before anything is read of them.

import { cases, mutations, seeded } from "@biovlm/testkit";
import { type Zippable, zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { bytesSource, crc32, FilesError, readStoredZip, readZip } from "../src/index.js";

const LIMITS = { maxEntries: 100, maxDirectoryBytes: 1 << 16 };
const asked = (bytes: Uint8Array) => {
  const reads: [number, number][] = [];
  const read = async (offset: number, length: number) => {
    reads.push([offset, length]);
    return bytes.slice(offset, offset + length);
  };
  return { reads, file: { size: bytes.length, read } };
};

function sample(seed: number, level: 0 | 6): { bytes: Uint8Array; entries: Record<string, Uint8Array> } {
  const random = seeded(seed);
  const names = Array.from({ length: 1 + random.below(12) }, (_, i) => `${random.pick(["a", "data/b", "ü"])}${i}`);
  const entries = Object.fromEntries(names.map((name) => [name, Uint8Array.from({ length: random.below(3000) }, () => random.below(7))]));
  const zippable: Zippable = Object.fromEntries(Object.entries(entries).map(([name, bytes]) => [name, [bytes, { level }]]));
  return { bytes: zipSync(zippable), entries };
}

describe("readZip", () => {
  it("finds every entry of archives that another writer made, stored or deflated", async () => {
    for (let seed = 0; seed < cases(200); seed++) {
      const level = seed % 2 === 0 ? 0 : 6;
      const { bytes, entries } = sample(seed, level);
      const found = await readZip(asked(bytes).file, LIMITS);
      expect([...found.keys()].sort()).toEqual(Object.keys(entries).sort());
      for (const [name, content] of Object.entries(entries)) {
        const entry = found.get(name);
        expect(entry).toMatchObject({ size: content.length, crc32: crc32(content, 0), stored: level === 0 });
        if (entry?.stored) expect(bytes.slice(entry.offset, entry.offset + entry.packedSize)).toEqual(content);
      }
    }
  });

  it("reads the directory and the entries' headers, never their data", async () => {
    const bytes = zipSync({ big: [new Uint8Array(1 << 20), { level: 0 }] });
    const { file, reads } = asked(bytes);
    await readZip(file, LIMITS);
    expect(reads.reduce((sum, [, length]) => sum + length, 0)).toBeLessThan(70_000);
  });

  it("refuses more entries and larger directories than the limits", async () => {
    const many = zipSync(Object.fromEntries(Array.from({ length: 101 }, (_, i) => [String(i), new Uint8Array(0)])));
    await expect(readZip(asked(many).file, LIMITS)).rejects.toMatchObject({ code: "too_large" });
    await expect(readZip(asked(many).file, { maxEntries: 200, maxDirectoryBytes: 1000 })).rejects.toMatchObject({ code: "too_large" });
    expect((await readZip(asked(many).file, { ...LIMITS, maxEntries: 101 })).size).toBe(101);
  });

  it("answers damaged archives with entries inside the file or a typed error (R1, R3)", async () => {
    const { bytes } = sample(3, 6);
    let refused = 0;
    for (const damaged of mutations(9, bytes, cases(2000))) {
      try {
        for (const { offset, packedSize } of (await readZip(asked(damaged).file, LIMITS)).values())
          expect(offset + packedSize).toBeLessThanOrEqual(damaged.length);
      } catch (error) {
        expect(error).toBeInstanceOf(FilesError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(cases(2000) / 10);
  });

  it("refuses a file that is no archive, an empty one, and one whose reader gives less than asked", async () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(10), new TextEncoder().encode("no archive, only text ".repeat(9))])
      await expect(readZip(asked(bytes).file, LIMITS)).rejects.toMatchObject({ code: "malformed_zip" });
    const { bytes } = sample(1, 0);
    const short = { size: bytes.length, read: async (offset: number, length: number) => bytes.slice(offset, offset + length - 1) };
    await expect(readZip(short, LIMITS)).rejects.toMatchObject({ code: "malformed_zip" });
  });
});

describe("readStoredZip", () => {
  it("agrees with readZip on stored archives, and refuses deflated ones with a way out", async () => {
    const { bytes } = sample(8, 0);
    expect(readStoredZip(bytesSource(bytes))).toEqual(await readZip(asked(bytes).file, LIMITS));
    const deflated = zipSync({ a: [new Uint8Array(100), { level: 6 }] });
    expect(() => readStoredZip(bytesSource(deflated))).toThrow(expect.objectContaining({ code: "unsupported_format" }));
  });
});
