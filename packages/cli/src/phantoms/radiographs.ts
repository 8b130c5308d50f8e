// Phantoms in grey: drawings that have the layout of a chest X-ray, a hand X-ray, a head CT slice and a breast ultrasound.
// They are made of ellipses and noise; no patient's image went into them and nothing medical can be read from them.

import type { RgbImage } from "@biovlm/core";
import { nth } from "@biovlm/files";
import { capsule, ellipse, mix, norm, type Random, render, segmentDistance, smoothNoise, speckle, step } from "./canvas.js";

/** Two dark lungs crossed by ribs, a bright spine, heart, collar bones and diaphragm. */
export function chestXray(size: number, random: Random): RgbImage {
  const grain = smoothNoise(random, 96, 1);
  const haze = smoothNoise(random, 5, 3);
  const tilt = random.between(-0.03, 0.03);
  const width = random.between(0.33, 0.38);
  const height = random.between(0.6, 0.68);
  const heart = random.between(0.25, 0.32);
  const ribs = random.between(0.15, 0.17);
  const phase = random.between(0, ribs);
  return render(size, (x0, y0) => {
    const x = x0 + tilt * y0;
    const y = y0;
    // Shoulders slope, the trunk fills the frame below them.
    const shoulder = step(0.1, -0.02, -y - 0.72 + 0.42 * Math.max(0, Math.abs(x) - 0.25));
    const trunk = step(1.04, 0.9, Math.abs(x) - 0.04 * haze(y, y));
    const neck = step(0.27, 0.2, Math.abs(x));
    let value = mix(0.03, 0.52 + 0.12 * Math.abs(x) + 0.05 * haze(x, y), Math.max(shoulder * trunk, neck));
    for (const side of [-1, 1]) {
      const cx = side * 0.42;
      // The lung narrows to its apex and is cut from below by the diaphragm.
      const spread = width * (0.72 + 0.28 * step(-0.7, 0.2, y));
      const dome = 0.52 + (side < 0 ? -0.04 : 0.03) - 0.1 * Math.cos(((x - cx) / width) * 1.4);
      const lung = ellipse(x, y, cx - side * 0.03 * y, -0.02, spread, height, 0.2) * step(dome + 0.15, dome + 0.06, y);
      const vessels = 0.07 * Math.max(0, haze(x * 0.9, y * 0.9)) * step(0.6, 0, Math.abs(x - side * 0.15));
      value = mix(value, 0.16 + vessels + 0.03 * haze(x, y), lung);
      // Ribs fall outward; posterior ones are the brighter.
      const out = (x * side - 0.1) / 0.75;
      if (out > -0.05 && out < 1.1) {
        const line = (((y + 0.75 - 0.34 * out * out + 0.14 * out + phase) % ribs) + ribs) % ribs;
        const rib = step(0.048, 0.024, Math.abs(line - ribs / 2)) * step(-0.05, 0.1, out) * step(-0.82, -0.68, y) * step(0.72, 0.5, y);
        value += 0.115 * rib * (0.35 + 0.65 * lung);
      }
      value += 0.2 * capsule(x, y, side * 0.1, -0.66, side * 0.62, -0.76, 0.032, 0.02);
    }
    const spine = step(0.14, 0.07, Math.abs(x)) * (0.9 + 0.1 * Math.cos(y * 34));
    value = mix(value, Math.max(value, 0.62 + 0.05 * Math.cos(y * 34)), 0.75 * spine);
    value = mix(value, 0.72, 0.82 * ellipse(x, y, 0.13, 0.24, heart, 0.33, 0.3, 0.5));
    value = mix(value, 0.76, 0.7 * step(0.62, 0.78, y));
    return 0.92 * value + 0.025 * grain(x0, y0);
  });
}

