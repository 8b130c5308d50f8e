// R1 for DICOM: seeded mutations of phantoms and of one real file a codec end in pixels of the promised size or a typed error, within two
// seconds each; bombs are refused before anything is allocated; no message holds what the file says of a patient.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cases, golden, mutations, rawZeroBomb, settledRss, skipUnlessShared, soak } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { joined } from "../../src/dicom/file-preamble.js";
import { ImagingError, sharpDecoder } from "../../src/node/index.js";

const decoder = sharpDecoder();
const phantom = (name: string) => new Uint8Array(readFileSync(golden(`dicom/${name}.dcm`)));
const real = skipUnlessShared("data/images/dicom");

const seeds: [string, Uint8Array][] = [
  ...[
    "window_linear",
    "frames_2_rle",
    "enhanced_window_per_frame",
    "voi_lut_8_first_1500",
    "palette_16",
    "rgb_rle",
    "ybr_full_planar",
    "implicit_vr",
    "deflated",
  ].map((name): [string, Uint8Array] => [name, phantom(name)]),
  ...(real === undefined
    ? []
    : [
        "pydicom/JPEG2000.dcm",
        "pydicom/MR_small_jpeg_ls_lossless.dcm",
        "pydicom/SC_rgb_jpeg_dcmtk.dcm",
        "pydicom/JPGExtended.dcm",
        "pydicom-data/JPEG-LL.dcm",
        "pydicom-data/HTJ2KLossless_08_RGB.dcm",
      ].map((file): [string, Uint8Array] => [file, new Uint8Array(readFileSync(join(real, file)))])),
];

/** What came of one file. */
async function outcome(bytes: Uint8Array): Promise<"pixels" | ImagingError["code"]> {
  try {
    const { data, width, height } = await decoder.decode(bytes, { maxPixels: 4_000_000 });
    expect(data.length).toBe(width * height * 3);
    return "pixels";
  } catch (error) {
    expect(error).toBeInstanceOf(ImagingError);
    const { message, cause, code } = error as ImagingError;
    expect(`${message} ${cause}`).not.toMatch(/SYNTHETIC|PHANTOM|CompressedSamples/);
    return code;
  }
}

describe("mutated files", () => {
  it.each(seeds)(
    "of %s end in pixels or a typed error, none over two seconds",
    async (name, seed) => {
      const counts = new Map<string, number>();
      let [slowest, done] = [0, 0];
      let before = settledRss();
      for (const bytes of mutations(11, seed, Math.ceil(cases(10_000, 100) / seeds.length))) {
        const start = process.cpuUsage();
        const result = await outcome(bytes);
        // of the processor: other work beside this must not count
        const { user, system } = process.cpuUsage(start);
        slowest = Math.max(slowest, (user + system) / 1000);
        counts.set(result, (counts.get(result) ?? 0) + 1);
        if (++done === 50) before = settledRss();
      }
      if (soak)
        console.log(
          `${name}: ${done} cases, slowest ${slowest.toFixed(0)} ms of processor time, ${JSON.stringify([...counts])}, RSS +${((settledRss() - before) / 2 ** 20).toFixed(1)} MiB`,
        );
      expect([...counts.values()].reduce((sum, n) => sum + n, 0)).toBeGreaterThan(0);
      expect(counts.has("decoder_unavailable")).toBe(false);
      if (soak) {
        expect(slowest).toBeLessThan(2000);
        expect(settledRss() - before).toBeLessThan(64 * 1024 * 1024);
      }
    },
    soak ? 3_600_000 : undefined,
  );
});

