// Files out of drops and inputs: folders are walked to their end, what is no image stays out, what cannot be read does not end the walk.

import { describe, expect, it } from "vitest";
import { droppedFiles, LeftOut, MOST_FILES, type PickedFile, pickedFiles, readable } from "../../src/page/dropped-files.js";

type Tree = { readonly [name: string]: Tree | "file" | "broken" };

/** A browser's entry of a drop. Folders answer in batches of two, as browsers answer in batches of a hundred. */
function entryOf(name: string, tree: Tree | "file" | "broken"): FileSystemEntry {
  if (typeof tree === "string") {
    const file = (good: (file: File) => void, bad: (error: Error) => void) =>
      tree === "broken" ? bad(new Error("gone")) : good(new File(["x"], name));
    return { isFile: true, isDirectory: false, name, file } as unknown as FileSystemEntry;
  }
  const createReader = () => {
    const left = Object.entries(tree);
    return {
      readEntries: (good: (list: FileSystemEntry[]) => void) => good(left.splice(0, 2).map(([inner, under]) => entryOf(inner, under))),
    };
  };
  return { isFile: false, isDirectory: true, name, createReader } as unknown as FileSystemEntry;
}

function drop(tree: Tree): DataTransfer {
  const items = Object.entries(tree).map(([name, under]) => ({ webkitGetAsEntry: () => entryOf(name, under) }));
  return { items, files: [] } as unknown as DataTransfer;
}

const paths = (list: readonly PickedFile[]) => list.map(({ file, folder }) => `${folder}|${file.name}`);

describe("a drop", () => {
  it("is walked through all its folders, batch after batch, and says where each image lay", async () => {
    const inner: Tree = { "1.png": "file", "2.JPG": "file", "3.webp": "file", "4.tiff": "file", deeper: { "5.jpeg": "file" } };
    expect(paths(await droppedFiles(drop({ scans: { benign: inner } })))).toEqual([
      "scans/benign|1.png",
      "scans/benign|2.JPG",
      "scans/benign|3.webp",
      "scans/benign|4.tiff",
      "scans/benign/deeper|5.jpeg",
    ]);
  });

  it("leaves out of folders what is hidden or no image, and takes every file that was dropped by itself", async () => {
    const scans: Tree = { "notes.txt": "file", ".hidden.png": "file", ".git": { "a.png": "file" }, "a.png": "file" };
    expect(paths(await droppedFiles(drop({ scans, "bank.safetensors": "file" })))).toEqual(["scans|a.png", "|bank.safetensors"]);
  });

  it("counts what is left out of folders by kind, and takes DICOM by its mark where a name has no ending", async () => {
    const dicom = new File([new Uint8Array(128), "DICM rest"], "IM000001");
    const left = new LeftOut();
    const inner = (file: File) => Object.defineProperty(file, "webkitRelativePath", { value: `study/${file.name}` });
    const list = ["a.mha", "b.MHA", "1.2.840.1", "c.txt.gz", "DICOMDIR", ".DS_Store", "d.dcm", "e.nii.gz", "f.nrrd"].map((name) =>
      inner(new File(["x"], name)),
    );
    expect(paths(await pickedFiles([...list, inner(dicom)], left))).toEqual([
      "study|d.dcm",
      "study|e.nii.gz",
      "study|f.nrrd",
      "study|IM000001",
    ]);
    expect(left.text).toBe("2 MHA, 1 DICOM index, 1 TXT.GZ, 1 without an ending");
  });

  it("counts TIFF among what is left out, once for all, whether it was picked or lay in a folder", () => {
    const left = new LeftOut();
    const files = ["a.tif", "b.TIFF", "c.tiff", "d.png"].map((name) => ({ file: new File([], name), folder: "" }));
    expect(paths(readable(files, left))).toEqual(["|d.png"]);
    expect([left.text, left.tiff]).toEqual(["2 TIFF, 1 TIF", true]);
    expect(new LeftOut().tiff).toBe(false);
  });

  it("goes on after a file that cannot be had any more", async () => {
    expect(paths(await droppedFiles(drop({ scans: { "a.png": "broken", "b.png": "file" } })))).toEqual(["scans|b.png"]);
  });

  it("ends at the most files a page takes", async () => {
    const many = Object.fromEntries(Array.from({ length: MOST_FILES + 5 }, (_, i) => [`${i}.png`, "file"] as const));
    expect(await droppedFiles(drop({ many }))).toHaveLength(MOST_FILES);
  });

  it("made by a script has files and no entries", async () => {
    const made = { items: [{ webkitGetAsEntry: () => null }], files: [new File([], "a.png")] } as unknown as DataTransfer;
    expect(paths(await droppedFiles(made))).toEqual(["|a.png"]);
  });
});

describe("an input", () => {
  const file = (path: string) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    return Object.defineProperty(new File([], name), "webkitRelativePath", { value: path.includes("/") ? path : "" });
  };

  it("gives single files as they are, and of a folder the images that are not hidden", async () => {
    const list = ["alone.txt", "scans/a/1.png", "scans/a/.1.png", "scans/a/1.txt"].map(file);
    expect(paths(await pickedFiles(list))).toEqual(["|alone.txt", "scans/a|1.png"]);
  });
});
