// NIfTI and NRRD against nibabel and pynrrd: every type, byte order and orientation, in the three planes, by both decoders.

import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { browserDecoder } from "../../src/browser-decoder.js";
import { type ImageDecoder, ImagingError, sharpDecoder } from "../../src/node/index.js";
import { PLANES, VOLUMES, volume, WINDOW } from "./golden-volumes.js";

const decoders: readonly ImageDecoder[] = [sharpDecoder(), browserDecoder()];
const decoder = sharpDecoder();

/** First digits of sha256 of all slices, and their size. */
async function pictures(from: ImageDecoder, bytes: Uint8Array, plane: (typeof PLANES)[number], window: typeof WINDOW | "min-max") {
  const stack = await from.open(bytes, { plane });
  const hash = createHash("sha256");
  let size: number[] = [];
  for (let index = 0; index < stack.frames; index++) {
    const { data, width, height, slice } = await stack.frame(index, { window });
    expect(slice).toMatchObject({ frame: index + 1, frames: stack.frames, plane });
    size = [stack.frames, height, width];
    hash.update(data);
  }
  return { size, digest: hash.digest("hex").slice(0, 16) };
}

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const edited = (name: string, edit: (data: DataView) => void): Uint8Array => {
  const bytes = volume(name);
  edit(view(bytes));
  return bytes;
};
const PLAIN = "nifti int16 little 0";

describe("volumes", () => {
  it.each(decoders.map((one): [string, ImageDecoder] => [one.name, one]))(
    "are read as nibabel and pynrrd read them, by %s",
    async (_, one) => {
      expect(VOLUMES.length).toBeGreaterThan(80);
      for (const { name, bytes, planes } of VOLUMES) {
        for (const plane of PLANES) {
          const { size, minMax, window } = planes[plane];
          expect({ name, plane, ...(await pictures(one, bytes, plane, "min-max")) }).toEqual({ name, plane, size, digest: minMax });
          expect({ name, plane, ...(await pictures(one, bytes, plane, WINDOW)) }).toEqual({ name, plane, size, digest: window });
        }
      }
    },
  );

  it("are shown by their middle axial slice unless another is named, in the window of the file, of 8 bits, or of all values", async () => {
    const plain = volume(PLAIN);
    const { slice, format } = await decoder.decode(plain);
    expect({ format, frame: slice?.frame, plane: slice?.plane, source: slice?.window.source }).toEqual({
      ...{ format: "nifti", frame: 2, plane: "axial", source: "min-max" },
    });
    expect((await decoder.decode(plain, { frame: 0, plane: "coronal" })).slice).toMatchObject({ frame: 1, frames: 3, plane: "coronal" });
    expect((await decoder.decode(volume("nifti uint8 little 0"))).slice?.window.source).toBe("full range");
    const said = edited(PLAIN, (data) => {
      data.setFloat32(124, 300, true);
      data.setFloat32(128, -100, true);
    });
    expect((await decoder.decode(said)).slice?.window).toEqual({ center: 100, width: 400, source: "file" });
    await expect(decoder.decode(plain, { frame: 2 })).rejects.toMatchObject({
      code: "bad_option",
      message: expect.stringContaining("of 2 slices"),
    });
    await expect(decoder.decode(plain, { plane: "oblique" as "axial" })).rejects.toMatchObject({ code: "bad_option" });
  });

  it("say what a reader should know, and nothing of their texts", async () => {
    const notes = async (name: string, plane: (typeof PLANES)[number] = "axial") =>
      (await decoder.decode(volume(name), { plane })).slice?.notes;
    expect(await notes(PLAIN)).toEqual([]);
    expect(await notes(PLAIN, "coronal")).toEqual(["pixels are not square; they are not resampled"]);
    expect(await notes("nifti int16 little 2")).toEqual(["the grid is tilted by 23° against the body's axes; it is not resampled"]);
    expect((await notes("nifti without orientation"))?.[0]).toContain("does not say how it lies");
    expect(await notes("nifti of two volumes, gzip")).toEqual(["the first of 2 volumes is shown"]);
    expect(JSON.stringify(await decoder.decode(volume(PLAIN)))).not.toContain("NOBODY");
  });

  it("are read from gzip in several pieces of work, and refused where its sum is wrong", async () => {
    const packed = volume("nifti int16 little 2");
    const again = gzipSync(gunzipSync(packed), { level: 0 });
    expect((await decoder.decode(again)).data).toEqual((await decoder.decode(packed)).data);
    const wrong = packed.slice();
    wrong[wrong.length - 6]! ^= 1;
    await expect(decoder.decode(wrong)).rejects.toMatchObject({ code: "corrupt_image" });
    await expect(decoder.decode(packed.subarray(0, packed.length - 12))).rejects.toMatchObject({ code: "corrupt_image" });
  });

  it("are read from gzip in many members and with zeros behind it, as Node 20 does by itself and no other host", async () => {
    const packed = volume("nifti int16 little 2");
    const plain = gunzipSync(packed);
    const { data } = await decoder.decode(packed);
    const both = new Blob([gzipSync("a"), gzipSync("b")] as BlobPart[]).stream().pipeThrough(new DecompressionStream("gzip"));
    const oneMember = await new Response(both).arrayBuffer().then(
      () => false,
      () => true,
    );
    // blocks and the empty last one of bgzip
    const blocks = Array.from({ length: 40 }, (_, i) => gzipSync(plain.subarray((i * plain.length) / 40, ((i + 1) * plain.length) / 40)));
    const empty = Buffer.from("1f8b08040000000000ff0600424302001b0003000000000000000000", "hex");
    const end = [1, 9, 700, 70_000].map((n) => Buffer.alloc(n));
    for (const good of [[...blocks], [...blocks, empty], [...blocks, empty, end[2]!], ...end.map((zeros) => [packed, zeros])])
      expect((await decoder.decode(Buffer.concat(good))).data).toEqual(data);
    const wrong = blocks.map((block) => Buffer.from(block));
    wrong[1]![wrong[1]!.length - 7]! ^= 1;
    const cut = blocks.slice(0, -1);
    for (const bad of [wrong, [...blocks, Buffer.from("more")], cut, [...cut, blocks[39]!.subarray(0, -9)]])
      await expect(decoder.decode(Buffer.concat(bad))).rejects.toMatchObject({ code: "corrupt_image" });
    // more than a host of one member is asked to read
    const many = await decoder
      .decode(Buffer.concat([packed, ...Array.from({ length: 17_000 }, () => empty)]))
      .catch((error: unknown) => error);
    expect(many instanceof ImagingError ? many.code : many).toEqual(oneMember ? "corrupt_image" : expect.objectContaining({ data }));
  });
});

