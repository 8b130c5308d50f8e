// A bulk job in int8 is worked by the image tower that it was planned for: one that a worker lacks is refused, the runtime's works everywhere.

import { describe, expect, it } from "vitest";
import { type BulkWork, checkImageTower, factsOf, openedImageTower, workOf } from "../src/bulk-job.js";

const encoder = (device: string, precision: "fp32" | "int8", bits?: string) => ({
  capabilities: {
    ...{ device, precision, maxBatch: 1, gradients: false, deterministic: true },
    ...(bits === undefined ? {} : { imageTower: { name: "native (made)", bits } }),
  },
});
const refused = (imageTower: string | undefined, of: ReturnType<typeof encoder>): string | undefined => {
  try {
    checkImageTower({ imageTower } as BulkWork, of, "what it has");
    return undefined;
  } catch (error) {
    return `${(error as { code?: string }).code}: ${(error as Error).message}`;
  }
};

describe("the int8 image tower of a bulk job", () => {
  it("must be the planned one on the processor; other precisions and devices are not compared", () => {
    expect(refused("made/1", encoder("cpu", "int8", "made/1"))).toBeUndefined();
    expect(refused("onnxruntime", encoder("cpu", "int8"))).toBeUndefined();
    expect(refused(undefined, encoder("cpu", "int8"))).toBeUndefined();
    expect(refused("made/1", encoder("cuda", "int8"))).toBeUndefined();
    expect(refused(undefined, encoder("cpu", "fp32"))).toBeUndefined();
    for (const [planned, has] of [
      ["made/1", undefined],
      ["made/1", "made/2"],
      [undefined, "made/1"],
    ])
      expect(refused(planned, encoder("cpu", "int8", has))).toMatch(
        /^job_differs: int8 image tower — expected .+ as planned, got what it has\./,
      );
  });

  it("is a fact of the job, and opened as the job says", () => {
    const files = { exif: "apply", maxImageBytes: 1e6, maxPixels: 1e6, frame: "middle", batch: 4 };
    const plain = { model: "tiny", modelDigest: "sha256:1", device: "cpu", precision: "int8", output: "embeddings", raw: false } as const;
    const job = (imageTower?: string) => {
      const work = { ...plain, volumes: false, chunkRows: 64, files, ...(imageTower === undefined ? {} : { imageTower }) };
      return { id: "", source: "", shards: [], facts: factsOf(work as unknown as BulkWork) };
    };
    expect(openedImageTower(workOf(job("made/1")))).toBe("native");
    expect(openedImageTower(workOf(job("onnxruntime")))).toBe("onnxruntime");
    expect(openedImageTower(workOf(job()))).toBe("onnxruntime");
    const torn = { ...job(), facts: { ...job().facts, imageTower: 3 } };
    expect(() => workOf(torn)).toThrow(/image tower's name/);
  });
});
