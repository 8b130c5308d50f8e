// The conversions to upright RGB8 that decoders leave to us, so that they are the same in Node and in browsers.
// Every function takes whole rows without padding and returns a new array, except where it says otherwise.

import { sampleAt } from "./element-read.js";

/** RGBA [n,4] → RGB [n,3]; alpha is dropped, colours stay as stored (PIL's `convert("RGB")`, no compositing). */
export function dropAlpha(rgba: Uint8Array | Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = sampleAt(rgba, from);
    rgb[to + 1] = sampleAt(rgba, from + 1);
    rgb[to + 2] = sampleAt(rgba, from + 2);
  }
  return rgb;
}

/** Grey [n] → RGB [n,3]. */
export function repeatedGrey(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(grey.length * 3);
  for (let i = 0, to = 0; i < grey.length; i++, to += 3) rgb[to] = rgb[to + 1] = rgb[to + 2] = sampleAt(grey, i);
  return rgb;
}

/** 16-bit samples → 8 bits: ÷ 257, rounded to nearest, so that 0 → 0 and 65535 → 255. */
export function sixteenToEight(samples: Uint16Array): Uint8Array {
  const out = new Uint8Array(samples.length);
  for (let i = 0; i < out.length; i++) out[i] = eightBits(sampleAt(samples, i));
  return out;
}

/** round(value / 257) in integers; 257 is odd, so there are no halves. */
export function eightBits(value: number): number {
  return Math.trunc((value + 128) / 257);
}

/** CMYK [n,4] (0 = no ink) → RGB [n,3] by PIL's formula: each colour is (255 − K) less the ink's share of it, without a profile. */
export function cmykToRgb(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / 4) * 3);
  for (let from = 0, to = 0; from < cmyk.length; from += 4, to += 3) {
    const white = 255 - sampleAt(cmyk, from + 3);
    for (let channel = 0; channel < 3; channel++) {
      const product = sampleAt(cmyk, from + channel) * white + 128;
      rgb[to + channel] = Math.max(0, white - ((product + (product >> 8)) >> 8));
    }
  }
  return rgb;
}

/** Turns RGB [height,width,3] upright. Orientation 1 returns the same array; 5 to 8 swap width and height. */
export function turnUpright(
  data: Uint8Array,
  width: number,
  height: number,
  orientation: number,
): { data: Uint8Array; width: number; height: number } {
  if (orientation <= 1 || orientation > 8) return { data, width, height };
  // Position of source pixel (x, y) in the result: origin + x · stepX + y · stepY, in pixels.
  const swap = orientation >= 5;
  const outWidth = swap ? height : width;
  const mirrorX = [2, 3, 7, 8].includes(orientation);
  const mirrorY = [3, 4, 6, 7].includes(orientation);
  const stepX = (swap ? outWidth : 1) * (mirrorX ? -1 : 1);
  const stepY = (swap ? 1 : outWidth) * (mirrorY ? -1 : 1);
  const origin = (mirrorX ? -(width - 1) * stepX : 0) + (mirrorY ? -(height - 1) * stepY : 0);
  const out = new Uint8Array(data.length);
  for (let y = 0, from = 0; y < height; y++) {
    for (let x = 0, to = (origin + y * stepY) * 3; x < width; x++, from += 3, to += stepX * 3) {
      out[to] = sampleAt(data, from);
      out[to + 1] = sampleAt(data, from + 1);
      out[to + 2] = sampleAt(data, from + 2);
    }
  }
  return { data: out, width: outWidth, height: swap ? width : height };
}
