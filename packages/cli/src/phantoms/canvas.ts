// What the phantoms are drawn with: a seeded generator, smooth noise, soft shapes, a canvas of linear values.
// Coordinates run from −1 to 1 over the image, y downward. Nothing here knows what is drawn.

import type { RgbImage } from "@biovlm/core";

/** √(x² + y²). Math.hypot guards against overflow that cannot happen here, at twenty times the time. */
export function norm(x: number, y: number): number {
  return Math.sqrt(x * x + y * y);
}

/** Uniform numbers in [0, 1) from one seed (sfc32). */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = (seed / 0x100000000) | 0;
    this.#c = 0x9e3779b9;
    for (let i = 0; i < 12; i++) this.next();
  }

  next(): number {
    const t = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) | 0;
    return (t >>> 0) / 0x100000000;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** A whole number from 0 to n − 1. */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  /** Normal with mean 0 and deviation 1. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }
}

/** Smooth noise in [−1, 1]: bilinear over a lattice of random values, `octaves` of it, each twice as fine and half as strong. */
export function smoothNoise(random: Random, cells: number, octaves: number): (x: number, y: number) => number {
  const lattices = Array.from({ length: octaves }, (_, octave) => {
    const n = cells << octave;
    return Float32Array.from({ length: (n + 2) * (n + 2) }, () => random.between(-1, 1));
  });
  const norm = 2 - 0.5 ** (octaves - 1);
  return (x, y) => {
    const u = Math.min(0.99999, Math.max(0, (x + 1) / 2));
    const v = Math.min(0.99999, Math.max(0, (y + 1) / 2));
    let sum = 0;
    let strength = 1;
    let n = cells;
    for (const lattice of lattices) {
      const i = Math.floor(u * n);
      const j = Math.floor(v * n);
      const fx = ease(u * n - i);
      const at = j * (n + 2) + i;
      const upper = mix(lattice[at]!, lattice[at + 1]!, fx);
      const lower = mix(lattice[at + n + 2]!, lattice[at + n + 3]!, fx);
      sum += strength * mix(upper, lower, ease(v * n - j));
      strength /= 2;
      n *= 2;
    }
    return sum / norm;
  };
}

/** Speckle as coherent sound gives it: the length of a random walk in two dimensions, correlated over a few pixels, mean 1. */
export function speckle(random: Random, size: number): (x: number, y: number) => number {
  const field = () => {
    const noise = Float32Array.from({ length: size * size }, () => random.normal());
    return (i: number, j: number) => {
      let sum = 0;
      // Wider across than in depth.
      for (const [di, dj, weight] of KERNEL) {
        const column = Math.min(size - 1, Math.max(0, i + di));
        const row = Math.min(size - 1, Math.max(0, j + dj));
        sum += weight * noise[row * size + column]!;
      }
      return sum;
    };
  };
  const real = field();
  const imaginary = field();
  const place = (v: number) => Math.min(size - 1, Math.floor(((v + 1) / 2) * size));
  // Rayleigh with unit deviation has mean √(π/2).
  return (x, y) => norm(real(place(x), place(y)), imaginary(place(x), place(y))) / Math.sqrt(Math.PI / 2);
}

/** Gaussian weights over 7 × 3 pixels, scaled so that the sum of their squares is 1. */
const KERNEL: readonly (readonly [number, number, number])[] = (() => {
  const taps: [number, number, number][] = [];
  for (let dj = -1; dj <= 1; dj++) for (let di = -3; di <= 3; di++) taps.push([di, dj, Math.exp(-(di * di) / 4.5 - (dj * dj) / 1.2)]);
  const norm = Math.sqrt(taps.reduce((sum, [, , w]) => sum + w * w, 0));
  return taps.map(([di, dj, w]) => [di, dj, w / norm]);
})();

export function mix(a: number, b: number, t: number): number {
  return a + (b - a) * t;
}

function ease(t: number): number {
  return t * t * (3 - 2 * t);
}

/** 0 below `low`, 1 above `high`, smooth between; `low > high` falls instead of rising. */
export function step(low: number, high: number, x: number): number {
  return ease(Math.min(1, Math.max(0, (x - low) / (high - low))));
}

/** 1 inside an ellipse, 0 outside, over an edge `soft` wide (in units of its radius). */
export function ellipse(x: number, y: number, cx: number, cy: number, rx: number, ry: number, soft = 0.12, turn = 0): number {
  const c = turn === 0 ? 1 : Math.cos(turn);
  const s = turn === 0 ? 0 : Math.sin(turn);
  const u = ((x - cx) * c + (y - cy) * s) / rx;
  const v = ((y - cy) * c - (x - cx) * s) / ry;
  return step(1 + soft / 2, 1 - soft / 2, norm(u, v));
}

/** Distance to the segment a–b. */
export function segmentDistance(x: number, y: number, ax: number, ay: number, bx: number, by: number): number {
  const dx = bx - ax;
  const dy = by - ay;
  const t = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1)));
  return norm(x - ax - t * dx, y - ay - t * dy);
}

/** 1 within `radius` of the segment, 0 beyond, over an edge `soft` wide. */
export function capsule(x: number, y: number, ax: number, ay: number, bx: number, by: number, radius: number, soft = 0.015): number {
  return step(radius + soft, radius - soft, segmentDistance(x, y, ax, ay, bx, by));
}

export type Colour = readonly [red: number, green: number, blue: number];

/** Renders `shade(x, y)`, grey or RGB in [0, 1] (clamped), to bytes. */
export function render(size: number, shade: (x: number, y: number) => number | Colour): RgbImage {
  const data = new Uint8Array(size * size * 3);
  for (let j = 0; j < size; j++) {
    for (let i = 0; i < size; i++) {
      const value = shade(((i + 0.5) / size) * 2 - 1, ((j + 0.5) / size) * 2 - 1);
      const at = (j * size + i) * 3;
      for (let c = 0; c < 3; c++) {
        const v = typeof value === "number" ? value : value[c]!;
        data[at + c] = Math.round(Math.min(1, Math.max(0, v)) * 255);
      }
    }
  }
  return { data, width: size, height: size };
}

/** Paints `over` on `under` with opacity `alpha`. */
export function blend(under: Colour, over: Colour, alpha: number): Colour {
  return [mix(under[0], over[0], alpha), mix(under[1], over[1], alpha), mix(under[2], over[2], alpha)];
}
