// Slices of a series in anatomical order, whatever their names and numbers say; what is double, missing or a localiser is said.

import { dicomElement, dicomFile, seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { orderedSeries, readSlicePlace } from "../../src/node/index.js";

interface Slice {
  readonly series?: string;
  readonly instance: number;
  readonly number?: number;
  readonly position?: readonly number[];
  readonly orientation?: string;
  readonly type?: string;
}
const AXIAL = "1\\0\\0\\0\\1\\0";

function place({ series = "2.25.1", instance, number, position, orientation = AXIAL, type = "ORIGINAL\\PRIMARY\\AXIAL" }: Slice) {
  const bytes = dicomFile("1.2.840.10008.1.2.1", [
    dicomElement("00080008", "CS", type),
    dicomElement("00080018", "UI", `2.25.9.${instance}`),
    dicomElement("0020000E", "UI", series),
    ...(number === undefined ? [] : [dicomElement("00200013", "IS", String(number))]),
    ...(position === undefined ? [] : [dicomElement("00200032", "DS", position.join("\\")), dicomElement("00200037", "DS", orientation)]),
  ]);
  return readSlicePlace(bytes);
}
const order = async (slices: readonly Slice[]) => orderedSeries(await Promise.all(slices.map(place)));

describe("a series", () => {
  it("is ordered by position along its normal, not by number", async () => {
    const at = [30, 10, 20, 0].map((z, i) => ({ instance: i, number: 4 - i, position: [5, 5, z] }));
    expect(await order(at)).toMatchObject([{ slices: [3, 1, 2, 0], localisers: [], doubles: [], notes: [] }]);
    // coronal planes: x and z in the plane, the normal along -y
    const coronal = [3, 1, 2].map((y, i) => ({ instance: i, position: [0, y, 9 - y], orientation: "1\\0\\0\\0\\0\\1" }));
    expect(await order(coronal)).toMatchObject([{ slices: [0, 2, 1], localisers: [], doubles: [], notes: [] }]);
  });

  it("is ordered by number where a slice does not say where it lies, and says so", async () => {
    const some = [
      { instance: 1, number: 3 },
      { instance: 2, number: 1, position: [0, 0, 50] },
      { instance: 3, number: 2 },
    ];
    expect(await order(some)).toMatchObject([
      { slices: [1, 2, 0], localisers: [], doubles: [], notes: [expect.stringContaining("ordered by number")] },
    ]);
  });

  it("of its own is told apart from another, and from what is no DICOM", async () => {
    const places = await Promise.all([
      place({ instance: 1, series: "2.25.1", position: [0, 0, 1] }),
      readSlicePlace(new Uint8Array(300)),
      place({ instance: 2, series: "2.25.2", position: [0, 0, 0] }),
      place({ instance: 3, series: "2.25.1", position: [0, 0, 0] }),
    ]);
    expect(places[1]).toBeUndefined();
    expect(orderedSeries(places).map(({ slices }) => slices)).toEqual([[3, 0], [2]]);
  });

  it("of 300 slices is ordered whatever the order of its files, without its localiser and what is there twice", async () => {
    const slices: Slice[] = Array.from({ length: 300 }, (_, i) => ({ instance: i, number: 300 - i, position: [1, 2, i * 0.625 - 90] }));
    const others: Slice[] = [{ instance: 900, position: [0, 0, 0], type: "ORIGINAL\\PRIMARY\\LOCALIZER" }, { ...slices[123]! }];
    const files = [...slices, ...others];
    const { below } = seeded(7);
    for (let at = files.length - 1; at > 0; at--) {
      const other = below(at + 1);
      [files[at], files[other]] = [files[other]!, files[at]!];
    }
    const [found, ...more] = await order(files);
    expect(more).toEqual([]);
    expect(found?.slices.map((index) => files[index]?.instance)).toEqual(Array.from({ length: 300 }, (_, i) => i));
    expect(found?.notes).toEqual(["1 localiser left out", "1 image that is there twice left out"]);
  });

  it("of localisers alone is there without a slice, and says so in the right number", async () => {
    const scout = (instance: number) => ({ instance, position: [0, 0, instance], type: "ORIGINAL\\PRIMARY\\LOCALIZER" });
    expect(await order([scout(1), scout(2)])).toMatchObject([
      { slices: [], localisers: [0, 1], doubles: [], notes: ["2 localisers left out"] },
    ]);
    const twice = { instance: 5, position: [0, 0, 0] };
    expect((await order([twice, twice, twice]))[0]?.notes).toEqual(["2 images that are there twice left out"]);
  });

  it("says localisers, doubles, slices at one place, and gaps", async () => {
    const z = [0, 1, 2, 2, 5, 6].map((at, i) => ({ instance: i, number: i, position: [0, 0, at] }));
    const [found] = await order([
      ...z,
      { instance: 1, position: [0, 0, 1] },
      { instance: 77, position: [0, 0, 3], type: "ORIGINAL\\PRIMARY\\LOCALIZER" },
    ]);
    expect(found?.slices).toEqual([0, 1, 2, 3, 4, 5]);
    expect([found?.localisers, found?.doubles]).toEqual([[7], [6]]);
    expect(found?.notes).toEqual([
      "1 localiser left out",
      "1 image that is there twice left out",
      "1 slice lies where another one does",
      "a gap after slice 4",
    ]);
  });
});
