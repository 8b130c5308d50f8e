// Folders of class/name.png as a data set: labels, given and drawn splits, split files, and folders that are none.

import { chmodSync } from "node:fs";
import { join } from "node:path";
import { sharedPath } from "@biovlm/testkit";
import { afterEach, describe, expect, it } from "vitest";
import { openDataset, openImageFolder } from "../src/node/index.js";
import { type FolderFiles, folderOf } from "./folder-files.js";

let folder: FolderFiles | undefined;
const made = (names: readonly string[]): FolderFiles => {
  folder = folderOf(names);
  return folder;
};
afterEach(() => folder?.remove());

const classes = (count: number, names = ["benign", "malignant"]) =>
  names.flatMap((name) => Array.from({ length: count }, (_, i) => `${name}/${String(i).padStart(3, "0")}.png`));

describe("openImageFolder", () => {
  it("labels by folder in order of their names, and draws 70/10/20 of every class by seed", async () => {
    const { path } = made(classes(20));
    const data = await openImageFolder(path);
    expect(data.classes).toEqual(["benign", "malignant"]);
    expect(data.splitOrigin).toBe("drawn");
    for (const label of [0, 1]) {
      const of = data.items.filter((item) => item.label === label);
      expect(["train", "val", "test"].map((side) => of.filter((item) => item.split === side).length)).toEqual([14, 2, 4]);
    }
    const sides = (seed: number) => openImageFolder(path, { seed }).then(({ items }) => items.map((item) => item.split).join());
    expect(await sides(1)).toBe(await sides(1));
    expect(await sides(1)).not.toBe(await sides(2));
  });

  it("orders folders that are numbers by their value, before others", async () => {
    const { path } = made(classes(2, ["10", "9", "2", "x"]));
    expect((await openImageFolder(path)).classes).toEqual(["2", "9", "10", "x"]);
  });

  it("opens an item as the file's bytes, and says which item it was when the file is gone", async () => {
    const files = made(classes(10));
    files.add("benign/000.png", Uint8Array.of(5, 6, 7));
    const { items } = await openImageFolder(files.path);
    expect(await items.find(({ id }) => id === "benign/000.png")?.open()).toMatchObject({ kind: "file", bytes: Uint8Array.of(5, 6, 7) });
    const [first] = items;
    files.remove();
    await expect(first?.open()).rejects.toMatchObject({ code: "not_found", message: expect.stringMatching(/image \d+ of class "benign"/) });
  });

  it("takes train, val and test folders as they are", async () => {
    const { path } = made(["train", "val", "test"].flatMap((side) => classes(3).map((name) => `${side}/${name}`)));
    const data = await openImageFolder(path);
    expect(data.splitOrigin).toBe("given");
    expect(data.items.filter((item) => item.split === "val").map((item) => item.index)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("leaves out masks beside their picture, hidden files and images outside a class folder, and counts them", async () => {
    const { path } = made([...classes(4), "benign/000_mask.png", "benign/000_mask_1.png", ".hidden.png", "loose.png", "benign/notes.txt"]);
    const data = await openImageFolder(path);
    expect(data.items).toHaveLength(8);
    expect(data.notes.join("; ")).toMatch(/2 masks/);
    expect(data.notes.join("; ")).toMatch(/1 image outside a class folder/);
  });

  it("refuses one class folder, two that read alike, and names of another count", async () => {
    await expect(openImageFolder(made(classes(3, ["only"])).path)).rejects.toThrow(/at least two folders with images, one a class, got 1/);
    await expect(openImageFolder(made(classes(3, ["a_b", "a b"])).path)).rejects.toThrow(/two alike/);
    await expect(openImageFolder(made(classes(3)).path, { classes: ["a", "b", "c"] })).rejects.toMatchObject({ code: "bad_option" });
    await expect(openImageFolder(join(made([]).path, "nowhere"))).rejects.toMatchObject({ code: "not_found" });
  });

  it("follows a split file, maps its folders, counts what it leaves out, and says when images are missing", async () => {
    const files = made(classes(4));
    const entry = (name: string, i: number, label: number) => [`${name}_tumor/00${i}.png`, label, `${name}_tumor`];
    const split = {
      train: [entry("benign", 0, 0), entry("malignant", 0, 1)],
      val: [entry("benign", 1, 0)],
      test: [entry("malignant", 1, 1)],
    };
    files.add("split.json", JSON.stringify(split));
    const options = { splitFile: join(files.path, "split.json"), folders: { benign_tumor: "benign", malignant_tumor: "malignant" } };
    const data = await openImageFolder(files.path, options);
    expect(data.classes).toEqual(["benign tumor", "malignant tumor"]);
    expect(data.items.map((item) => [item.id, item.split])).toEqual([
      ["benign/000.png", "train"],
      ["malignant/000.png", "train"],
      ["benign/001.png", "val"],
      ["malignant/001.png", "test"],
    ]);
    expect(data.splitOrigin).toBe("file");
    expect(data.notes.join()).toMatch(/4 images that the split file does not name/);
    await expect(openImageFolder(files.path, { splitFile: options.splitFile })).rejects.toThrow(
      /expected its 4 images in the folder, got 0/,
    );
  });

  it("R9: a folder that may not be read is a typed error", async (context) => {
    if (process.getuid?.() === 0) return context.skip("skipped: permissions do not bind this user");
    const { path } = made(classes(3));
    chmodSync(path, 0);
    await expect(openImageFolder(path)).rejects.toMatchObject({ code: "storage" });
    chmodSync(path, 0o700);
  });
});

describe("openDataset", () => {
  it("takes a folder, a list, a folder with a list, and refuses what is none of them by name", async () => {
    const files = made(classes(6));
    expect((await openDataset(files.path)).items).toHaveLength(12);
    files.add(
      "labels.csv",
      `image,label\n${classes(6)
        .map((name) => `${name},${name.split("/")[0]}`)
        .join("\n")}\n`,
    );
    expect((await openDataset(files.path)).splitOrigin).toBe("drawn");
    expect((await openDataset(join(files.path, "labels.csv"))).classes).toEqual(["benign", "malignant"]);
    files.add("notes.txt", "x");
    await expect(openDataset(join(files.path, "notes.txt"))).rejects.toMatchObject({ code: "bad_file" });
    await expect(openDataset(join(files.path, "none"))).rejects.toMatchObject({ code: "not_found" });
  });

  it("names the nearest known set and the nearest known option", async () => {
    await expect(openDataset("breastmnits")).rejects.toThrow(/Did you mean "breastmnist"/);
    await expect(openDataset(".", { sead: 1 } as never)).rejects.toThrow(/Did you mean "seed"/);
    await expect(openDataset("breastmnist", { size: 32 as never })).rejects.toMatchObject({ code: "bad_option" });
  });

  it("says which file a known set lacks and how to get it", async () => {
    const { path } = made([]);
    await expect(openDataset("breastmnist", { root: path })).rejects.toThrow(/biovlm data pull breastmnist/);
    await expect(openDataset("busi", { root: path })).rejects.toThrow(/Set BIOVLM_DATA/);
    await expect(openDataset("mednist", { root: path })).rejects.toMatchObject({ code: "not_found" });
  });

  it("opens the real sets with their published sizes", async (context) => {
    const root = sharedPath("data");
    if (root === undefined) return context.skip("skipped: shared data absent (data)");
    const sizes = { breastmnist: 780, busi: 780, ham10000: 10_015 };
    for (const [name, count] of Object.entries(sizes)) {
      const data = await openDataset(name, { root });
      expect(data.items).toHaveLength(count);
      expect(data.attributes?.classes.map((c) => c.name)).toEqual([...data.classes]);
      data.close();
    }
  });
});
