// Phantoms in colour: drawings that have the layout of a fundus photograph and of a stained blood smear.
// Drawn from circles, curves and noise; no patient's image went into them and nothing medical can be read from them.

import type { RgbImage } from "@biovlm/core";
import { nth } from "@biovlm/files";
import { blend, type Colour, ellipse, mix, norm, type Random, render, segmentDistance, smoothNoise, step } from "./canvas.js";

interface Vessel {
  readonly ax: number;
  readonly ay: number;
  readonly bx: number;
  readonly by: number;
  readonly radius: number;
  readonly vein: boolean;
}

/** An orange disc on black with a yellow optic disc, vessels that branch from it, and a darker macula. */
export function fundus(size: number, random: Random): RgbImage {
  const mottle = smoothNoise(random, 12, 4);
  const side = random.next() < 0.5 ? -1 : 1;
  const dx = side * random.between(0.36, 0.46);
  const dy = random.between(-0.06, 0.06);
  const near = byPlace(growVessels(random, dx, dy, side));
  const glow = random.between(0.95, 1.1);
  const hue = random.between(-0.03, 0.03);
  return render(size, (x, y) => {
    const r = norm(x, y);
    const inside = step(0.965, 0.94, r);
    if (inside === 0) return [0.01, 0.008, 0.008];
    const light = glow * (1 - 0.42 * r ** 2.4) * (1 + 0.08 * mottle(x, y));
    let colour: Colour = [0.8 * light, (0.38 + hue) * light, 0.16 * light];
    colour = blend(colour, [0.5 * light, 0.19 * light, 0.08 * light], 0.65 * step(0.3, 0.02, norm(x + side * 0.12, y - 0.03)));
    const disc = ellipse(x, y, dx, dy, 0.135, 0.15, 0.25);
    colour = blend(colour, [0.99, 0.84, 0.5], 0.92 * disc);
    colour = blend(colour, [1, 0.95, 0.74], 0.7 * ellipse(x, y, dx - side * 0.015, dy, 0.06, 0.07, 0.6));
    for (const { ax, ay, bx, by, radius, vein } of near(x, y)) {
      const d = segmentDistance(x, y, ax, ay, bx, by);
      if (d > radius + 0.012) continue;
      const body = step(radius + 0.01, radius - 0.004, d);
      const wall: Colour = vein ? [0.42 * light, 0.09 * light, 0.05 * light] : [0.6 * light, 0.17 * light, 0.08 * light];
      colour = blend(colour, wall, 0.8 * body);
    }
    return blend([0.01, 0.008, 0.008], colour, inside);
  });
}

/** The vessels that can touch a point, found through a grid over the image. */
function byPlace(vessels: readonly Vessel[]): (x: number, y: number) => readonly Vessel[] {
  const n = 32;
  const cell = (v: number) => Math.min(n - 1, Math.max(0, Math.floor(((v + 1) / 2) * n)));
  const grid: Vessel[][] = Array.from({ length: n * n }, () => []);
  for (const vessel of vessels) {
    const reach = vessel.radius + 0.02;
    const [left, right] = [cell(Math.min(vessel.ax, vessel.bx) - reach), cell(Math.max(vessel.ax, vessel.bx) + reach)];
    const [top, bottom] = [cell(Math.min(vessel.ay, vessel.by) - reach), cell(Math.max(vessel.ay, vessel.by) + reach)];
    for (let j = top; j <= bottom; j++) for (let i = left; i <= right; i++) nth(grid, j * n + i).push(vessel);
  }
  return (x, y) => nth(grid, cell(y) * n + cell(x));
}

function growVessels(random: Random, dx: number, dy: number, side: number): Vessel[] {
  const vessels: Vessel[] = [];
  const grow = (x: number, y: number, angle: number, radius: number, curl: number, length: number, vein: boolean): void => {
    let at = { x, y, angle };
    for (let i = 0; i < length; i++) {
      const stride = 0.055;
      const next = {
        x: at.x + Math.cos(at.angle) * stride,
        y: at.y + Math.sin(at.angle) * stride,
        angle: at.angle + curl + random.between(-0.13, 0.13),
      };
      const thin = radius * (1 - (0.55 * i) / length);
      vessels.push({ ax: at.x, ay: at.y, bx: next.x, by: next.y, radius: thin, vein });
      if (norm(next.x, next.y) > 0.97) return;
      if (radius > 0.007 && i > 2 && random.next() < 0.3) {
        const turn = (random.next() < 0.5 ? -1 : 1) * random.between(0.4, 0.8);
        grow(next.x, next.y, next.angle + turn, thin * 0.62, -curl * 0.3, Math.ceil((length - i) * 0.75), vein);
      }
      at = next;
    }
  };
  // Four arcades, each an artery beside a vein, bending round the macula; and short ones to the nasal side.
  for (const up of [-1, 1]) {
    const away = side > 0 ? Math.PI : 0;
    for (const vein of [true, false]) {
      const lean = up * (1.15 + (vein ? 0 : 0.16)) * (side > 0 ? -1 : 1);
      grow(dx, dy, away + lean + random.between(-0.08, 0.08), vein ? 0.021 : 0.015, -lean * 0.075, 26, vein);
      grow(dx, dy, away + Math.PI - lean * 0.6 + random.between(-0.2, 0.2), vein ? 0.014 : 0.01, lean * 0.03, 9, vein);
    }
  }
  return vessels;
}

