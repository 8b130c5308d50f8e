import { describe, expect, it } from "vitest";
import { attack, mutations, seeded } from "../src/index.js";

const sample = new TextEncoder().encode(`{"shape":[3,4],"offsets":[0,48]}${"x".repeat(400)}`);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("the byte mutator", () => {
  it("gives the same cases for the same seed and others for another", () => {
    const of = (seed: number) => [...mutations(seed, sample, 50)].map(hex);
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
  });

  it("never touches the sample and damages nearly every copy", () => {
    const before = hex(sample);
    const changed = [...mutations(3, sample, 500)].filter((bad) => hex(bad) !== before);
    expect(hex(sample)).toBe(before);
    expect(changed.length).toBeGreaterThan(480);
  });

  it("truncates, extends, and lies about numbers", () => {
    const all = [...mutations(4, sample, 500)];
    expect(all.some((bad) => bad.length < sample.length / 2)).toBe(true);
    expect(all.some((bad) => bad.length > sample.length)).toBe(true);
    expect(all.some((bad) => Buffer.from(bad).includes("9007199254740993"))).toBe(true);
  });

  it("accepts empty and one-byte samples", () => {
    expect([...mutations(5, new Uint8Array(), 20)].every((bad) => bad.length === 0)).toBe(true);
    expect([...mutations(5, Uint8Array.of(7), 200)]).toHaveLength(200);
  });
});

describe("the attack runner", () => {
  const refusal = Object.assign(new Error("refused"), { code: "bad_file" });
  const base = { seed: 1, samples: [sample], count: 40, expect: (error: unknown) => error === refusal };

  it("counts accepted and refused cases by code", async () => {
    const odd = (bytes: Uint8Array) => {
      if (bytes.length % 2 === 1) throw refusal;
    };
    const report = await attack({ ...base, run: odd });
    expect(report.cases).toBe(40);
    expect(report.accepted + report.refused).toBe(40);
    expect(report.codes["bad_file"]).toBe(report.refused);
  });

  it("fails on an error nobody declared, and names the case", async () => {
    const run = (bytes: Uint8Array) => (JSON.parse(Buffer.from(bytes).toString()) as { shape: number[] }).shape;
    await expect(attack({ ...base, run })).rejects.toThrow(/sample 0, seed 1, case 0: unexpected SyntaxError/);
  });

  it("fails on a case that takes too long", async () => {
    const run = () => new Promise((resolve) => setTimeout(resolve, 12));
    await expect(attack({ ...base, count: 2, maxMs: 5, run })).rejects.toThrow(/took \d+ ms, allowed are 5/);
  });

  it("fails when memory is kept", async () => {
    const kept: Buffer[] = [];
    const run = () => kept.push(Buffer.alloc(4 << 20, 1));
    await expect(attack({ ...base, count: 20, maxDriftMb: 16, run })).rejects.toThrow(/grew by/);
  });
});

describe("the seeded source", () => {
  it("stays within its limits", () => {
    const random = seeded(9);
    const draws = Array.from({ length: 2000 }, () => random.below(7));
    expect(new Set(draws)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
  });
});
