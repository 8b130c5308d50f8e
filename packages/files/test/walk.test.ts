// The walk that every command takes: what it gives, in which order, and what it leaves out by which reason.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { mayBeDicom } from "../src/index.js";
import { findImages, leftOutNote } from "../src/node/index.js";

const made: string[] = [];
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

function tree(...paths: string[]): string {
  const root = mkdtempSync(join(tmpdir(), "biovlm-walk-"));
  made.push(root);
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "");
  }
  return root;
}

describe("findImages", () => {
  it("gives images at any depth by code units of their path, whatever the case of their ending", async () => {
    const root = tree("b/2.png", "b/10.PNG", "a/x.jpeg", "Z.tif", "a.webp", "ä.jpg", "b/deep/er/c.TIFF");
    expect((await findImages(root)).paths).toEqual(["Z.tif", "a.webp", "a/x.jpeg", "b/10.PNG", "b/2.png", "b/deep/er/c.TIFF", "ä.jpg"]);
  });

  it("counts what it leaves out by reason, and says so in one line", async () => {
    const root = tree("a.png", ".b.png", ".git/c.png", "__MACOSX/d.png", "notes.txt", "png", "scan.dcm", "DICOMDIR", "e.png.gz");
    const { paths, leftOut } = await findImages(root);
    expect(paths).toEqual(["a.png", "scan.dcm"]);
    expect(Object.fromEntries(leftOut)).toEqual({ hidden: 3, "not an image": 3, "DICOM index": 1 });
    expect(leftOutNote(leftOut)).toMatch(/^left out: \d/);
    expect(leftOutNote(new Map())).toBeUndefined();
  });

  it("takes every kind of image that is read, and names the kinds that are not", async () => {
    const read = ["a.BMP", "a.dib", "a.gif", "a.j2c", "a.j2k", "a.jp2", "a.jpc", "a.pam", "a.pbm", "a.pgm", "a.pnm", "a.ppm"];
    const root = tree(...read, "a.jpx", "a.jxl", "a.avif", "a.heic", "a.svs", "a.mha");
    const { paths, leftOut } = await findImages(root);
    expect(paths).toEqual(read);
    expect(leftOutNote(leftOut)?.slice("left out: ".length).split(", ").sort()).toEqual([
      "1 JPEG 2000 of several layers",
      "1 JPEG XL",
      "1 MetaImage",
      "1 slide",
      "2 AVIF or HEIC",
    ]);
  });

  it("leaves out the masks beside a picture, and takes a mask that stands alone", async () => {
    const root = tree(
      "benign (1).png",
      "benign (1)_mask.png",
      "benign (1)_mask_1.png",
      "alone_mask.png",
      "other/benign (1)_mask.png",
      "x_mask.jpg",
      "x.png",
    );
    const { paths, leftOut } = await findImages(root);
    expect(paths).toEqual(["alone_mask.png", "benign (1).png", "other/benign (1)_mask.png", "x.png", "x_mask.jpg"]);
    expect(leftOut.get("mask")).toBe(2);
    expect(leftOutNote(leftOut)).toBe("left out: 2 masks");
    expect(leftOutNote(new Map([["mask", 1]]))).toBe("left out: 1 mask");
  });

  it("takes DICOM by its mark under no ending and under one that is nobody's, not under those of texts and lists", async () => {
    const root = tree("a.ima", "b.xyz", "c.mr1");
    const marked = Buffer.concat([Buffer.alloc(128), Buffer.from("DICM")]);
    for (const name of ["1.2.840", "d.xyz", "e.MR2", "f.csv", "DICOMDIR"]) writeFileSync(join(root, name), marked);
    const { paths, leftOut } = await findImages(root);
    expect(paths).toEqual(["1.2.840", "a.ima", "d.xyz", "e.MR2"]);
    expect(Object.fromEntries(leftOut)).toEqual({ "not an image": 3, "DICOM index": 1 });
  });

  it("follows links to files and folders, visits a folder once, and ends where links go in circles", async () => {
    const root = tree("real/a.png");
    const pool = tree("pool.png", "set/p.png");
    symlinkSync(join(pool, "pool.png"), join(root, "linked.png"));
    symlinkSync(join(pool, "set"), join(root, "set"));
    symlinkSync(root, join(root, "real", "round"));
    symlinkSync(join(root, "real"), join(root, "zagain"));
    symlinkSync(join(root, "nowhere"), join(root, "broken.png"));
    const { paths, leftOut } = await findImages(root);
    expect(paths).toEqual(["linked.png", "real/a.png", "set/p.png"]);
    expect(Object.fromEntries(leftOut)).toEqual({ "broken link": 1, "folder visited before": 2 });
  });

  it("leaves out pipes with an image's name, and folders that it may not read", async () => {
    const root = tree("a.png", "shut/b.png");
    execFileSync("mkfifo", [join(root, "pipe.png")]);
    mkdirSync(join(root, "folder.png"));
    chmodSync(join(root, "shut"), 0);
    const { paths, leftOut } = await findImages(root);
    chmodSync(join(root, "shut"), 0o755);
    // root may read whatever its mode says
    const mayRead = process.getuid?.() === 0;
    expect(paths).toEqual(mayRead ? ["a.png", "shut/b.png"] : ["a.png"]);
    expect(leftOut.get("not a file")).toBe(1);
  });

  it("refuses more files than the limit, leaves out what lies too deep, and stops when told", async () => {
    const root = tree("a.png", "b.png", "1/2/3/c.png");
    await expect(findImages(root, { maxFiles: 2 })).rejects.toMatchObject({ code: "too_large" });
    expect(await findImages(root, { maxDepth: 2 })).toMatchObject({
      paths: ["a.png", "b.png"],
      leftOut: new Map([["folder too deep", 1]]),
    });
    await expect(findImages(root, { signal: AbortSignal.abort(new Error("stop")) })).rejects.toThrow("stop");
  });

  it("names the reason where the folder itself cannot be read", async () => {
    const root = tree("a.png");
    await expect(findImages(join(root, "none"))).rejects.toMatchObject({ code: "not_found" });
    await expect(findImages(join(root, "a.png"))).rejects.toMatchObject({
      code: "not_found",
      message: expect.stringMatching(/not a folder/),
    });
  });
});

it("a name leaves it open that a file is DICOM unless it says another image", () => {
  for (const name of ["a.dcm", "A.DICOM", "IM000001", "1.2.840.10008.55", "scan.ima"])
    expect([name, mayBeDicom(name)]).toEqual([name, true]);
  for (const name of ["a.png", "a.JPG", "v.nii.gz", "a.dcm.tif"]) expect([name, mayBeDicom(name)]).toEqual([name, false]);
});
