// An opened image is a stack of frames: a still one has exactly one, the same pixels as `decode` gives, and no display window.

import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { browserDecoder } from "../src/index.js";
import { sharpDecoder } from "../src/node/index.js";

const picture = sharp({ create: { width: 5, height: 3, channels: 3, background: { r: 10, g: 200, b: 30 } } });
const bytesOf = async (format: "png" | "jpeg" | "webp" | "tiff") => new Uint8Array(await picture.clone().toFormat(format).toBuffer());

describe("an opened image", () => {
  it.each(["png", "jpeg", "webp", "tiff"] as const)("of %s is one frame, with the pixels that decode gives", async (format) => {
    const bytes = await bytesOf(format);
    const stack = await sharpDecoder().open(bytes);
    expect([stack.format, stack.frames]).toEqual([format, 1]);
    expect(await stack.frame(0)).toEqual(await sharpDecoder().decode(bytes));
  });

  it("of PNG is the same stack in a browser's decoder", async () => {
    const bytes = await bytesOf("png");
    const stack = await browserDecoder().open(bytes);
    expect(await stack.frame(0)).toEqual(await (await sharpDecoder().open(bytes)).frame(0));
  });

  it("is refused at once where its header is: nothing waits for a frame to be asked for", async () => {
    const bytes = await bytesOf("png");
    await expect(sharpDecoder().open(bytes, { maxPixels: 14 })).rejects.toMatchObject({ code: "too_large" });
    await expect(sharpDecoder().open(new Uint8Array(0))).rejects.toMatchObject({ code: "empty_input" });
    await expect(browserDecoder().open(bytes.subarray(0, 20))).rejects.toMatchObject({ code: "corrupt_image" });
  });

  it("refuses frames that it has not, and a window where samples are shown as they are", async () => {
    const stack = await sharpDecoder().open(await bytesOf("tiff"));
    for (const index of [1, -1, 0.5, Number.NaN]) await expect(stack.frame(index)).rejects.toMatchObject({ code: "bad_option" });
    await expect(stack.frame(0, { window: { center: 40, width: 400 } })).rejects.toMatchObject({ code: "bad_option" });
  });
});
