// The baselines that lean on the text, against numpy's float64: the Gaussian classifier beside zero-shot scores, CLAP, LP++.

import { readFileSync } from "node:fs";
import { golden } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { clap } from "../src/baselines/clap.js";
import { gaussianBesideText } from "../src/baselines/gaussian-beside-text.js";
import { lpPlusPlus } from "../src/baselines/lp-plus-plus.js";
import type { FeatureSet } from "../src/feature-set.js";
import { METHODS } from "../src/methods.js";

interface Case {
  readonly C: number;
  readonly D: number;
  readonly scale: number;
  readonly labels: readonly number[];
  readonly valLabels: readonly number[];
  readonly features: readonly number[];
  readonly text: readonly number[];
  readonly val: readonly number[];
  readonly test: readonly number[];
  readonly alpha: number;
  readonly gaussian: readonly number[];
  readonly clap: readonly number[];
  readonly steps: number;
  readonly lp: readonly number[];
}
const { cases } = JSON.parse(readFileSync(golden("text_anchored.json"), "utf8")) as { readonly cases: readonly Case[] };
const set = (features: readonly number[], labels: readonly number[]): FeatureSet => ({
  features: Float32Array.from(features),
  labels: Int32Array.from(labels),
  n: labels.length,
});
/** Largest difference as a share of the largest number. */
const apart = (got: Float32Array, wanted: readonly number[]) => {
  expect(got).toHaveLength(wanted.length);
  const size = Math.max(...wanted.map(Math.abs));
  return Math.max(...wanted.map((value, i) => Math.abs((got[i] ?? Number.NaN) - value))) / size;
};

describe.each(cases)("numpy's case of $C classes in $D dimensions", (one) => {
  const { C, D, scale } = one;
  const [train, validation] = [set(one.features, one.labels), set(one.val, one.valLabels)];
  const text = Float32Array.from(one.text);
  const test = Float32Array.from(one.test);
  const n = test.length / D;

  it("has the Gaussian classifier's α and scores within 1e-5", () => {
    const fitted = gaussianBesideText(train, validation, text, { C, D, scale });
    expect(fitted.alpha).toBe(one.alpha);
    expect(apart(fitted.logits(test, n), one.gaussian)).toBeLessThan(1e-5);
  });

  it("has CLAP's scores within 1e-5", () => {
    expect(apart(clap(train, text, { C, D, scale }).logits(test, n), one.clap)).toBeLessThan(1e-5);
  });

  it("has LP++'s step and scores within 1e-5", () => {
    const fitted = lpPlusPlus(train, validation, text, { C, D });
    expect(fitted.steps).toBe(one.steps);
    expect(apart(fitted.logits(test, n), one.lp)).toBeLessThan(1e-5);
  });
});

it("they are methods of a sweep, and need no validation", () => {
  expect(METHODS.map((method) => method.name)).toEqual(expect.arrayContaining(["gaussian-beside-text", "clap", "lp++"]));
  const { C, D, scale, text, features, labels } = cases[0] as Case;
  const none = set([], []);
  const train = set(features, labels);
  expect(gaussianBesideText(train, none, Float32Array.from(text), { C, D, scale }).alpha).toBe(0.1);
  expect(lpPlusPlus(train, none, Float32Array.from(text), { C, D }).steps).toBe(300);
});
