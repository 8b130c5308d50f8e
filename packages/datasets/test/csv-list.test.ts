// A CSV list as a data set: which column is what, groups that stay together, splits that are given, and rows that cannot be right.

import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
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
