import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { call, folder, writePhantoms } from "./call.js";

describe("quickstart", () => {
  it("draws, learns, measures and writes a sheet; the learned bank then works in classify, shown and compiled", async () => {
    const cwd = folder("quickstart");
    const { code, out, err } = await call(["quickstart", "--shots", "2", "--bank", "bank.safetensors", "--json", "--device", "cpu"], {
      cwd,
    });
    expect([code, err.split("\n")[0]]).toEqual([0, "Research use only, not a medical device."]);
    const figures = JSON.parse(out) as {
      methods: { name: string; accuracy: number; interval?: [number, number] }[];
      bank: { digest: string };
      routing: { share: number[][] };
    };
    expect(figures.methods.map((m) => m.name)).toEqual(["chance", "one prompt, untrained", "learned bank"]);
    const [chance, untrained, learned] = figures.methods;
    expect(untrained!.accuracy).toBeGreaterThan(2 * chance!.accuracy);
    expect(learned!.accuracy).toBeGreaterThan(2 * chance!.accuracy);
    for (const { accuracy, interval } of [untrained!, learned!]) {
      expect(interval![0]).toBeLessThanOrEqual(accuracy);
      expect(interval![1]).toBeGreaterThanOrEqual(accuracy);
    }
    // every image keeps three of ten prompts
    for (const kind of figures.routing.share) expect(kind.reduce((a, b) => a + b, 0)).toBeCloseTo(3, 6);
    const page = readFileSync(join(cwd, "biovlm-quickstart.html"), "utf8");
    expect(page.match(/data:image\/png;base64,/g)!.length).toBe(12);
    expect(page).toContain(`${(learned!.accuracy * 100).toFixed(1)} %`);
    expect(page).toContain("phantoms, not patient data");

    const shown = JSON.parse((await call(["bank", "show", "bank.safetensors", "--json"], { cwd })).out) as Record<string, unknown>;
    expect(shown).toMatchObject({ digest: figures.bank.digest, recipe: "mixture", prompts: 10, ctx: [10, 4, 128], rho: 0.3, seed: 1 });
    const images = writePhantoms(cwd, 1);
    const answers = async (bank: string) =>
      (
        JSON.parse((await call(["classify", ...images, "--bank", bank, "--json"], { cwd })).out) as {
          predictions: { class: string; probability: number }[];
        }[]
      ).map((e) => e.predictions);
    const own = await answers("bank.safetensors");
    for (const words of [[], ["--text-only"]]) {
      expect((await call(["bank", "compile", "bank.safetensors", "--out", "compiled.safetensors", ...words], { cwd })).code).toBe(0);
      const compiled = await answers("compiled.safetensors");
      for (const [i, predictions] of own.entries())
        for (const { class: name, probability } of predictions)
          expect(compiled[i]!.find((p) => p.class === name)!.probability).toBeCloseTo(probability, 4);
    }
    const foreign = await call(["classify", images[0]!, "--bank", "compiled.safetensors", "--class", "something else"], { cwd });
    expect([foreign.code, foreign.err]).toEqual([2, expect.stringContaining("error[bad_classes]: ")]);
  });

  it("with --images shows the person's own, and says which could not be read", async () => {
    const cwd = folder("own");
    writePhantoms(cwd, 1);
    const { code, out } = await call(["quickstart", "--images", ".", "--out", "sheet.html"], { cwd });
    expect(code).toBe(0);
    expect(out.match(/^\S+\.png {2}.+ [\d.]+ %$/gm)!.length).toBe(6);
    expect(readFileSync(join(cwd, "sheet.html"), "utf8").match(/data:image\/png;base64,/g)!.length).toBe(6);
    const none = await call(["quickstart", "--images", "gone", "--out", "none.html"], { cwd });
    expect([none.code, existsSync(join(cwd, "none.html"))]).toEqual([3, false]);
  });
});