/** Five rays of bones in soft tissue on black, wrist below. */
export function handXray(size: number, random: Random): RgbImage {
  const grain = smoothNoise(random, 96, 1);
  const texture = smoothNoise(random, 40, 2);
  const turn = random.between(-0.2, 0.2);
  const mirror = random.next() < 0.5 ? -1 : 1;
  const spread = random.between(0.85, 1.1);
  // Angle from upright, length of the ray, where it leaves the palm.
  const rays = [
    { angle: -0.85, length: 0.62, bx: -0.3, by: 0.3 },
    { angle: -0.24, length: 0.95, bx: -0.19, by: 0.12 },
    { angle: -0.02, length: 1.03, bx: -0.02, by: 0.1 },
    { angle: 0.16, length: 0.97, bx: 0.13, by: 0.13 },
    { angle: 0.4, length: 0.78, bx: 0.27, by: 0.2 },
  ].map((ray) => ({ ...ray, angle: ray.angle * spread + random.between(-0.03, 0.03), length: ray.length * random.between(0.95, 1.03) }));
  const carpals = Array.from({ length: 8 }, (_, i) => ({
    x: -0.19 + 0.125 * (i % 4) + random.between(-0.015, 0.015),
    y: 0.46 + 0.11 * Math.floor(i / 4) + random.between(-0.015, 0.015),
    r: random.between(0.055, 0.07),
  }));
  return render(size, (x0, y0) => {
    const x = mirror * (x0 * Math.cos(turn) - y0 * Math.sin(turn)) * 1.02;
    const y = (x0 * Math.sin(turn) + y0 * Math.cos(turn)) * 1.02 + 0.05;
    let tissue = Math.max(ellipse(x, y, -0.01, 0.3, 0.42, 0.37, 0.1), capsule(x, y, -0.01, 0.6, -0.01, 1.3, 0.25, 0.03));
    let bone = 0;
    const addBone = (ax: number, ay: number, bx: number, by: number, radius: number) => {
      const d = segmentDistance(x, y, ax, ay, bx, by);
      // Ends flare; the cortex is brighter than the marrow.
      const end = Math.min(norm(x - ax, y - ay), norm(x - bx, y - by));
      const r = radius * (1 + 0.35 * step(0.13, 0.02, end));
      const inside = step(r + 0.012, r - 0.012, d);
      bone = Math.max(bone, inside * (0.6 + 0.4 * step(r - 0.045, r - 0.008, d)));
    };
    for (const { angle, length, bx, by } of rays) {
      const ux = Math.sin(angle);
      const uy = -Math.cos(angle);
      tissue = Math.max(tissue, capsule(x, y, bx - ux * 0.1, by - uy * 0.1, bx + ux * length, by + uy * length, 0.1, 0.025));
      addBone(bx - ux * 0.2, by - uy * 0.2, bx + ux * 0.13, by + uy * 0.13, 0.043);
      const cuts = [0.18, 0.18 + 0.4 * (length - 0.18), 0.18 + 0.72 * (length - 0.18), length + 0.02];
      for (let k = 0; k < 3; k++) {
        const from = nth(cuts, k) + 0.03;
        const to = nth(cuts, k + 1) - 0.02;
        addBone(bx + ux * from, by + uy * from, bx + ux * to, by + uy * to, 0.045 - 0.007 * k);
      }
    }
    for (const carpal of carpals) bone = Math.max(bone, 0.75 * ellipse(x, y, carpal.x, carpal.y, carpal.r, carpal.r * 0.9, 0.25));
    addBone(-0.11, 0.74, -0.13, 1.4, 0.095);
    addBone(0.14, 0.77, 0.13, 1.4, 0.06);
    const value = 0.02 + 0.2 * tissue * (1 + 0.15 * texture(x, y)) + 0.62 * bone * (0.9 + 0.14 * texture(x, y));
    return value + 0.014 * grain(x0, y0);
  });
}

/** A bright ring of skull round grey brain with dark ventricles, on black. */
export function headCt(size: number, random: Random): RgbImage {
  const grain = smoothNoise(random, 110, 1);
  const folds = smoothNoise(random, 14, 2);
  const rx = random.between(0.62, 0.68);
  const ry = random.between(0.78, 0.84);
  const turn = random.between(-0.1, 0.1);
  const open = random.between(0.8, 1.25);
  return render(size, (x0, y0) => {
    const x = x0 * Math.cos(turn) + y0 * Math.sin(turn);
    const y = y0 * Math.cos(turn) - x0 * Math.sin(turn);
    const bend = 1 + 0.02 * Math.sin(3 * Math.atan2(y, x));
    const scalp = ellipse(x, y, 0, 0, rx * bend + 0.06, ry * bend + 0.06, 0.03);
    const outer = ellipse(x, y, 0, 0, rx * bend, ry * bend, 0.03);
    const inner = ellipse(x, y, 0, 0.005, rx * bend - 0.075, ry * bend - 0.085, 0.04);
    const rim = ellipse(x, y, 0, 0.005, rx * bend - 0.14, ry * bend - 0.15, 0.2);
    let brain = 0.42 + 0.035 * folds(x, y) + 0.03 * (1 - rim) * Math.sign(folds(x * 0.9, y * 0.9));
    // Falx, and the two horns either side of it, front and back.
    brain += 0.08 * step(0.014, 0.004, Math.abs(x)) * step(0.25, 0.4, Math.abs(y));
    for (const side of [-1, 1]) {
      brain = mix(brain, 0.17, ellipse(x, y, side * 0.1 * open, -0.16, 0.05 * open, 0.2, 0.4, side * 0.35));
      brain = mix(brain, 0.17, ellipse(x, y, side * 0.17 * open, 0.2, 0.05 * open, 0.17, 0.4, -side * 0.45));
      brain = mix(brain, 0.47, 0.6 * ellipse(x, y, side * 0.2, 0.0, 0.09, 0.13, 0.5));
    }
    let value = mix(0.01, 0.3, scalp);
    value = mix(value, 0.97, outer);
    value = mix(value, brain, inner);
    return value + 0.018 * grain(x0, y0) * scalp;
  });
}

