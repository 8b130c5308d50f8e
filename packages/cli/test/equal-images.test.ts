// A folder whose images are all equal cannot be learned from: what is wrong is said, and what to do.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { greyPng } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { call, folder } from "./call.js";

describe.each(["train", "sweep"])("%s on images that are all equal", (command) => {
  it("says so of the class that has none to learn from, by its name", async () => {
    const place = folder("equal");
    for (const label of ["bright", "dark"]) {
      mkdirSync(join(place, "set", label), { recursive: true });
      const same = greyPng(16, 16, 8, () => 90);
      for (let i = 0; i < 4; i++) writeFileSync(join(place, "set", label, `${i}.png`), same);
    }
    const words = command === "train" ? ["--out", "b.safetensors"] : ["--method", "zero-shot", "--seeds", "1"];
    const { code, err } = await call([command, "./set", "--shots", "2", "--cache", "off", ...words], { cwd: place });
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/error\[too_few_images\]: .*class "bright" — expected images in the training split/),
    ]);
    expect(err).toContain("none: all 4 of it are equal byte for byte, or of one patient");
    expect(err).toContain("Give images of it that differ, of several patients.");
  });
});

describe("train on a class of one image", () => {
  it("says where it is", async () => {
    const place = folder("single");
    for (const [label, count] of Object.entries({ bright: 8, dark: 1 })) {
      mkdirSync(join(place, "set", label), { recursive: true });
      for (let i = 0; i < count; i++)
        writeFileSync(
          join(place, "set", label, `${i}.png`),
          greyPng(16, 16, 8, (at) => (at + i * 7) % 256),
        );
    }
    const { code, err } = await call(["train", "./set", "--shots", "2", "--cache", "off", "--out", "b.safetensors"], { cwd: place });
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/class "dark" — .*none: 1 image of it, all on other sides of the split\. Give more/),
    ]);
  });
});
