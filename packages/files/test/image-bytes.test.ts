// Volumes in two files become the bytes of one; a header's name of the second file is hostile.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { findImages, readImageWithin } from "../src/node/index.js";

const root = mkdtempSync(join(tmpdir(), "biovlm-pair-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const put = (name: string, bytes: Uint8Array | string) => {
  writeFileSync(join(root, name), bytes);
  return join(root, name);
};
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

function header(version: 1 | 2, little: boolean, offset: number): Buffer {
  const bytes = Buffer.alloc(version === 1 ? 348 : 540, 7);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setInt32(0, bytes.length, little);
  bytes.write(version === 1 ? "ni1\0" : "ni2\0", version === 1 ? 344 : 4, "latin1");
  if (version === 1) view.setFloat32(108, offset, little);
  else view.setBigInt64(168, BigInt(offset), little);
  return bytes;
}

describe("NIfTI in two files", () => {
  it.each([
    [1, true, 0, "voxels"],
    [1, false, 2, "xels"],
    [2, true, 0, "voxels"],
    [2, false, 3, "els"],
    [1, true, -1, ""],
    [1, true, 99, ""],
  ] as const)("of version %i, little-endian: %s, from byte %i on is one file", async (version, little, offset, voxels) => {
    const path = put("a.hdr", header(version, little, offset));
    put("a.img", "voxels");
    const bytes = await readImageWithin(path, 1000);
    const [size, start] = version === 1 ? [348, 352] : [540, 544];
    expect(latin1(bytes.subarray(version === 1 ? 344 : 4).subarray(0, 4))).toBe(`n+${version}\0`);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    expect(version === 1 ? view.getFloat32(108, little) : Number(view.getBigInt64(168, little))).toBe(start);
    expect([...bytes.subarray(size, start)]).toEqual([0, 0, 0, 0]);
    expect(latin1(bytes.subarray(start))).toBe(voxels);
  });

  it("needs its second file, within the limit of both; a header of another kind stays alone", async () => {
    const path = put("b.hdr", header(1, true, 0));
    await expect(readImageWithin(path, 1000, "an image")).rejects.toMatchObject({ code: "not_found", message: /the voxels of an image/ });
    put("b.img", new Uint8Array(700));
    await expect(readImageWithin(path, 1000)).rejects.toMatchObject({ code: "too_large" });
    expect((await readImageWithin(put("c.hdr", "Analyze"), 1000)).length).toBe(7);
    put("D.IMG", "x");
    expect((await readImageWithin(put("D.HDR", header(1, true, 0)), 1000)).length).toBe(353);
  });
});

describe("NRRD in two files", () => {
  it.each([
    ["NRRD0004\ntype: short\ndata file: v.raw\nsizes: 2\n\n", "NRRD0004\ntype: short\nsizes: 2\n\nVOXELS"],
    ["NRRD0004\ntype: short\ndatafile: v.raw\n", "NRRD0004\ntype: short\n\nVOXELS"],
    ["NRRD0004\r\nDATA FILE: v.raw\r\ntype: short\r\n\r\n", "NRRD0004\r\ntype: short\r\n\r\nVOXELS"],
    ["NRRD0004\ndata file: v.raw\ntype: short", "NRRD0004\ntype: short\n\nVOXELS"],
    ["NRRD0004\ntype: short\n\ndata file: v.raw\n", "NRRD0004\ntype: short\n\ndata file: v.raw\n"],
  ])("%j is one file", async (text, wanted) => {
    put("v.raw", "VOXELS");
    expect(latin1(await readImageWithin(put("a.nhdr", text), 1000))).toBe(wanted);
  });

  it.each(["../v.raw", "/etc/passwd", "..", ".hidden", "a/b.raw", "a\\b.raw", "C:v.raw", "LIST\0", "v%03d.raw 1 9 1", "", "x\u00e9.raw"])(
    "that names %j touches no other file",
    async (name) => {
      const path = put("evil.nhdr", Buffer.from(`NRRD0004\ndata file: ${name}\n\n`, "latin1"));
      await expect(readImageWithin(path, 1000, "an image")).rejects.toMatchObject({ code: "bad_path", message: /^an image — expected/ });
    },
  );

  it("that names a file which is not there, or a folder, says so", async () => {
    await expect(readImageWithin(put("n.nhdr", "NRRD0004\ndata file: none.raw\n"), 1000)).rejects.toMatchObject({ code: "not_found" });
    mkdirSync(join(root, "folder"));
    await expect(readImageWithin(put("f.nhdr", "NRRD0004\ndata file: folder\n"), 1000)).rejects.toMatchObject({ code: "not_a_file" });
  });
});

it("a walk takes the headers of volumes, and leaves out the voxels beside them", async () => {
  const place = join(root, "walk");
  mkdirSync(place);
  for (const name of ["a.hdr", "a.img", "B.HDR", "B.IMG", "c.nhdr", "c.raw", "alone.img"]) writeFileSync(join(place, name), "");
  const { paths, leftOut } = await findImages(place);
  expect(paths).toEqual(["B.HDR", "a.hdr", "c.nhdr"]);
  expect(Object.fromEntries(leftOut)).toEqual({ "voxels of a header beside them": 2, "not an image": 2 });
});
