// The set of phantoms: kinds that a model can be asked to tell apart, any number of images of each, reproducible from a seed.
// Used by `biovlm quickstart`. Phantoms are drawings, never patient data, and every place that shows one says so.

import type { RgbImage } from "@biovlm/core";
import { Random } from "./canvas.js";
import { bloodSmear, fundus } from "./photographs.js";
import { breastUltrasound, chestXray, handXray, headCt, type UltrasoundFinding } from "./radiographs.js";

/** One kind of phantom. */
export interface PhantomKind {
  /** Also the start of the file names: "chest-xray". */
  readonly id: string;
  /** The class name a model is asked for. */
  readonly name: string;
  /** Whose attribute sentences describe it: a data set, and the classes of it that are meant (all when absent). */
  readonly attributesOf: { readonly dataset: string; readonly classes?: readonly string[] };
  draw(size: number, random: Random, index: number): RgbImage;
}

const FINDINGS: readonly UltrasoundFinding[] = ["cyst", "mass", "layers"];

export const PHANTOM_KINDS: readonly PhantomKind[] = [
  { id: "chest-xray", name: "chest X-ray", attributesOf: { dataset: "mednist", classes: ["chest X-ray"] }, draw: chestXray },
  { id: "hand-xray", name: "hand X-ray", attributesOf: { dataset: "mednist", classes: ["hand X-ray"] }, draw: handXray },
  { id: "head-ct", name: "head CT", attributesOf: { dataset: "mednist", classes: ["head CT"] }, draw: headCt },
  {
    id: "breast-ultrasound",
    name: "breast ultrasound",
    attributesOf: { dataset: "busi" },
    draw: (size, random, index) => breastUltrasound(size, random, FINDINGS[index % FINDINGS.length]!),
  },
  { id: "fundus", name: "fundus photograph", attributesOf: { dataset: "retinamnist" }, draw: fundus },
  { id: "blood-smear", name: "white blood cell microscopy", attributesOf: { dataset: "wbc" }, draw: bloodSmear },
];

/** A phantom with its name and the kind that was drawn. */
export interface Phantom {
  /** "chest-xray-1.png" */
  readonly file: string;
  readonly kind: PhantomKind;
  readonly image: RgbImage;
}

/** `perKind` phantoms of each kind, kind by kind, `size` pixels square. The same seed gives the same pixels. */
export function* phantomSet(options: { readonly seed: number; readonly perKind: number; readonly size: number }): Generator<Phantom> {
  for (const [k, kind] of PHANTOM_KINDS.entries()) {
    for (let index = 0; index < options.perKind; index++) {
      // Each phantom has its own stream, so that a larger set begins with the smaller one.
      const random = new Random(options.seed * 1_000_003 + k * 10_007 + index);
      yield { file: `${kind.id}-${index + 1}.png`, kind, image: kind.draw(options.size, random, index) };
    }
  }
}
