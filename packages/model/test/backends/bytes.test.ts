// Bytes through runtimes that make core's pixels of them in a graph, that make others, and that take no bytes: the embeddings are the same bits.

import { evaluate } from "@biovlm/graph";
import { describe, expect, it } from "vitest";
import { type ChannelScale, towerEncoder } from "../../src/backend.js";
import { pixelsOf } from "../../src/encoding/exact-bytes.js";
import { TOY_SPEC, toyRgb, toyTowers } from "../../src/testing/index.js";
import { evaluatorRuntime, tensorOf } from "./evaluator-runtime.js";

type Made = "core's pixels" | "pixels rounded otherwise" | "no bytes";

/** The reference evaluator as a runtime; what it does with bytes is said. `opened` has the inputs of each model opened. */
function runtimeWith(made: Made) {
  const opened: string[][] = [];
  const runtime = evaluatorRuntime({
    tensor(data) {
      if (made === "no bytes" && data instanceof Uint8Array) throw new TypeError("uint8 is not supported");
    },
    opened(graph, run) {
      opened.push(graph.inputs.map((value) => value.name));
      return {
        run(feeds, fetches) {
          const { rgb, mean, std } = feeds;
          if (made !== "core's pixels" || rgb === undefined) return run(feeds, fetches);
          const by = { mean: Array.from(mean!.data), std: Array.from(std!.data) } as unknown as ChannelScale;
          const [B, S] = rgb.shape as [number, number];
          const pixels = pixelsOf(rgb.data, B, by);
          if (fetches.includes("pixels")) return { pixels: tensorOf(pixels, [B, 3, S, S]) };
          const { embedding } = evaluate(toyTowers().image, { pixels: { shape: [B, 3, S, S], data: pixels } });
          return { embedding: tensorOf(Float32Array.from(embedding!.data), embedding!.shape as number[]) };
        },
      };
    },
  });
  return { runtime, opened };
}

const capabilities = { device: "cpu", precision: "fp32", maxBatch: 2, gradients: false, deterministic: true } as const;

describe("bytes", () => {
  it.each([
    ["core's pixels", ["rgb", "mean", "std"]],
    // in float64 and rounded once: other bits than three operations in float32
    ["pixels rounded otherwise", ["pixels"]],
    ["no bytes", ["pixels"]],
  ] as const)("give the embeddings of core's pixels on a runtime that makes %s", async (made, towerInputs) => {
    const { runtime, opened } = runtimeWith(made);
    const encoder = towerEncoder(runtime, toyTowers().graphs, "loops", capabilities);
    const by: ChannelScale = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    const rgb = toyRgb(3);
    const { data } = await encoder.encodeRgb!(rgb, 3, by);
    expect(opened.at(-1)).toEqual(towerInputs);
    expect(data).toEqual((await encoder.encodeImages(pixelsOf(rgb, 3, by), 3)).data);
    const models = opened.length;
    await encoder.encodeRgb!(rgb, 3, TOY_SPEC);
    // the runtime is asked once, and no model is opened twice
    expect(opened.length).toBe(models);
    await encoder.close();
  });
});
