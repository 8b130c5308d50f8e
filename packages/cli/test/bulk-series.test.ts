// Series of very many files, interleaved: each whole and in order, with memory that does not grow with their number (BIOVLM_SOAK=1: 100 000 files).

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { dicomElement, dicomFile, soak } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { noSeries, seriesRows } from "../src/bulk-series.js";

const FILES = soak ? 100_000 : 3000;
const SERIES = Math.ceil(FILES / 50);

/** File i is of series i modulo SERIES, and lies the deeper the later it comes; every hundredth is a picture. */
function head(i: number): Uint8Array {
  return dicomFile("1.2.840.10008.1.2.1", [
    dicomElement("00080018", "UI", `2.25.1.${i}`),
    dicomElement("0020000E", "UI", `2.25.2.${i % SERIES}`),
    dicomElement("00200032", "DS", `0\\0\\${-i}`),
    dicomElement("00200037", "DS", "1\\0\\0\\0\\1\\0"),
    dicomElement("7FE00010", "OB", new Uint8Array(2)),
  ]);
}
const isPicture = (i: number) => i % 100 === 99;
const images = {
  start: async ({ uri }: { readonly uri: string }) => {
    const i = Number.parseInt(uri.slice(uri.lastIndexOf("/") + 1), 10);
    return isPicture(i) ? new TextEncoder().encode("a picture, which is no DICOM at all") : head(i);
  },
  check: async () => {},
};

/** Bytes that are in use. */
function heap(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

describe("series of a plan", () => {
  it("are whole and in order however their files come, and memory does not grow with them", async () => {
    const before = heap();
    let most = 0;
    async function* listed() {
      for (let i = 0; i < FILES; i++) {
        if (i % 20_000 === 19_999) most = Math.max(most, heap());
        yield { uri: `folder/of/a/study/with/a/long/name/${i}.dcm`, size: i };
      }
    }
    const counts = noSeries();
    let [rows, files, last, slices] = [0, 0, -1, 0];
    for await (const row of seriesRows(listed(), { images, maxImageBytes: 2 ** 20, counts, runChars: 2 ** 18, fanIn: 16 })) {
      const numbers = (row.files ?? [row]).map(({ uri }) => Number.parseInt(uri.slice(uri.lastIndexOf("/") + 1), 10));
      const first = Math.min(...numbers);
      expect(first).toBeGreaterThan(last);
      last = first;
      if (!isPicture(first)) {
        const wanted = Array.from({ length: Math.ceil((FILES - (first % SERIES)) / SERIES) }, (_, k) => (first % SERIES) + k * SERIES);
        expect(numbers).toEqual(wanted.filter((i) => !isPicture(i)).reverse());
        expect(row.files?.map(({ size }) => size) ?? numbers).toEqual(numbers);
        slices += numbers.length;
      }
      rows++;
      files += numbers.length;
      if (rows % 1000 === 0) most = Math.max(most, heap());
    }
    expect(files).toBe(FILES);
    expect(slices).toBe(FILES - Math.floor(FILES / 100));
    expect(counts).toMatchObject({ slices, localisers: 0, doubles: 0, empty: 0 });
    // what is known of 100 000 files takes some 50 MB
    expect(most - before).toBeLessThan(20 * 2 ** 20);
  }, 300_000);

  it("end with the fault of a source that cannot be read", async () => {
    const failing = { ...images, start: () => Promise.reject(Object.assign(new Error("no answer"), { code: "network" })) };
    const some = async function* () {
      yield { uri: "1.dcm" };
    };
    const read = async () => {
      for await (const _ of seriesRows(some(), { images: failing, maxImageBytes: 2 ** 20, counts: noSeries() }));
    };
    await expect(read()).rejects.toMatchObject({ code: "source_unreadable" });
  });
});
