// The promise about pixels: whoever resamples gives the reference's bytes, all of them, which are Pillow's.

import type { RgbImage } from "../image.js";
import { referenceKernels as reference } from "../reference.js";
import { boxPlan, centreCropPlan, type ResamplePlan } from "../resample-plan.js";
import { excess } from "./kernel-cases.js";
import { type KernelPromise, property } from "./kernel-promise.js";
import type { Seeded } from "./seeded.js";

/** A small image of any shape as a view into a larger buffer, and a plan over it: a box or the centre crop. */
export function pixelCase(random: Seeded): { image: RgbImage; plan: ResamplePlan } {
  const thin = random.below(8) === 0;
  const sides = [1 + random.below(thin ? 400 : 48), 1 + random.below(thin ? 4 : 48)] as const;
  const [width, height] = random.below(2) === 0 ? sides : [sides[1], sides[0]];
  const size = 1 + random.below(20);
  const data = new Uint8ClampedArray(width * height * 3 + 7).subarray(5, 5 + width * height * 3);
  const style = random.below(3);
  for (let i = 0; i < data.length; i++) data[i] = style === 0 ? random.below(256) : style === 1 ? random.pick([0, 255]) : (i * 7) % 256;
  const left = random.below(width);
  const top = random.below(height);
  const box = { left, top, width: 1 + random.below(width - left), height: 1 + random.below(height - top) };
  const plan = random.below(2) === 0 ? boxPlan(box, size) : centreCropPlan(width, height, size);
  return { image: { data, width, height }, plan };
}

const resample = property(
  "resample: every byte equals the reference's, for crops and boxes of any shape",
  ["resample"],
  8,
  (random, kernels) => {
    const { image, plan } = pixelCase(random);
    const [got, want] = [new Uint8Array(plan.size ** 2 * 3), new Uint8Array(plan.size ** 2 * 3)];
    kernels.resample(image, plan, got);
    reference.resample(image, plan, want);
    return got.every((byte, i) => byte === want[i]) ? undefined : `${image.width}×${image.height} to ${plan.size}`;
  },
);

const throughTable = property(
  "resampleThroughTable: planes are the table's numbers, at the offset, and their neighbours stay",
  ["resampleThroughTable"],
  9,
  (random, kernels) => {
    const { image, plan } = pixelCase(random);
    const table = Float32Array.from({ length: 768 }, () => random.next());
    const offset = random.below(3);
    const length = plan.size ** 2 * 3 + 3;
    const [planes, expected] = [new Float32Array(length).fill(-1), new Float32Array(length).fill(-1)];
    kernels.resampleThroughTable(image, plan, table, planes, offset);
    reference.resampleThroughTable(image, plan, table, expected, offset);
    return excess(planes, expected, () => 0) > 0 ? `${image.width}×${image.height} to ${plan.size} at ${offset}` : undefined;
  },
  1 / 4,
);

export const pixelPromises: readonly KernelPromise[] = [resample, throughTable];
