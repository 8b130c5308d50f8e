// Files out of drops and inputs: folders are walked to their end, what is no image stays out, what cannot be read does not end the walk.

import { dicomElement } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { droppedFiles, LeftOut, MOST_FILES, type PickedFile, pickedFiles } from "../../src/page/dropped-files.js";

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

  it("counts what is left out of folders by kind, and takes DICOM by its mark where a name has no ending of an image", async () => {
    const dicom = (name: string) => new File([new Uint8Array(128), "DICM rest"], name);
    const left = new LeftOut();
    const inner = (file: File) => Object.defineProperty(file, "webkitRelativePath", { value: `study/${file.name}` });
    const list = ["a.mha", "b.MHA", "1.2.840.1", "c.txt.gz", "DICOMDIR", ".DS_Store", "d.dcm", "e.nii.gz", "f.nrrd"].map((name) =>
      inner(new File(["x"], name)),
    );
    expect(paths(await pickedFiles([...list, inner(dicom("IM000001")), inner(dicom("g.xyz"))], left))).toEqual([
      "study|d.dcm",
      "study|e.nii.gz",
      "study|f.nrrd",
      "study|IM000001",
      "study|g.xyz",
    ]);
    expect(left.text).toBe("2 MHA, 1 DICOM index, 1 TXT.GZ, 1 hidden, 1 without an ending");
  });

  it("leaves out masks beside their picture, as the command line does, and keeps a mask that stands alone or was named", async () => {
    const left = new LeftOut();
    const busi: Tree = {
      "a (1).png": "file",
      "a (1)_mask.png": "file",
      "a (1)_mask_1.png": "file",
      "b_mask.png": "file",
      "a_mask.jpg": "file",
    };
    const found = await droppedFiles(drop({ busi, "a_mask.png": "file", "a.png": "file" }), left);
    expect(paths(found)).toEqual(["busi|a (1).png", "busi|b_mask.png", "busi|a_mask.jpg", "|a_mask.png", "|a.png"]);
    expect(left.text).toBe("2 masks");
  });

  it("leaves out DICOM objects that are no picture, in the words of the command line", async () => {
    const left = new LeftOut();
    const object = (name: string, sop: string) => {
      const meta = dicomElement("00020002", "UI", `1.2.840.10008.5.1.4.1.1.${sop}`);
      const file = new File(
        [new Uint8Array(128), "DICM", new Uint8Array(meta), new Uint8Array(dicomElement("00080060", "CS", "OT"))],
        name,
      );
      return Object.defineProperty(file, "webkitRelativePath", { value: `study/${name}` });
    };
    const files = [
      object("seg.dcm", "66.4"),
      object("IM2", "88.33"),
      object("IM3", "88.34"),
      object("plan", "481.3"),
      object("pdf.dcm", "104.1"),
    ];
    const found = await pickedFiles([...files, object("ct.dcm", "2"), object("IM9", "4")], left);
    expect(paths(found)).toEqual(["study|ct.dcm", "study|IM9"]);
    expect(left.text).toBe(
      "2 × a structured report or key object selection, 1 × a segmentation, registration or fiducials, 1 × an encapsulated document or model, 1 × an object of radiotherapy (dose, structures or plan)",
    );
    // named by itself it is taken, and refused where it is decoded
    const named = Object.defineProperty(new File([], "seg.dcm"), "webkitRelativePath", { value: "" });
    expect(await pickedFiles([named], left)).toHaveLength(1);
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