const text = (words: string) => new Uint8Array(Buffer.from(words, "latin1"));
const nrrd = (lines: string, voxels = 24) => text(`NRRD0004\n${lines}\n\n${"\x01".repeat(voxels)}`);
const SMALL = "type: uchar\ndimension: 3\nsizes: 4 3 2\nencoding: raw";

describe("volumes that are refused", () => {
  it.each<[string, string, Uint8Array]>([
    ["a type of RGB", "unsupported_format", edited(PLAIN, (data) => data.setInt16(70, 128, true))],
    ["a type that is none", "unsupported_format", edited(PLAIN, (data) => data.setInt16(70, 3, true))],
    ["two files", "unsupported_format", edited(PLAIN, (data) => data.setUint32(344, 0x6e693100))],
    ["labels", "not_an_image", edited(PLAIN, (data) => data.setInt16(68, 1002, true))],
    ["no axes", "corrupt_image", edited(PLAIN, (data) => data.setInt16(40, 0, true))],
    ["a negative size", "corrupt_image", edited(PLAIN, (data) => data.setInt16(42, -4, true))],
    ["more voxels than the limits", "too_large", edited(PLAIN, (data) => [42, 44, 46].forEach((at) => void data.setInt16(at, 5000, true)))],
    [
      "a larger slice than the limits",
      "too_large",
      edited(PLAIN, (data) => [42, 44].forEach((at) => void data.setInt16(at, 32_767, true))),
    ],
    ["voxels past the end", "corrupt_image", edited(PLAIN, (data) => data.setInt16(46, 3, true))],
    ["voxels within the header", "corrupt_image", edited(PLAIN, (data) => data.setFloat32(108, 16, true))],
    ["voxels nowhere", "corrupt_image", edited(PLAIN, (data) => data.setFloat32(108, Number.NaN, true))],
    ["a slope without intercept", "corrupt_image", edited("nifti int16 little 1", (data) => data.setFloat32(116, Number.NaN, true))],
    ["axes in one plane", "corrupt_image", edited(PLAIN, (data) => [280, 284, 288].forEach((at) => void data.setFloat32(at, 0, true)))],
    ["a header that breaks off", "corrupt_image", volume("nifti-2 little").subarray(0, 400)],
    ["NRRD in two files", "unsupported_format", nrrd(`${SMALL}\ndata file: x.raw`)],
    ["NRRD of text", "unsupported_format", nrrd(SMALL.replace("raw", "text"))],
    ["NRRD of blocks", "unsupported_format", nrrd(SMALL.replace("uchar", "block"))],
    ["NRRD of colours", "unsupported_format", nrrd(`${SMALL}\nkinds: RGB-color domain domain`)],
    ["NRRD without byte order", "corrupt_image", nrrd(SMALL.replace("uchar", "short"), 48)],
    ["NRRD of too few voxels", "corrupt_image", nrrd(SMALL, 23)],
    ["NRRD with sizes that are none", "corrupt_image", nrrd(SMALL.replace("4 3 2", "4 x 2"))],
    ["NRRD that says a field twice", "corrupt_image", nrrd(`${SMALL}\nsizes: 1 1 1`)],
    ["NRRD whose header does not end", "corrupt_image", text("NRRD0004\ntype: uchar\n")],
    ["NRRD larger than the limits", "too_large", nrrd(SMALL.replace("4 3 2", "4096 4096 4096"))],
  ])("for %s", async (_, code, bytes) => {
    for (const one of decoders) await expect(one.decode(bytes)).rejects.toMatchObject({ code });
  });

  it("where gzip cannot hold what its header claims, before that is allocated", async () => {
    const bytes = gzipSync(edited(PLAIN, (data) => [42, 44, 46].forEach((at) => void data.setInt16(at, 300, true))));
    await expect(decoder.decode(bytes)).rejects.toMatchObject({ code: "corrupt_image", message: expect.stringContaining("at most") });
  });

  it("where gzip goes on beyond the limits", async () => {
    const bytes = gzipSync(Buffer.concat([volume(PLAIN), new Uint8Array(12_000_000)]));
    await expect(decoder.decode(bytes, { maxPixels: 1000, maxBytes: 100_000 })).rejects.toMatchObject({ code: "too_large" });
    expect((await decoder.decode(bytes)).slice?.frames).toBe(2);
  });

  it("where gzip is broken from its beginning", async () => {
    await expect(decoder.decode(text("\x1f\x8b\x08\0"))).rejects.toMatchObject({ code: "corrupt_image" });
  });

  it("as gzip, where no volume is in it", async () => {
    await expect(decoder.decode(gzipSync("no volume"))).rejects.toMatchObject({
      ...{ code: "unsupported_format", message: expect.stringContaining("gzip") },
    });
  });
});
