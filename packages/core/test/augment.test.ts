import { readFileSync } from "node:fs";
import { golden, goldenTensors } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { colorJitter } from "../src/augment/color-jitter.js";
import { flipHorizontal } from "../src/augment/flip.js";
import { gaussianBlur3 } from "../src/augment/gaussian-blur.js";
import { randomCropBox } from "../src/augment/random-crop.js";

const tensors = goldenTensors("augment.safetensors");
const { ops, size } = JSON.parse(readFileSync(golden("augment.json"), "utf8"));
const floats = (name: string) => tensors.get(name)!.data as Float32Array;

function worst(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((m, v, i) => Math.max(m, Math.abs(v - b[i]!)), 0);
}

describe("pixel operations of the training views equal torchvision's", () => {
  for (const op of ops) {
    it(`${op.name}${op.order ? ` (${op.order.join(", ")})` : ` (sigma ${op.sigma})`}`, () => {
      const x = floats(op.input);
      const before = x.slice();
      const y = op.order ? colorJitter(x, op) : gaussianBlur3(x, size, op.sigma);
      // torchvision computes in float32 on values up to 2: a few units in the last place.
      expect(worst(y, floats(op.name))).toBeLessThan(5e-6);
      expect(x).toEqual(before);
    });
  }
  it("mirrors rows", () => {
    expect(flipHorizontal(floats("in.image"), size)).toEqual(floats("flip.image"));
  });
});

describe("randomCropBox", () => {
  const options = { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] } as const;
  let state = 1;
  const uniform = () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state / 2 ** 32;
  };
  const random = { uniform, below: (n: number) => Math.floor(uniform() * n) };
  it("stays inside the image and inside the asked area and ratio", () => {
    for (let i = 0; i < 20_000; i++) {
      const [w, h] = [20 + random.below(300), 20 + random.below(300)];
      const box = randomCropBox(w, h, options, random);
      expect(box.left >= 0 && box.top >= 0 && box.left + box.width <= w && box.top + box.height <= h).toBe(true);
      if (w / h > 0.8 && w / h < 1.25) expect((box.width * box.height) / (w * h)).toBeGreaterThan(0.07);
    }
  });
  it("falls back to the centre where no box of the ratio fits", () => {
    expect(randomCropBox(1000, 3, { scale: [0.9, 1], ratio: options.ratio }, random)).toEqual({ left: 498, top: 0, width: 4, height: 3 });
    expect(randomCropBox(1, 1, options, random)).toEqual({ left: 0, top: 0, width: 1, height: 1 });
  });
});
