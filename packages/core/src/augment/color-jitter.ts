// Colour jitter on planar float pixels [3,S,S], as torchvision's tensor ops do it: brightness, contrast, saturation, hue in a given order.
// Every step clamps to [0,1], on normalised tensors too: that is what the released recipe meets. Parameters are drawn by the caller.

import { f32 } from "../elements.js";

/** A colour change; torchvision draws the order of all four. */
export type ColorStep = "brightness" | "contrast" | "saturation" | "hue";

/** One draw of colour changes, as torchvision's ColorJitter applies them. */
export interface ColorJitter {
  readonly order: readonly ColorStep[];
  /** factors around 1 */
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  /** shift of the hue circle in turns, −0.5 to 0.5 */
  readonly hue: number;
}

/** pixels [3,plane] → new pixels. */
export function colorJitter(pixels: Float32Array, jitter: ColorJitter): Float32Array {
  let x = pixels;
  for (const step of jitter.order) x = STEPS[step](x, jitter[step]);
  return x;
}

const STEPS: Readonly<Record<ColorStep, (x: Float32Array, factor: number) => Float32Array>> = {
  brightness: (x, factor) => x.map((v) => clamp(v * factor)),
  contrast(x, factor) {
    const plane = x.length / 3;
    let mean = 0;
    for (let i = 0; i < plane; i++) mean += grey(x, i, plane);
    const rest = (1 - factor) * (mean / plane);
    return x.map((v) => clamp(factor * v + rest));
  },
  saturation(x, factor) {
    const plane = x.length / 3;
    return x.map((v, at) => clamp(factor * v + (1 - factor) * grey(x, at % plane, plane)));
  },
  hue: shiftHue,
};

function shiftHue(x: Float32Array, shift: number): Float32Array {
  const plane = x.length / 3;
  const out = new Float32Array(x.length);
  for (let i = 0; i < plane; i++) {
    const r = f32(x, i);
    const g = f32(x, plane + i);
    const b = f32(x, 2 * plane + i);
    const max = Math.max(r, g, b);
    const range = max - Math.min(r, g, b);
    const flat = range === 0;
    const saturation = flat ? 0 : range / max;
    const d = flat ? 1 : range;
    const rc = (max - r) / d;
    const gc = (max - g) / d;
    const bc = (max - b) / d;
    const sixth = max === r ? bc - gc : max === g ? 2 + rc - bc : 4 + gc - rc;
    const hue = turn(((sixth / 6 + 1) % 1) + shift);
    const k = Math.floor(hue * 6);
    const f = hue * 6 - k;
    const p = clamp(max * (1 - saturation));
    const q = clamp(max * (1 - saturation * f));
    const t = clamp(max * (1 - saturation * (1 - f)));
    const sector = k % 6;
    out[i] = sector === 0 || sector === 5 ? max : sector === 1 ? q : sector === 4 ? t : p;
    out[plane + i] = sector === 1 || sector === 2 ? max : sector === 0 ? t : sector === 3 ? q : p;
    out[2 * plane + i] = sector === 3 || sector === 4 ? max : sector === 2 ? t : sector === 5 ? q : p;
  }
  return out;
}

/** x mod 1 in [0,1). */
function turn(x: number): number {
  return x - Math.floor(x);
}

function grey(x: Float32Array, i: number, plane: number): number {
  return 0.2989 * f32(x, i) + 0.587 * f32(x, plane + i) + 0.114 * f32(x, 2 * plane + i);
}

function clamp(v: number): number {
  return v < 0 ? 0 : v > 1 ? 1 : v;
}
