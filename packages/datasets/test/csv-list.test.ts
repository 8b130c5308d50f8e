// A CSV list as a data set: which column is what, groups that stay together, splits that are given, and rows that cannot be right.

import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { csvLine, csvPath } from "../src/index.js";
import { openCsvList } from "../src/node/index.js";
import { type FolderFiles, folderOf } from "./folder-files.js";

let folder: FolderFiles | undefined;
afterEach(() => folder?.remove());

/** A folder with images 0.png … and a list of these lines. */
function listed(header: string, row: (i: number) => string, count = 12): string {
  folder = folderOf(Array.from({ length: count }, (_, i) => `images/${i}.png`));
  folder.add("list.csv", `${header}\n${Array.from({ length: count }, (_, i) => row(i)).join("\n")}\n`);
  return join(folder.path, "list.csv");
}

describe("openCsvList", () => {
  it("finds usual columns, the images folder beside the list, and names without their ending", async () => {
    const data = await openCsvList(listed("image_id,dx", (i) => `${i},${i % 2 === 0 ? "nv" : "mel"}`));
    expect(data.classes).toEqual(["mel", "nv"]);
    expect(data.items.map((item) => item.id)).toContain("7.png");
    expect(data.items.find((item) => item.id === "7.png")?.label).toBe(0);
    expect(data.splitOrigin).toBe("drawn");
  });

  it("opens a list that was written so that no spreadsheet takes a name for a formula, with the names as they were", async () => {
    const names = ["-1.png", "=2.png", "=d/3.png", "4.png"];
    folder = folderOf(names);
    const rows = names.map((name, i) => csvLine([csvPath(name), i % 2 === 0 ? "=a" : "-b"]));
    expect(rows.join()).not.toMatch(/(^|,)"?[=+@-]/);
    folder.add("list.csv", `image,label\n${rows.join("\n")}\n`);
    const { items, classes } = await openCsvList(join(folder.path, "list.csv"));
    expect(classes).toEqual(["-b", "=a"]);
    expect(items.map(({ id }) => id).sort()).toEqual(["-1.png", "4.png", "=2.png", "=d/3.png"]);
  });

  it("keeps the images of one group on one side of a drawn split, and says by which column", async () => {
    const data = await openCsvList(listed("image,label,lesion_id", (i) => `${i}.png,${Math.floor(i / 3) % 2},L${Math.floor(i / 3)}`, 60));
    const sides = new Map<string, Set<string>>();
    for (const { group = "", split = "" } of data.items) sides.set(group, (sides.get(group) ?? new Set()).add(split));
    expect(sides.size).toBe(20);
    for (const of of sides.values()) expect(of.size).toBe(1);
    expect(data.notes.join()).toMatch(/grouped by column "lesion_id": 20 groups/);
  });

  it("takes a split column as it is, whatever the case of its words", async () => {
    const words = ["Train", "validation", "TEST"];
    const data = await openCsvList(listed("image,label,split", (i) => `${i}.png,${i % 2},${words[i % 3]}`));
    expect(data.splitOrigin).toBe("given");
    expect(data.items.filter((item) => item.split === "val")).toHaveLength(4);
  });

  it("takes named columns, labels and class names, and names the nearest column for a wrong one", async () => {
    const list = listed("file,kind,site", (i) => `${i}.png,${i % 2},a`);
    const data = await openCsvList(list, { imageColumn: "FILE", labelColumn: "kind", labels: ["1", "0"], classes: ["one", "zero"] });
    expect(data.items.find((item) => item.id === "1.png")?.label).toBe(0);
    await expect(openCsvList(list, { labelColumn: "kinds" })).rejects.toThrow(/Did you mean "kind"/);
    await expect(openCsvList(list)).rejects.toThrow(/expected a column for the label/);
  });

  it("refuses a row with an unknown label, split or path, an image twice, and images that are missing, each by its row", async () => {
    const rows = (odd: string) => listed("image,label,split", (i) => (i === 5 ? odd : `${i}.png,${i % 2},train`));
    await expect(openCsvList(rows("5.png,9,train"), { labels: ["0", "1"] })).rejects.toThrow(/row 7 — expected one of the labels 0, 1/);
    await expect(openCsvList(rows("5.png,1,sometime"))).rejects.toThrow(/row 7 — expected train, val or test/);
    await expect(openCsvList(rows("../5.png,1,train"))).rejects.toThrow(/row 7/);
    await expect(openCsvList(rows("4.png,1,train"))).rejects.toThrow(/row 7 — expected every image once/);
    await expect(openCsvList(rows("none.png,1,train"))).rejects.toThrow(/got 11; the first missing one is in row 7/);
  });

  it("orders labels that are numbers by their value", async () => {
    const data = await openCsvList(listed("image,label", (i) => `${i}.png,${i}`));
    expect(data.classes).toEqual(Array.from({ length: 12 }, (_, i) => `${i}`));
    const mixed = await openCsvList(listed("image,label", (i) => `${i}.png,${["10", "9", "b", "a"][i % 4]}`));
    expect(mixed.classes).toEqual(["9", "10", "a", "b"]);
  });

  it("leaves a column of fold numbers aside and says so, and refuses a wrong word among right ones", async () => {
    const data = await openCsvList(listed("image,label,fold", (i) => `${i}.png,${i % 2},${i % 5}`));
    expect([data.splitOrigin, data.notes]).toEqual(["drawn", ['column "fold" holds no train, val or test: not taken as split']]);
    const words = await openCsvList(listed("image,label,fold", (i) => `${i}.png,${i % 2},${i % 5 === 0 ? "test" : "train"}`));
    expect(words.splitOrigin).toBe("given");
    const wrong = listed("image,label,fold", (i) => `${i}.png,${i % 2},${i === 4 ? "3" : "train"}`);
    await expect(openCsvList(wrong)).rejects.toThrow(/row 6 — expected train, val or test/);
  });

  it("takes a|a as a, and refuses several classes of one image by row", async () => {
    const data = await openCsvList(listed("image,label", (i) => `${i}.png,${["a|a", "a", "b", "b|b|"][i % 4]}`));
    expect(data.classes).toEqual(["a", "b"]);
    const several = listed("image,label", (i) => `${i}.png,${i === 2 ? "a|b" : ["a", "b"][i % 2]}`);
    await expect(openCsvList(several)).rejects.toThrow(/row 4 — expected one class, got 2 joined by "\|"/);
  });

  it("takes absolute paths below the image folder, and says of others what is wrong, without the path", async () => {
    const list = listed("image,label", (i) => `${i}.png,${i % 2}`);
    const at = join(list, "..", "images");
    folder?.add("absolute.csv", `image,label\n${Array.from({ length: 12 }, (_, i) => `${join(at, `${i}.png`)},${i % 2}`).join("\n")}\n`);
    const data = await openCsvList(join(list, "..", "absolute.csv"));
    expect(data.items.map(({ id }) => id)).toContain("11.png");
    for (const path of ["/elsewhere/DOE_JANE.png", "C:\\DOE_JANE.png", `${at}/../DOE_JANE.png`]) {
      folder?.add("other.csv", `image,label\n0.png,0\n${path},1\n`);
      const refused = openCsvList(join(list, "..", "other.csv"));
      await expect(refused).rejects.toThrow(/^(?!.*DOE_JANE).*row 3/);
    }
    folder?.add("other.csv", "image,label\n0.png,0\n/elsewhere/x.png,1\n");
    await expect(openCsvList(join(list, "..", "other.csv"))).rejects.toThrow(/got an absolute path that leads elsewhere/);
  });

  it("refuses one class, and class names of another count", async () => {
    await expect(openCsvList(listed("image,label", (i) => `${i}.png,same`))).rejects.toThrow(/2 to 10000 different class names, got 1/);
    await expect(
      openCsvList(
        listed("image,label", (i) => `${i}.png,${i % 2}`),
        { classes: ["a"] },
      ),
    ).rejects.toMatchObject({
      code: "bad_option",
    });
  });

  it("R6: says rows and columns, never the paths of images", async () => {
    const list = listed("image,label", (i) => (i === 3 ? "DOE_JANE_1970/../x.png,1" : `${i}.png,${i % 2}`));
    await expect(openCsvList(list)).rejects.toThrow(/^(?!.*DOE_JANE).*row 5/);
  });
});
