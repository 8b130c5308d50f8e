import { describe, expect, it } from "vitest";
import { checkpointStore, decodeCheckpoint, encodeCheckpoint, freshCheckpoint, runDigest } from "../src/checkpoint.js";

const state = () => ({
  ...freshCheckpoint(Float32Array.from([1, -2.5, 3e-30])),
  epoch: 7,
  step: 21,
  moment1: Float32Array.from([0.1, 0.2, 0.3]),
});

describe("checkpoint", () => {
  it("comes back bit for bit", async () => {
    expect(await decodeCheckpoint(await encodeCheckpoint(state(), "r"), "r")).toEqual(state());
  });
  it("is refused when any byte differs or the end is missing", async () => {
    const bytes = await encodeCheckpoint(state(), "r");
    for (let i = 0; i < bytes.length; i++) {
      const bad = bytes.slice();
      bad[i]! ^= 1;
      await expect(decodeCheckpoint(bad, "r")).rejects.toMatchObject({ code: "checkpoint_corrupt" });
      await expect(decodeCheckpoint(bytes.subarray(0, i), "r")).rejects.toMatchObject({ code: "checkpoint_corrupt" });
    }
  });
  it("is refused for another run", async () => {
    const kept = new Map<string, Uint8Array>();
    const store = { get: async (k: string) => kept.get(k), put: async (k: string, b: Uint8Array) => void kept.set(k, b) };
    expect(await checkpointStore(store, "k", "a").load()).toBeUndefined();
    await checkpointStore(store, "k", "a").save(state());
    expect(await checkpointStore(store, "k", "a").load()).toEqual(state());
    await expect(checkpointStore(store, "k", "b").load()).rejects.toMatchObject({ code: "checkpoint_mismatch" });
  });
});

describe("runDigest", () => {
  it("does not depend on the order of keys and does on every value", async () => {
    expect(await runDigest({ a: 1, b: { c: 2, d: [3] } })).toBe(await runDigest({ b: { d: [3], c: 2 }, a: 1 }));
    expect(await runDigest({ a: 1 })).not.toBe(await runDigest({ a: 2 }));
  });
});