/** What lies in an ultrasound phantom. */
export type UltrasoundFinding = "layers" | "cyst" | "mass";

/** Speckle over horizontal layers; a smooth dark oval with a bright back, or a ragged dark mass with a shadow below it. */
export function breastUltrasound(size: number, random: Random, finding: UltrasoundFinding): RgbImage {
  const grains = speckle(random, size);
  const wave = smoothNoise(random, 4, 3);
  const streak = smoothNoise(random, 9, 2);
  const ragged = smoothNoise(random, 12, 2);
  const cx = random.between(-0.25, 0.25);
  const cy = random.between(-0.1, 0.12);
  const rx = finding === "mass" ? random.between(0.26, 0.34) : random.between(0.34, 0.44);
  const ry = finding === "mass" ? random.between(0.3, 0.38) : random.between(0.22, 0.28);
  const spikes = 5 + random.below(4);
  const spikePhase = random.between(0, 6.28);
  return render(size, (x, y) => {
    const depth = y + 0.1 * wave(x, y * 0.4);
    // Skin, fat, gland, muscle: bright and dark bands that follow the skin.
    let echo = 0.4;
    echo = mix(echo, 0.95, step(-0.97, -0.94, depth) * step(-0.82, -0.88, depth));
    echo = mix(echo, 0.3, step(-0.85, -0.78, depth) * step(-0.4, -0.52, depth));
    echo = mix(echo, 0.62 + 0.22 * streak(x * 0.5, y), step(-0.5, -0.36, depth) * step(0.42, 0.3, depth));
    echo = mix(echo, 0.75, step(0.025, 0.008, Math.abs(depth - 0.42 - 0.04 * x)));
    echo = mix(echo, 0.28 + 0.14 * streak(x * 0.2, y * 2), step(0.44, 0.5, depth));
    echo += 0.12 * streak(x, y) + 0.08 * wave(y, x);
    if (finding !== "layers") {
      const angle = Math.atan2(y - cy, x - cx);
      const outline = finding === "mass" ? 1 + 0.1 * Math.sin(spikes * angle + spikePhase) + 0.16 * ragged(x * 1.4, y * 1.4) : 1;
      const lesion = ellipse(x, y, cx, cy, rx * outline, ry * outline, finding === "mass" ? 0.22 : 0.06);
      const below = step(cy, cy + ry, y) * step(rx * 0.95, rx * 0.7, Math.abs(x - cx));
      if (finding === "cyst") {
        const rim = ellipse(x, y, cx, cy, rx * 1.1, ry * 1.12, 0.08) * (1 - lesion);
        echo = mix(echo + 0.3 * below, 0.9, 0.6 * rim * step(0.5, 1, Math.abs(y - cy) / ry));
        echo = mix(echo, 0.05, lesion);
      } else {
        const rim = ellipse(x, y, cx, cy, rx * 1.3, ry * 1.3, 0.3);
        echo = mix(echo, 0.72, 0.5 * rim);
        echo = mix(echo, 0.07, 0.9 * below);
        echo = mix(echo, 0.12 + 0.06 * streak(x, y), lesion);
      }
    }
    return 0.62 * Math.max(0, echo) * (0.3 + 0.7 * grains(x, y)) * (1 - 0.3 * step(0, 1, y));
  });
}
