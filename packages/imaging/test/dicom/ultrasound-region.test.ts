// The region of an ultrasound frame: pixels as the whole frame has them there, in both decoders; what names none is refused in words.

import { dicomFile, greyPng, ultrasoundFrame } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { browserDecoder } from "../../src/index.js";
import { sharpDecoder } from "../../src/node/index.js";

const [COLUMNS, ROWS] = [40, 24];
const decoders = [sharpDecoder(), browserDecoder()];

describe("an ultrasound frame's region", () => {
  it("is cut out of the frame with both its corners, and told", async () => {
    for (const decoder of decoders)
      for (const [left, top, right, bottom] of [
        [5, 3, 20, 15],
        [0, 0, COLUMNS - 1, ROWS - 1],
        [39, 23, 39, 23],
        // the corner beyond the frame that some devices write
        [10, 2, COLUMNS, ROWS],
      ] as const) {
        const bytes = ultrasoundFrame(COLUMNS, ROWS, [left, top, right, bottom]);
        const whole = await decoder.decode(bytes);
        const { data, width, height, dicom } = await decoder.decode(bytes, { ultrasoundRegion: true });
        expect([width, height]).toEqual([Math.min(right, COLUMNS - 1) - left + 1, Math.min(bottom, ROWS - 1) - top + 1]);
        expect(dicom?.region).toEqual({ left, top, width, height });
        expect([whole.dicom?.region, whole.width, whole.height]).toEqual([undefined, COLUMNS, ROWS]);
        for (let y = 0; y < height; y++)
          expect(data.subarray(y * width * 3, (y + 1) * width * 3)).toEqual(
            whole.data.subarray(((top + y) * COLUMNS + left) * 3, ((top + y) * COLUMNS + left + width) * 3),
          );
      }
  });

  it("is refused where there is none, when the header is read, and for what is no DICOM", async () => {
    const png = greyPng(8, 8, 8, (i) => i);
    for (const decoder of decoders) {
      for (const [bytes, got] of [
        [ultrasoundFrame(COLUMNS, ROWS), "DICOM without one"],
        [png, "PNG"],
      ] as const) {
        const refused = { code: "unsupported_format", message: expect.stringMatching(`Sequence of Ultrasound Regions, got ${got}`) };
        await expect(decoder.open(bytes, { ultrasoundRegion: true })).rejects.toMatchObject(refused);
        await expect(decoder.decode(bytes, { ultrasoundRegion: false })).resolves.toBeDefined();
      }
      await expect(decoder.decode(dicomFile("1.2.840.10008.1.2.1", []), { ultrasoundRegion: true })).rejects.toHaveProperty("code");
    }
  });

  it("is refused as corrupt where it does not lie in the frame", async () => {
    for (const region of [
      [5, 3, 4, 15],
      [5, 16, 20, 15],
      [0, 0, COLUMNS + 1, 5],
      [0, 0, 5, ROWS + 1],
      [COLUMNS, 0, COLUMNS, 5],
      [0, ROWS, 5, ROWS],
    ] as const)
      await expect(
        decoders[0]?.decode(ultrasoundFrame(COLUMNS, ROWS, region), { ultrasoundRegion: true }),
        region.join(),
      ).rejects.toMatchObject({ code: "corrupt_image" });
  });
});
