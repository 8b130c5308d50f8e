import { readFileSync } from "node:fs";
import { golden, goldenTensors } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { type Core, createReferenceCore, type PixelSpec, type RgbImage } from "../src/index.js";
import { coreOf } from "./builds.js";

const facts = JSON.parse(readFileSync(golden("preprocess.json"), "utf8"));
const tensors = goldenTensors("preprocess.safetensors");
const names = Object.keys(facts.images);
const spec: PixelSpec = { size: 224, mean: facts.openclip_mean, std: facts.openclip_std };

/** Grey goldens hold one channel; the project repeats it, as PIL's convert("RGB") does. */
function rgb(name: string): RgbImage {
  const { shape, data } = tensors.get(name)!;
  const [height, width, channels] = shape as [number, number, number];
  return {
    width,
    height,
    data: channels === 3 ? (data as Uint8Array) : Uint8Array.from({ length: data.length * 3 }, (_, i) => data[Math.floor(i / 3)]!),
  };
}

const cores: [string, Core][] = [["reference", createReferenceCore()], ...coreOf()];

describe.each(cores)("the %s build against Pillow's own preprocessing", (_, core) => {
  it("covers all nine images", () => expect(names).toHaveLength(9));
  it.each(names)("%s: every byte of resize and crop is equal", (name) => {
    const got = core.resizeCrop(rgb(`${name}.src`), 224);
    expect(Buffer.compare(got, new Uint8Array(rgb(`${name}.out`).data))).toBe(0);
  });
  it.each(names)("%s: normalised planes equal torch's", (name) => {
    const { openai_norm_first8: first, openai_norm_sum_f64: sum } = facts.images[name];
    const planes = core.preprocess(rgb(`${name}.src`), spec);
    expect(Array.from(planes.subarray(0, 8))).toEqual(first);
    expect(planes.reduce((a, b) => a + b, 0)).toBeCloseTo(sum, 2);
    const bytes = core.resizeCrop(rgb(`${name}.src`), 224);
    expect(Buffer.compare(new Uint8Array(core.normalize(bytes, spec).buffer), new Uint8Array(planes.buffer))).toBe(0);
  });
});

describe.each(cores)("crop boxes on the %s build", (_, core) => {
  const { crops, size } = JSON.parse(readFileSync(golden("augment.json"), "utf8"));
  const augment = goldenTensors("augment.safetensors");
  it.each(crops as { k: number; width: number; height: number; box: never }[])(
    "case $k equals torchvision's resized_crop on a PIL image",
    (crop) => {
      const image = { width: crop.width, height: crop.height, data: augment.get(`crop.in.${crop.k}`)!.data as Uint8Array };
      expect(core.resizeBox(image, crop.box, size)).toEqual(augment.get(`crop.out.${crop.k}`)!.data);
    },
  );
});
