// How the page says a fault of an image: by what a person in front of it can do.

import { browserDecoder } from "@biovlm/imaging";
import { greyPng } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { failureOf } from "../../src/engine/call.js";

describe("an image beyond the page's limits", () => {
  it.each([
    [{ maxPixels: 100 }, "--max-pixels"],
    [{ maxBytes: 20 }, "--max-image-bytes"],
  ])("%o is sent to the command line by the flag that it has there", async (limits, flag) => {
    const png = greyPng(16, 16, 8, () => 1);
    const said = await browserDecoder().decode(png, limits).then(undefined, failureOf);
    expect(said).toEqual({ code: "too_large", message: expect.stringMatching(new RegExp(`, or use the command line with ${flag}\\.$`)) });
  });

  it("is not told of a time limit that nobody can raise there", () => {
    expect(failureOf(new Error("decoding took longer than 5 ms. Save the image again, or raise timeoutMs.")).message).toBe(
      "decoding took longer than 5 ms. Save the image again.",
    );
  });
});
