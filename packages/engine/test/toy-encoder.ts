// An encoder whose answers are plain to see: D = 4 sums over the pixels of an 8 × 8 image. Pictures are flat, so that a fault can be asked for by
// their grey value.

import type { Device, Encoder, ModelSpec } from "@biovlm/model";
import sharp from "sharp";

export const TOY_SPEC = { embedDim: 4, mean: [0, 0, 0], std: [1, 1, 1], vision: { imageSize: 8 } } as unknown as ModelSpec;

/** How images are shown where nothing is asked for. */
export const AS_THEY_COME = {
  exif: "apply",
  frame: "middle",
  plane: "axial",
  window: "file",
  range: "file",
  ultrasoundRegion: false,
} as const;

/** @param meet called with each image's grey value, 0 to 255 */
export function toyEncoder(device: Device, meet: (grey: number) => void = () => {}): Encoder & { spec: ModelSpec } {
  const length = 3 * 8 * 8;
  return {
    name: device,
    spec: TOY_SPEC,
    capabilities: { device, precision: "fp32", maxBatch: 32, gradients: false, deterministic: true },
    async encodeImages(pixels, batch) {
      const data = new Float32Array(batch * 4);
      for (let b = 0; b < batch; b++) {
        const row = pixels.subarray(b * length, (b + 1) * length);
        meet(Math.round(row[0]! * 255));
        const mean = row.reduce((sum, x) => sum + x, 0) / length;
        data.set([1, mean, mean * mean, 1 - mean], b * 4);
      }
      return { data, shape: [batch, 4] };
    },
    async encodeTexts(_ids, _mask, [n]) {
      return { data: new Float32Array(n * 4).fill(0.5), shape: [n, 4] };
    },
    async encodePrompts({ shape: [n] }) {
      return { out: { data: new Float32Array(n * 4).fill(0.5), shape: [n, 4] } };
    },
    async close() {},
  };
}

/** A flat PNG. */
export async function greyPng(grey: number): Promise<Uint8Array> {
  return sharp({ create: { width: 8, height: 8, channels: 3, background: { r: grey, g: grey, b: grey } } })
    .png()
    .toBuffer();
}

/** The row the toy encoder gives a grey value. */
export function greyRow(grey: number): number[] {
  const mean = Math.fround(grey / 255);
  return [1, mean, mean * mean, 1 - mean];
}
