// Equal contents and groups on one side of a drawn split: what is joined, what is not read, and how groups are named by columns and folders.

import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { joinEqualContent, openCsvList, openDataset, openImageFolder } from "../src/node/index.js";
import { type FolderFiles, folderOf } from "./folder-files.js";
import { int64, npy, npz } from "./npy-file.js";

let folder: FolderFiles | undefined;
afterEach(() => folder?.remove());
const made = (names: readonly string[]) => {
  folder?.remove();
  folder = folderOf(names);
  return folder;
};
const images = (count: number, kind: string) => Array.from({ length: count }, (_, i) => `${kind}/${String(i).padStart(3, "0")}.png`);

describe("a drawn split", () => {
  it("keeps images of equal content on one side, whatever their classes, and says how many", async () => {
    const files = made([...images(40, "benign"), ...images(40, "malignant")]);
    for (let i = 0; i < 20; i++) files.add(`malignant/${String(i).padStart(3, "0")}.png`, `benign/${String(i).padStart(3, "0")}.png`);
    for (const seed of [1, 2, 3]) {
      const { items, notes } = await openImageFolder(files.path, { seed });
      const side = new Map(items.map((item) => [item.id, item.split]));
      for (const name of images(20, "benign")) expect(side.get(name.replace("benign", "malignant"))).toBe(side.get(name));
      expect(notes.join()).toMatch(/20 images are another one again/);
    }
  });

  it("is the one it was where no two are equal", async () => {
    const files = made([...images(20, "benign"), ...images(20, "malignant")]);
    const { items, notes } = await openImageFolder(files.path);
    expect(items.every((item) => item.group === undefined)).toBe(true);
    expect(notes).toEqual([]);
  });

  it("joins the patients that an equal image connects, through any number of steps", async () => {
    const files = made(Array.from({ length: 30 }, (_, i) => `images/${i}.png`));
    for (const [a, b] of [
      [1, 4],
      [5, 8],
      [7, 10],
      [11, 13],
    ])
      files.add(`images/${b}.png`, `images/${a}.png`);
    files.add(
      "list.csv",
      `image,label,patient\n${Array.from({ length: 30 }, (_, i) => `${i}.png,${i % 2},P${Math.floor(i / 3)}`).join("\n")}\n`,
    );
    const { items } = await openCsvList(join(files.path, "list.csv"));
    const sides = new Set(items.filter(({ id }) => Number.parseInt(id, 10) < 15).map((item) => item.split));
    expect(sides.size).toBe(1);
    expect(new Set(items.map((item) => item.group)).size).toBe(6);
  });

  it("reads no file whose size no other has, and leaves one that does not open to itself", async () => {
    const opened: string[] = [];
    const item = (id: string, size: number, content?: string) => ({
      id,
      label: 0,
      index: 0,
      size: async () => size,
      async open() {
        opened.push(id);
        if (content === undefined) throw new Error("gone");
        return { kind: "file" as const, bytes: new TextEncoder().encode(content) };
      },
    });
    const { joined, copies } = await joinEqualContent([item("a", 3, "abc"), item("b", 4, "abcd"), item("c", 3, "abc"), item("d", 3)]);
    expect(opened.sort()).toEqual(["a", "c", "d"]);
    expect(copies).toBe(1);
    expect(joined.map((one) => one.group !== undefined)).toEqual([true, false, true, false]);
  });

  it("finds equal rows of an archive, whose label numbers may serve as names", async () => {
    const files = made([]);
    const pixels = Uint8Array.from({ length: 40 * 4 }, (_, i) => (i < 80 ? i : i - 80));
    const labels = int64(Array.from({ length: 40 }, (_, i) => (i < 20 ? 0 : 2)));
    files.add("set.npz", npz({ images: npy({ shape: [40, 2, 2] }, pixels), labels: npy({ descr: "<i8", shape: [40, 1] }, labels) }));
    const { items, classes, close } = await openDataset(join(files.path, "set.npz"), { namesFromLabels: true });
    close();
    expect(classes).toEqual(["0", "1", "2"]);
    for (let i = 0; i < 20; i++) expect(items[i + 20]?.split).toBe(items[i]?.split);
  });
});

describe("groups", () => {
  it.each(["PatientID", "patient_id", "patient id", "Patient-Id", "PATIENT_ID", "subject.id", "LesionID"])(
    "are found in a column %j",
    async (name) => {
      const files = made(Array.from({ length: 12 }, (_, i) => `images/${i}.png`));
      files.add(
        "list.csv",
        `Image Path,Label,${name}\n${Array.from({ length: 12 }, (_, i) => `${i}.png,${i % 2},P${i % 3}`).join("\n")}\n`,
      );
      const { items, notes } = await openCsvList(join(files.path, "list.csv"));
      expect(new Set(items.map((item) => item.group))).toEqual(new Set(["P0", "P1", "P2"]));
      expect(notes.join()).toContain(`grouped by column "${name}": 3 groups`);
    },
  );

  it("are the second folder where that is asked for, across classes, and refused where there is none", async () => {
    const names = ["benign", "malignant"].flatMap((kind) => Array.from({ length: 30 }, (_, i) => `${kind}/p${i % 10}/${i}.png`));
    const { items, notes } = await openDataset(made(names).path, { groupFolder: true });
    expect(notes.join()).toContain("grouped by second folder: 10 groups");
    const sides = new Map<string, Set<string>>();
    for (const { group = "", split = "" } of items) sides.set(group, (sides.get(group) ?? new Set()).add(split));
    for (const of of sides.values()) expect(of.size).toBe(1);
    await expect(openDataset(made([...images(3, "a"), ...images(3, "b")]).path, { groupFolder: true })).rejects.toMatchObject({
      code: "bad_option",
    });
    const list = made(["0.png", "1.png"]);
    list.add("list.csv", "image,label\n0.png,a\n1.png,b\n");
    await expect(openDataset(join(list.path, "list.csv"), { groupFolder: true })).rejects.toThrow(/expected an image folder/);
  });
});