describe("bombs", () => {
  it("of deflate are refused while they go off, not after", async () => {
    const bomb = joined("1.2.840.10008.1.2.1.99", rawZeroBomb(1000));
    expect(bomb.length).toBeLessThan(1_100_000);
    const before = process.memoryUsage().arrayBuffers;
    // at most 100 MB of four bytes a pixel, and what a step makes of its packed bytes
    await expect(decoder.open(bomb, { maxPixels: 25_000_000 })).rejects.toMatchObject({ code: "too_large" });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200_000_000);
  });

  it.each([
    ["rows and columns beyond the limit", [0x28, 0, 0x10, 0, 0x55, 0x53, 2, 0, 0xff, 0xff], "too_large"],
    ["no rows", [0x28, 0, 0x10, 0, 0x55, 0x53, 2, 0, 0, 0], "corrupt_image"],
    ["bits that contradict each other", [0x28, 0, 0x01, 0x01, 0x55, 0x53, 2, 0, 33, 0], "corrupt_image"],
    ["64 bits a sample", [0x28, 0, 0x00, 0x01, 0x55, 0x53, 2, 0, 64, 0], "unsupported_format"],
    ["four samples a pixel", [0x28, 0, 0x02, 0, 0x55, 0x53, 2, 0, 4, 0], "unsupported_format"],
  ])("%s are refused at the header", async (_, element, code) => {
    const bytes = phantom("window_linear");
    const tag = Buffer.from(element.slice(0, 8));
    const at = Buffer.from(bytes).indexOf(tag);
    expect(at).toBeGreaterThan(0);
    bytes.set(element, at);
    // a size beyond the limit needs both sides
    if (code === "too_large") bytes.set([0xff, 0xff], Buffer.from(bytes).indexOf(Buffer.from([0x28, 0, 0x11, 0, 0x55, 0x53, 2, 0])) + 8);
    await expect(decoder.open(bytes)).rejects.toMatchObject({ code });
  });

  it("a frame in more fragments than a call may have arguments is read all the same", async () => {
    const whole = Buffer.from(phantom("rgb_rle"));
    const end = whole.lastIndexOf(Buffer.of(0xfe, 0xff, 0xdd, 0xe0));
    const empty = Buffer.alloc(8 * 300_000, Buffer.of(0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0));
    const many = Buffer.concat([whole.subarray(0, end), empty, whole.subarray(end)]);
    const [expected, got] = [await decoder.decode(whole), await decoder.decode(new Uint8Array(many))];
    expect(Buffer.from(got.data).equals(Buffer.from(expected.data))).toBe(true);
  });

  it.each([
    ["999999999", "too_many_frames"],
    ["1000", "corrupt_image"],
    ["-1", "corrupt_image"],
    ["1.5", "corrupt_image"],
  ])("a claim of %s frames is refused", async (claim, code) => {
    const bytes = Buffer.from(phantom("frames_3_min_max"));
    const at = bytes.indexOf(Buffer.from([0x28, 0, 0x08, 0, 0x49, 0x53]));
    const padded = claim.length % 2 === 0 ? claim : `${claim} `;
    const length = Buffer.alloc(2);
    length.writeUInt16LE(padded.length);
    const old = bytes.readUInt16LE(at + 6);
    const changed = Buffer.concat([bytes.subarray(0, at + 6), length, Buffer.from(padded), bytes.subarray(at + 8 + old)]);
    await expect(decoder.open(new Uint8Array(changed))).rejects.toMatchObject({ code });
  });

  it("a codestream of another size than the data set says is refused before its codec sees it", async (ctx) => {
    if (real === undefined) return ctx.skip("skipped: shared data absent");
    for (const file of [
      "pydicom/JPEG2000.dcm",
      "pydicom/SC_rgb_jpeg_dcmtk.dcm",
      "pydicom/MR_small_jpeg_ls_lossless.dcm",
      "pydicom-data/JPEG-LL.dcm",
      "pydicom/JPGExtended.dcm",
    ]) {
      const bytes = Buffer.from(readFileSync(join(real, file)));
      const at = bytes.indexOf(Buffer.from([0x28, 0, 0x10, 0, 0x55, 0x53, 2, 0]));
      bytes.writeUInt16LE(bytes.readUInt16LE(at + 8) - 1, at + 8);
      const stack = await decoder.open(new Uint8Array(bytes));
      await expect(stack.frame(0), file).rejects.toMatchObject({
        code: "corrupt_image",
        message: expect.stringContaining("as the data set says"),
      });
    }
  });
});
