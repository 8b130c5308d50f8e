// The start-up test of a device, over runtimes that compute rightly and wrongly.

import { describe, expect, it } from "vitest";
import { RunQueue, SELF_TEST_EMBEDDING, selfTest, type TowerRuntime } from "../../src/backend.js";
import type { Capabilities } from "../../src/index.js";
import { toyPixels, toyTowers } from "../../src/testing/index.js";

const capabilities: Capabilities = { device: "webgpu", precision: "fp32", maxBatch: 4, gradients: false, deterministic: false };

function runtimeThatGives(numbers: readonly number[]): TowerRuntime {
  const tensor = (data: Float32Array, dims: readonly number[]) => ({ dims, getData: async () => data, dispose() {} });
  return {
    form: "inline",
    queue: new RunQueue(),
    batchCost: 1,
    tensor,
    open: async () => ({
      run: async () => ({ embedding: tensor(Float32Array.from(numbers), [1, numbers.length]) }),
      release: async () => {},
    }),
  };
}

describe("selfTest", () => {
  it("stores the embedding that the definition gives", () => {
    const wanted = toyTowers().images(toyPixels(1), 1);
    expect(wanted.length).toBe(SELF_TEST_EMBEDDING.length);
    for (const [i, x] of wanted.entries()) expect(Math.abs(x - SELF_TEST_EMBEDDING[i]!)).toBeLessThan(1e-7);
  });

  it("passes a device that computes it", async () => {
    await expect(selfTest(runtimeThatGives(SELF_TEST_EMBEDDING), "webgpu", capabilities)).resolves.toBeUndefined();
  });

  it.each([
    ["slightly wrong numbers", SELF_TEST_EMBEDDING.map((x, i) => (i === 3 ? x + 0.002 : x))],
    ["numbers in another order", [...SELF_TEST_EMBEDDING].reverse()],
    ["zeros", SELF_TEST_EMBEDDING.map(() => 0)],
    ["NaN", SELF_TEST_EMBEDDING.map(() => Number.NaN)],
  ])("refuses a device that computes %s", async (_, numbers) => {
    await expect(selfTest(runtimeThatGives(numbers), "webgpu", capabilities)).rejects.toMatchObject({
      code: "open_failed",
      message: expect.stringContaining("self-test"),
    });
  });
});
