// Files of one patient, study or series: one group, on one side of a drawn split, whatever their classes; what identifies them is not kept.

import { join } from "node:path";
import { cases } from "@biovlm/testkit";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { type FileOrigin, type OriginReader, openCsvList, openImageFolder } from "../src/node/index.js";
import { type FolderFiles, folderOf } from "./folder-files.js";

let files: FolderFiles | undefined;
afterEach(() => files?.remove());

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const read: string[] = [];
/** Files that say {"patient": …, …} and no more. */
const origins: OriginReader = {
  headBytes: 1,
  applies: (head) => text(head) === "{",
  async read(bytes) {
    read.push(text(bytes));
    const { patient, study, series } = JSON.parse(text(bytes)) as FileOrigin;
    return { ...(patient && { patient }), ...(study && { study }), ...(series && { series }) };
  },
};

interface Made {
  readonly file: string;
  readonly origin: FileOrigin | undefined;
}
async function opened(made: readonly Made[], seed = 1) {
  files?.remove();
  files = folderOf([]);
  for (const { file, origin } of made) files.add(file, origin === undefined ? file : JSON.stringify({ ...origin, of: file }));
  return openImageFolder(files.path, { seed, origins });
}
const many = (count: number, origin: (i: number) => FileOrigin | undefined): Made[] =>
  Array.from({ length: count }, (_, i) => ({ file: `${i % 2 === 0 ? "benign" : "malignant"}/${i}`, origin: origin(i) })).map(
    ({ file, origin }) => ({ file: `${file}.dcm`, origin }),
  );
/** Each value of a rank → the sides that its files stand on. */
function sidesBy(items: Awaited<ReturnType<typeof opened>>["items"], made: readonly Made[], rank: keyof FileOrigin) {
  const sides = new Map<string, Set<string | undefined>>();
  for (const { id, split } of items) {
    const key = made.find(({ file }) => file === id)?.origin?.[rank];
    if (key !== undefined) sides.set(key, (sides.get(key) ?? new Set()).add(split));
  }
  return sides;
}

describe("a drawn split of files that say where they come from", () => {
  it(`never has a patient, a study or a series on two sides (${cases(60)} folders)`, async () => {
    const some = (kind: string, most: number) =>
      fc.option(
        fc.nat({ max: most }).map((n) => `${kind}${n}`),
        { nil: undefined },
      );
    const one = fc.record({ patient: some("P", 9), study: some("T", 14), series: some("S", 19) });
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 12, maxLength: 50 }), fc.nat({ max: 99 }), async (of, seed) => {
        const made = many(of.length, (i) => of[i] as FileOrigin);
        fc.pre(new Set(of.map(({ patient }) => patient)).size > 1);
        const { items } = await opened(made, seed);
        for (const rank of ["patient", "study", "series"] as const)
          for (const [key, sides] of sidesBy(items, made, rank)) expect([key, sides.size]).toEqual([key, 1]);
      }),
      { numRuns: cases(60), seed: 4 },
    );
  });

  it("keeps no identifier in an item, and counts groups, and series under more than one class", async () => {
    const made = many(40, (i) => ({ patient: `PATIENT-${i >> 2}`, series: `SERIES-${i >> 1}` }));
    const data = await opened(made);
    expect(JSON.stringify(data)).not.toMatch(/PATIENT-|SERIES-/);
    expect(data.notes).toEqual([
      "40 DICOM files are grouped by patient: 10 groups",
      "20 series have slices under more than one class: check that this is meant",
    ]);
    expect(new Set(data.items.map(({ group }) => group)).size).toBe(10);
  });

  it("takes one patient's name on every file for none: studies, then series, take its place", async () => {
    const studies = many(40, (i) => ({ patient: "ANON", study: `T${i >> 2}`, series: `S${i}` }));
    const byStudy = await opened(studies);
    expect(byStudy.notes).toEqual(["40 DICOM files are grouped by study: all name one patient: 10 groups"]);
    for (const sides of sidesBy(byStudy.items, studies, "study").values()) expect(sides.size).toBe(1);
    const series = many(40, (i) => ({ patient: "ANON", study: "T", series: `S${i >> 2}` }));
    const bySeries = await opened(series);
    expect(bySeries.notes[0]).toBe("40 DICOM files are grouped by series: all name one patient and one study: 10 groups");
    for (const sides of sidesBy(bySeries.items, series, "series").values()) expect(sides.size).toBe(1);
    expect(new Set(bySeries.items.map(({ split }) => split))).toEqual(new Set(["train", "val", "test"]));
  });

  it("reads no file whole that begins otherwise, and leaves one that does not read to itself", async () => {
    read.length = 0;
    const made = many(20, (i) => (i < 16 ? undefined : { patient: "P" }));
    await opened(made);
    expect(read).toHaveLength(4);
    files?.add("benign/torn.dcm", "{ torn");
    const { items } = await openImageFolder(files?.path ?? "", { origins });
    expect(items.find(({ id }) => id === "benign/torn.dcm")?.group).toBeUndefined();
    expect(new Set(items.flatMap(({ group }) => group ?? [])).size).toBe(1);
  });

  it("joins the groups of a list that a patient connects, and groups what lies in given folders", async () => {
    const made = many(12, (i) => ({ patient: i === 1 || i === 4 ? "P" : `Q${i}` }));
    await opened(made);
    const rows = made.map(({ file }, i) => `${file},${i % 2},L${Math.floor(i / 2)}`);
    files?.add("list.csv", `image,label,lesion\n${rows.join("\n")}\n`);
    const list = await openCsvList(join(files?.path ?? "", "list.csv"), { origins });
    const group = (i: number) => list.items[i]?.group;
    expect([group(0), group(1), group(4)]).toEqual([group(5), group(5), group(5)]);
    expect(new Set(list.items.map((item) => item.group)).size).toBe(5);
    const given = await opened(
      ["train", "test"].flatMap((side) => many(4, (i) => ({ patient: `P${i}` })).map((one) => ({ ...one, file: `${side}/${one.file}` }))),
    );
    expect(given.splitOrigin).toBe("given");
    expect(new Set(given.items.map((item) => item.group)).size).toBe(4);
  });
});
