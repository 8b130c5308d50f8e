// How native image towers are found, and why they are not; what a refusal says. A binding of plain JavaScript stands in for the compiled one.

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { nativeImageTowers } from "../src/index.js";

const folder = mkdtempSync(join(tmpdir(), "biovlm-native-"));

/** A module at a path of its own that exports what is written. */
function binding(name: string, text: string): string {
  const path = join(folder, `${name}.cjs`);
  writeFileSync(path, text);
  return path;
}

it("say why they are absent, where they are: left out, not built, not loadable, built before them, not for this processor", () => {
  const of = (path: string, env = {}) => nativeImageTowers(path, env).reason;
  expect(of(binding("any", ""), { BIOVLM_NATIVE: "off" })).toBe("BIOVLM_NATIVE=off");
  expect(of("/no/such/library.node")).toBe("no native build for this machine");
  expect(of(binding("torn", "throw new Error('wrong ELF class');"))).toBe("the native build does not load: wrong ELF class");
  expect(of(binding("before", "exports.describe = () => 'avx2';"))).toBe("the native build has no image tower");
  const elsewhere = "exports.imageTowerLevel = () => null; exports.openImageTower = async () => ({});";
  expect(of(binding("elsewhere", elsewhere))).toBe("this processor has no AVX-512 VNNI");
});

it("are handed on as they are, and refuse in the binding's words with the way out", async () => {
  const { towers } = nativeImageTowers(
    binding(
      "whole",
      `exports.imageTowerLevel = () => "avx512-vnni";
      exports.openImageTower = async (sizes, weights, threads) => {
        if (weights.length === 0) throw new Error("weights — expected 20, got 0.");
        return {
          runRgb: async (rgb, mean, std) => Float32Array.of(sizes[0], rgb[0], mean[0], std[0], threads),
          runPixels() { throw new Error("pixels — expected a multiple of 48, got 1."); },
        };
      };`,
    ),
    {},
  );
  expect(towers).toMatchObject({ name: "native (avx512-vnni)", bits: "native-int8/1" });
  await expect(towers?.open({ sizes: [4], weights: [] }, 1)).rejects.toThrow(
    "native image tower: weights — expected 20, got 0. BIOVLM_NATIVE=off leaves it out",
  );
  const tower = await towers?.open({ sizes: [4], weights: [new Float32Array(1)] }, 3);
  expect(await tower?.runRgb(Uint8Array.of(7), Float32Array.of(0.5), Float32Array.of(2))).toEqual(Float32Array.of(4, 7, 0.5, 2, 3));
  await expect(tower?.runPixels(new Float32Array(1))).rejects.toThrow("expected a multiple of 48, got 1. BIOVLM_NATIVE=off leaves it out");
  tower?.close();
  await expect(tower?.runRgb(Uint8Array.of(7), Float32Array.of(0.5), Float32Array.of(2))).rejects.toThrow("closed");
});
