// The cpu backend with an image tower that is not onnxruntime's: the encoder's promises, what goes which way, and what its failures become.

import { EncoderError } from "@biovlm/model";
import { encodedBy, type ImageTowers } from "@biovlm/model/backend";
import { describeEncoder, toyPixels, toyRgb, toyTokens, toyTowers } from "@biovlm/model/testing";
import { evaluatedImageTowers } from "@biovlm/testkit/image-towers";
import { afterAll, describe, expect, it } from "vitest";
import { cpuBackend, cudaBackend } from "../src/index.js";

const BY = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.25, 0.3] } as const;
const int8 = () => toyTowers({ precision: "int8" }).graphs;

describeEncoder(
  "cpu with an image tower of its own in int8",
  { backend: cpuBackend({ threads: 1, maxBatch: 4, imageTowers: evaluatedImageTowers().towers }), precision: "int8", tolerance: 0.06 },
  { describe, it, afterAll },
);

describe("an image tower of its own", () => {
  it("serves images in both forms from one opening, and nothing else; calls overlap; it is closed with the encoder", async () => {
    const { towers, heard } = evaluatedImageTowers();
    const encoder = await cpuBackend({ threads: 2, imageTowers: towers }).open(int8());
    // the self-test's
    expect(heard).toMatchObject({ opened: 1, closed: 1 });
    const { ids, mask, shape } = toyTokens([4, 6]);
    await encoder.encodeTexts(ids, mask, shape);
    expect(heard.opened).toBe(1);
    await Promise.all([1, 2, 3, 4, 5].map((seed) => encoder.encodeRgb?.(toyRgb(1, seed), 1, BY)));
    await encoder.encodeImages(toyPixels(2), 2);
    await encoder.close();
    expect(heard).toEqual({ opened: 2, closed: 2, rgb: 5, pixels: 2, atOnce: 3 });
  });

  it("is named, in a key of kept embeddings too; the runtime's own is not", async () => {
    const { towers } = evaluatedImageTowers();
    const [own, plain] = [await cpuBackend({ imageTowers: towers }).open(int8()), await cpuBackend().open(int8())];
    expect(own.capabilities.imageTower).toEqual({ name: "native (stand-in)", bits: "stand-in/1" });
    expect(plain.capabilities.imageTower).toBeUndefined();
    expect(encodedBy(own)).toEqual({ ...encodedBy(plain), images: "stand-in/1" });
    await Promise.all([own.close(), plain.close()]);
  });

  it("is left alone in other precisions, on other devices, and where the weights cannot be had; lanes are then opened", async () => {
    const { towers, heard } = evaluatedImageTowers();
    const { imageWeights: _, ...without } = int8();
    const backend = cpuBackend({ threads: 1, lanes: 2, imageTowers: towers });
    for (const graphs of [toyTowers().graphs, toyTowers({ precision: "fp16" }).graphs, without]) {
      const encoder = await backend.open(graphs);
      expect(encoder.capabilities.imageTower).toBeUndefined();
      await encoder.encodeRgb?.(toyRgb(1), 1, BY);
      await encoder.close();
    }
    expect(() => cudaBackend({ imageTowers: towers })).not.toThrow();
    expect(heard.opened).toBe(0);
  });

  it("that computes wrong numbers, or none, is found before it serves", async () => {
    for (const spoil of [(x: Float32Array) => x.map((v) => v + 0.2), (x: Float32Array) => x.fill(Number.NaN), () => new Float32Array(8)]) {
      const backend = cpuBackend({ imageTowers: evaluatedImageTowers(spoil).towers });
      await expect(backend.open(int8())).rejects.toMatchObject({ code: "open_failed", message: expect.stringContaining("self-test") });
    }
  });

  it("fails as a session does: bad_output, run_failed and open_failed, with its own words; a refused signal calls nothing", async () => {
    const { towers } = evaluatedImageTowers();
    let turn: "sound" | "lost" | "refused" | "endless" = "sound";
    const failing: ImageTowers = {
      ...towers,
      async open(tower, threads) {
        if (turn === "refused") throw new Error("native image tower: no room.");
        const opened = await towers.open(tower, threads);
        const runPixels: typeof opened.runPixels = async (pixels) => {
          if (turn === "lost") throw new Error("native image tower: a thread ended.");
          const data = await opened.runPixels(pixels);
          return turn === "endless" ? data.fill(Number.POSITIVE_INFINITY, 3, 4) : data;
        };
        return { ...opened, runPixels };
      },
    };
    const backend = cpuBackend({ imageTowers: failing });
    const encoder = await backend.open(int8());
    turn = "endless";
    await expect(encoder.encodeImages(toyPixels(1), 1)).rejects.toMatchObject({ code: "bad_output" });
    turn = "lost";
    await expect(encoder.encodeImages(toyPixels(1), 1)).rejects.toMatchObject({
      code: "run_failed",
      message: expect.stringContaining("a thread ended. Try"),
    });
    await expect(encoder.encodeImages(toyPixels(1), 1, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
    await encoder.close();
    await expect(encoder.encodeImages(toyPixels(1), 1)).rejects.toMatchObject({ code: "closed" });
    turn = "refused";
    const other = await backend.open(int8());
    const refused = await other.encodeImages(toyPixels(1), 1).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(EncoderError);
    expect(refused).toMatchObject({ code: "open_failed", message: expect.stringContaining("no room. Try") });
    turn = "sound";
    // it is opened anew where it could not be
    expect((await other.encodeImages(toyPixels(1), 1)).shape).toEqual([1, 8]);
    await other.close();
  });
});