interface Cell {
  readonly x: number;
  readonly y: number;
  readonly r: number;
  readonly squash: number;
  readonly turn: number;
  readonly tint: number;
}

/** Red cells with pale centres on a light ground, and one large white cell with a purple nucleus. */
export function bloodSmear(size: number, random: Random): RgbImage {
  const grain = smoothNoise(random, 90, 1);
  const wash = smoothNoise(random, 4, 2);
  const chromatin = smoothNoise(random, 30, 2);
  const white = { x: random.between(-0.2, 0.2), y: random.between(-0.2, 0.2), r: random.between(0.32, 0.38) };
  const lobes = 1 + random.below(4);
  const start = random.between(0, 6.28);
  const nucleus = Array.from({ length: lobes }, (_, i) => {
    const angle = start + (i * 2.2) / Math.max(1, lobes - 1);
    const away = lobes === 1 ? 0 : 0.5 * white.r;
    const r = white.r * (lobes === 1 ? 0.8 : 0.62 - 0.07 * lobes) * random.between(0.92, 1.08);
    return { x: white.x + Math.cos(angle) * away, y: white.y + Math.sin(angle) * away, r };
  });
  const red: Cell[] = [];
  for (let tries = 0; tries < 900 && red.length < 46; tries++) {
    const cell = {
      x: random.between(-1.15, 1.15),
      y: random.between(-1.15, 1.15),
      r: random.between(0.165, 0.2),
      squash: random.between(0.88, 1.1),
      turn: random.between(0, 3.14),
      tint: random.between(-0.04, 0.04),
    };
    const free = norm(cell.x - white.x, cell.y - white.y) > white.r + cell.r * 0.95;
    if (free && red.every((other) => norm(cell.x - other.x, cell.y - other.y) > (cell.r + other.r) * 0.82)) red.push(cell);
  }
  return render(size, (x, y) => {
    let colour: Colour = [0.9 + 0.03 * wash(x, y), 0.86 + 0.03 * wash(x, y), 0.87 + 0.02 * wash(y, x)];
    for (const cell of red) {
      if (Math.abs(x - cell.x) > 0.24 || Math.abs(y - cell.y) > 0.24) continue;
      const body = ellipse(x, y, cell.x, cell.y, cell.r, cell.r * cell.squash, 0.12, cell.turn);
      const centre = ellipse(x, y, cell.x, cell.y, cell.r * 0.55, cell.r * 0.55 * cell.squash, 0.9, cell.turn);
      colour = blend(colour, [0.83 + cell.tint, 0.6 + cell.tint, 0.61 + cell.tint], 0.9 * body);
      colour = blend(colour, [0.9, 0.77, 0.77], 0.7 * centre * body);
    }
    const edge = white.r * (1 + 0.05 * Math.sin(3 * Math.atan2(y - white.y, x - white.x) + start));
    colour = blend(colour, [0.76, 0.68, 0.83], 0.92 * ellipse(x, y, white.x, white.y, edge, edge, 0.1));
    let core = 0;
    for (const lobe of nucleus) core = Math.max(core, ellipse(x, y, lobe.x, lobe.y, lobe.r, lobe.r, 0.14));
    for (let i = 1; i < nucleus.length; i++) {
      const [a, b] = [nth(nucleus, i - 1), nth(nucleus, i)];
      core = Math.max(core, step(0.055, 0.035, segmentDistance(x, y, a.x, a.y, b.x, b.y)));
    }
    const dark = mix(0.36, 0.48, 0.5 + 0.5 * chromatin(x, y));
    colour = blend(colour, [dark, dark * 0.46, dark * 1.3], 0.95 * core);
    const g = 0.018 * grain(x, y);
    return [colour[0] + g, colour[1] + g, colour[2] + g];
  });
}
