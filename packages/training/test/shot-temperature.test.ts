// The temperature of the shots: where it lands, what it leaves alone, and its bounds.

import { seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { shotTemperature } from "../src/expert/shot-temperature.js";

const C = 3;
const random = seeded(4);
const rows = (n: number, size: number) => Float32Array.from({ length: n * C }, () => size * (random.next() - 0.5));
const confidence = (logits: Float32Array, temperature: number) => {
  const tops: number[] = [];
  for (let at = 0; at < logits.length; at += C) {
    const e = Array.from(logits.subarray(at, at + C), (z) => Math.exp(z / temperature));
    tops.push(Math.max(...e) / e.reduce((a, b) => a + b, 0));
  }
  return tops.reduce((a, b) => a + b, 0) / tops.length;
};
const answers = (logits: Float32Array) =>
  Int32Array.from({ length: logits.length / C }, (_, i) => {
    const row = logits.subarray(i * C, i * C + C);
    return row.indexOf(Math.max(...row));
  });

describe("the temperature of the shots", () => {
  it.each([6, 32, 320])("with %i shots, makes them as sure as accuracy and the untrained sentences say, by number of shots", (n) => {
    const [scores, untrained] = [rows(n, 12), rows(n, 3)];
    const labels = answers(scores).map((y, i) => (i % 4 === 0 ? (y + 1) % C : y));
    const right = labels.filter((y, i) => y === answers(scores)[i]).length;
    const own = n / (n + 32);
    const wanted = (own * (right + 1)) / (n + C) + (1 - own) * confidence(untrained, 1);
    const temperature = shotTemperature({ scores, untrained, labels, C });
    expect(Math.abs(confidence(scores, temperature) - wanted)).toBeLessThan(2e-3);
    expect(temperature).toBe(Number(temperature.toPrecision(3)));
  });

  it("takes the size of the scores away: twice as large scores have twice the temperature", () => {
    const [scores, untrained] = [rows(30, 12), rows(30, 3)];
    const labels = answers(scores).map((y, i) => (i % 3 === 0 ? (y + 1) % C : y));
    const once = shotTemperature({ scores, untrained, labels, C });
    const twice = shotTemperature({ scores: scores.map((z) => 2 * z), untrained, labels, C });
    expect(twice / once).toBeCloseTo(2, 1);
  });

  it("does not call for certainty where few shots are all right, as the likelihood would", () => {
    const scores = rows(6, 12);
    const temperature = shotTemperature({ scores, untrained: rows(6, 3), labels: answers(scores), C });
    expect(confidence(scores, temperature)).toBeLessThan(0.75);
  });

  it("stays within its bounds where scores say nothing, or everything", () => {
    const untrained = rows(4, 3);
    const labels = Int32Array.of(0, 1, 2, 0);
    expect(shotTemperature({ scores: new Float32Array(4 * C), untrained, labels, C })).toBe(0.05);
    const certain = Float32Array.from({ length: 4 * C }, (_, i) => (i % C === 0 ? 1e6 : 0));
    expect(shotTemperature({ scores: certain, untrained, labels, C })).toBe(100);
  });
});
