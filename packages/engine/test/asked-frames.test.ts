// Files of one call whose frames are asked for: how many wait at once, and what ends them all.

import { describe, expect, it } from "vitest";
import { encodeAsked, stackAsk } from "../src/asked-frames.js";
import { EngineError } from "../src/contract/errors.js";
import type { HostStack } from "../src/model-host.js";

type EncodeStack = Parameters<typeof encodeAsked>[0]["encodeStack"];
const files = (count: number) => Array.from({ length: count }, (_, i) => new Uint8Array([i & 255]));
const ASK = { shown: {}, step: 1 };
const done = (file: Uint8Array): HostStack => ({
  sha256: String(file[0]),
  frames: 1,
  images: [{ sha256: String(file[0]), row: new Float32Array(4) }],
  device: "cpu",
  fellBack: false,
  timings: { queue: 1, decode: 2, preprocess: 3, encode: 4 },
});

describe("files of a call", () => {
  it("wait a few at a time, however many there are, and come in order", async () => {
    let [now, most] = [0, 0];
    const encodeStack: EncodeStack = async (file) => {
      most = Math.max(most, ++now);
      await new Promise((turn) => setImmediate(turn));
      now--;
      return done(file);
    };
    const { stacks, timings } = await encodeAsked({ encodeStack }, files(200), ASK, {});
    expect(stacks.map(({ sha256 }) => Number(sha256))).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(most).toBe(16);
    expect(timings).toEqual({ queue: 1, decode: 400, preprocess: 600, encode: 800 });
  });

  it("end together: at a failure of one, at too many frames, when the caller leaves", async () => {
    const leaves = new AbortController();
    for (const [begin, options, wanted] of [
      [() => Promise.reject(new EngineError("backend_unavailable", "gone")), {}, { code: "backend_unavailable" }],
      [(onFrames?: (frames: number) => void) => onFrames?.(11), { maxFrames: 10 }, { code: "too_many_frames" }],
      [() => leaves.abort(new Error("left")), { signal: leaves.signal }, { message: "left" }],
    ] as const) {
      const ended: number[] = [];
      const encodeStack: EncodeStack = async (file, _ask, { signal, onFrames }) => {
        if (file[0] === 3) await begin(onFrames);
        // nothing but the signal ends it
        return new Promise((_, reject) => {
          const end = () => {
            ended.push(file[0] ?? 0);
            reject(signal?.reason as Error);
          };
          if (signal?.aborted) end();
          else signal?.addEventListener("abort", end, { once: true });
        });
      };
      await expect(encodeAsked({ encodeStack }, files(8), ASK, options)).rejects.toMatchObject(wanted);
      expect(ended.length).toBeGreaterThanOrEqual(7);
    }
  });

  it("count the frames of a file once, also where it was begun again", async () => {
    const encodeStack: EncodeStack = async (file, _ask, { onFrames }) => {
      onFrames?.(4);
      onFrames?.(4);
      return done(file);
    };
    expect((await encodeAsked({ encodeStack }, files(2), ASK, { maxFrames: 8 })).stacks).toHaveLength(2);
  });

  it("are refused with the first where the queue is full, and wait for room once the call has begun", async () => {
    const full = () => Promise.reject(new EngineError("overloaded", "full"));
    await expect(encodeAsked({ encodeStack: full }, files(1), ASK, {})).rejects.toMatchObject({ code: "overloaded" });
    let refusals = 3;
    const encodeStack: EncodeStack = async (file) => (file[0] === 1 && refusals-- > 0 ? full() : done(file));
    expect((await encodeAsked({ encodeStack }, files(2), ASK, {})).stacks).toHaveLength(2);
    expect(refusals).toBe(-1);
  });
});

describe("what is asked of each file", () => {
  it("is nothing where no frame and no way of showing is named", () => {
    for (const plain of [{}, { volumes: false }, { maxFrames: 10 }, { frame: "middle" }]) expect(stackAsk(plain)).toBeUndefined();
    expect(stackAsk({ frame: "2" })).toEqual({ shown: { frame: 1 } });
    expect(stackAsk({ frame: "every=3" })).toEqual({ shown: {}, step: 3 });
    expect(stackAsk({ volumes: true, plane: "coronal" })).toEqual({ shown: { plane: "coronal" }, step: 1, place: true });
    expect(stackAsk({ window: "file" })).toEqual({ shown: { window: undefined } });
  });
});
