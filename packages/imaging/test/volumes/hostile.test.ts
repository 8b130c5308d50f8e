// Seeded mutations of volumes end in pixels of the promised size or a typed error that quotes no text of theirs.

import { cases, mutations, settledRss, soak } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { ImagingError, sharpDecoder } from "../../src/node/index.js";
import { volume } from "./golden-volumes.js";

const decoder = sharpDecoder();
const SEEDS = [
  "nifti int16 little 0",
  "nifti float64 big 1",
  "nifti uint8 little 2",
  "nifti-2 little",
  "nifti of two volumes, gzip",
  "nrrd int16 little right-anterior-superior",
  "nrrd float32 little left-posterior-superior",
  "nrrd uint64 big left-posterior-superior",
].map((name): [string, Uint8Array] => [name, volume(name)]);

describe("mutated volumes", () => {
  it.each(SEEDS)(
    "of %s end in pixels or a typed error, none over two seconds",
    async (name, seed) => {
      const counts = { pixels: 0, refused: 0 };
      let [slowest, before] = [0, settledRss()];
      for (const bytes of mutations(
        23,
        seed,
        Math.ceil(cases(10_000, 100) / SEEDS.filter(([other]) => other.slice(0, 4) === name.slice(0, 4)).length),
      )) {
        const start = process.cpuUsage();
        try {
          const { data, width, height } = await decoder.decode(bytes, { maxPixels: 1_000_000, maxBytes: 1_000_000 });
          expect(data.length).toBe(width * height * 3);
          counts.pixels++;
        } catch (error) {
          expect(error).toBeInstanceOf(ImagingError);
          const { message, cause } = error as ImagingError;
          expect(`${message} ${cause}`).not.toContain("NOBODY");
          counts.refused++;
        }
        const { user, system } = process.cpuUsage(start);
        slowest = Math.max(slowest, (user + system) / 1000);
        if (counts.pixels + counts.refused === 50) before = settledRss();
      }
      expect(counts.pixels).toBeGreaterThan(0);
      expect(counts.refused).toBeGreaterThan(0);
      if (soak) {
        const drift = settledRss() - before;
        console.log(
          `${name}: ${JSON.stringify(counts)}, slowest ${slowest.toFixed(0)} ms of processor time, RSS +${(drift / 2 ** 20).toFixed(1)} MiB`,
        );
        expect(slowest).toBeLessThan(2000);
        expect(drift).toBeLessThan(64 * 1024 * 1024);
      }
    },
    soak ? 3_600_000 : undefined,
  );
});
