// Options, refusals and the one library of this package.

import { readFileSync } from "node:fs";
import { EncoderError } from "@biovlm/model";
import { toyPixels, toyTowers } from "@biovlm/model/testing";
import { describe, expect, it } from "vitest";
import { backends, cpuBackend, cudaBackend, RUNTIME_LIBRARY } from "../src/index.js";

describe("options", () => {
  it("refuses unknown names and values out of range, and says what may stand there", () => {
    for (const options of [
      { thread: 1 },
      { threads: 0 },
      { threads: 1.5 },
      { maxBatch: -1 },
      { maxBatch: "8" },
      { maxBatch: 1e9 },
      { lanes: 0 },
      { imageTowers: {} },
      { imageTowers: null },
    ]) {
      let error: unknown;
      try {
        cpuBackend(options as never);
      } catch (caught) {
        error = caught;
      }
      expect(error, JSON.stringify(options)).toBeInstanceOf(EncoderError);
      expect(error).toMatchObject({
        code: "bad_input",
        message: expect.stringMatching(/^option .+ — expected .+, got .+\./),
      });
    }
  });

  it("sets the rows run at once, and results do not depend on threads or batches", async () => {
    const { graphs, images } = toyTowers();
    const wanted = images(toyPixels(7), 7);
    for (const options of [{ threads: 1, maxBatch: 1 }, { threads: 2, maxBatch: 3 }, { threads: 2 }]) {
      const encoder = await cpuBackend(options).open({ ...graphs });
      expect(encoder.capabilities.maxBatch).toBe(options.maxBatch ?? 32);
      const { data } = await encoder.encodeImages(toyPixels(7), 7);
      for (let i = 0; i < data.length; i++) expect(Math.abs(data[i]! - wanted[i]!)).toBeLessThan(1e-4);
      await encoder.close();
    }
  });
});

describe("this package", () => {
  it("names its library and version as package.json does, and only as an optional dependency", () => {
    const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    expect(manifest.optionalDependencies).toEqual({ [RUNTIME_LIBRARY.name]: RUNTIME_LIBRARY.version });
    const installed = JSON.parse(readFileSync(new URL("../../../node_modules/onnxruntime-node/package.json", import.meta.url), "utf8"));
    expect(installed.version).toBe(RUNTIME_LIBRARY.version);
  });

  it("offers cuda, webgpu and cpu, best first, under the names that --device takes", () => {
    expect(backends().map((b) => [b.name, b.device])).toEqual([
      ["cuda", "cuda"],
      ["webgpu", "webgpu"],
      ["cpu", "cpu"],
    ]);
  });

  it("probes cuda without throwing: usable, or refused with the runtime's reason", async () => {
    const probe = await cudaBackend().probe();
    if (probe.available) expect(probe.score).toBe(100);
    else expect(probe.reason).toMatch(/\S/);
  });

  it("refuses to run on cuda where cuda is missing: no silent change of device", async () => {
    const backend = cudaBackend();
    const probe = await backend.probe();
    const opened = backend.open(toyTowers().graphs);
    if (probe.available) await (await opened).close();
    else await expect(opened).rejects.toMatchObject({ code: "open_failed", backend: "cuda" });
  });
});
