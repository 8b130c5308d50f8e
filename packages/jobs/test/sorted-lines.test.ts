// Lines sorted on the disk: the order that memory would give, whatever the size of runs, and nothing left behind.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seeded } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LineSorter } from "../src/index.js";

const place = mkdtempSync(join(tmpdir(), "biovlm-sorted-"));
beforeAll(() => {
  process.env["TMPDIR"] = place;
});
afterAll(() => rmSync(place, { recursive: true, force: true }));
const all = async (sorter: LineSorter) => {
  const found: string[] = [];
  for await (const line of sorter.sorted()) found.push(line);
  return found;
};

describe("lines that are sorted on the disk", () => {
  it.each([
    [{}, 2000],
    [{ runChars: 500, fanIn: 3 }, 2000],
    [{ runChars: 1, fanIn: 2 }, 60],
    [{ runChars: 40_000, fanIn: 64 }, 20_000],
    [{ runChars: 10 }, 0],
  ])("come in order with %j, %i of them", async (limits, count) => {
    const { below } = seeded(7);
    const lines = Array.from({ length: count }, (_, i) => `${String(below(1e9)).padStart(9, "0")} ${i} ü \u2028 ${"x".repeat(below(99))}`);
    const sorter = new LineSorter(limits);
    try {
      for (const line of lines) await sorter.add(line);
      expect(await all(sorter)).toEqual([...lines].sort());
    } finally {
      await sorter.close();
    }
  });

  it("may be longer than what is read at once", async () => {
    const lines = ["b", "a", "c"].map((name) => name + "ö".repeat(200_000));
    const sorter = new LineSorter({ runChars: 1000, fanIn: 2 });
    for (const line of lines) await sorter.add(line);
    expect((await all(sorter)).map((line) => [line[0], line.length])).toEqual([
      ["a", 200_001],
      ["b", 200_001],
      ["c", 200_001],
    ]);
    await sorter.close();
  });

  it("leave nothing on the disk, also where they are not read to the end or work is stopped", async () => {
    const stop = new AbortController();
    const sorter = new LineSorter({ runChars: 10, fanIn: 4, signal: stop.signal });
    for (let i = 0; i < 100; i++) await sorter.add(String(i));
    expect(readdirSync(place)).toHaveLength(1);
    for await (const line of sorter.sorted()) if (line === "10") break;
    stop.abort(new Error("enough"));
    await expect(all(sorter)).rejects.toThrow("enough");
    await sorter.close();
    expect(readdirSync(place)).toEqual([]);
  });
});
