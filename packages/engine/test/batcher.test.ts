// The batcher alone: how items meet, and that each settles once, whatever happens to it.

import { describe, expect, it } from "vitest";
import { Batcher, type BatcherOptions } from "../src/batch/batcher.js";

const sleep = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

function batcher(options: Partial<BatcherOptions> = {}, workMs = 10) {
  const sizes: number[] = [];
  const made = new Batcher<number, number>({ maxBatch: 4, maxQueueDelayMs: 0, maxQueue: 16, slots: () => 1, ...options }, async (items) => {
    sizes.push(items.length);
    await sleep(workMs);
    return items.map((x) => x * x);
  });
  return { made, sizes };
}

describe("a batcher", () => {
  it("gives every item its own answer, whatever batches they met in", async () => {
    const { made, sizes } = batcher();
    const all = await Promise.all(Array.from({ length: 13 }, (_, i) => made.submit([i])));
    expect(all.map(([a]) => a!.value)).toEqual(Array.from({ length: 13 }, (_, i) => i * i));
    expect(Math.max(...sizes)).toBe(4);
    expect(sizes.length).toBeLessThan(13);
  });

  it("runs a lone item at once without a delay, and with one waits for company", async () => {
    const eager = batcher();
    await Promise.all([eager.made.submit([1]), eager.made.submit([2])]);
    expect(eager.sizes).toEqual([1, 1]);
    const patient = batcher({ maxQueueDelayMs: 30 });
    await Promise.all([patient.made.submit([1]), patient.made.submit([2])]);
    expect(patient.sizes).toEqual([2]);
  });

  it("waits a moment for items that are coming, not for ever, and not once they are not", async () => {
    let coming = 2;
    const gathering = batcher({ gatherMs: 1000, coming: () => coming });
    const first = gathering.made.submit([1]);
    await sleep(5);
    coming = 1;
    const second = gathering.made.submit([2]);
    await sleep(5);
    expect(gathering.sizes).toEqual([]);
    coming = 0;
    gathering.made.nudge();
    await Promise.all([first, second]);
    expect(gathering.sizes).toEqual([2]);
    const brief = batcher({ gatherMs: 10, coming: () => 1 });
    await brief.made.submit([3]);
    expect(brief.sizes).toEqual([1]);
  });

  it("refuses what does not fit the queue, says when to come back, and refuses all of a request or none", async () => {
    const { made } = batcher({ maxQueue: 4 }, 50);
    const first = Promise.all([made.submit([0, 1, 2, 3]), made.submit([4, 5, 6])]);
    expect(() => made.submit([7, 8])).toThrowError(expect.objectContaining({ code: "overloaded" }));
    expect(() => made.submit([1, 2, 3, 4, 5])).toThrowError(expect.objectContaining({ code: "too_many_images" }));
    expect(() => made.refuseIfFull(2)).toThrowError(expect.objectContaining({ code: "overloaded", retryAfter: 1 }));
    made.refuseIfFull();
    expect(made.depth).toBe(3);
    expect((await first).flat()).toHaveLength(7);
  });

  it("ends an item at its deadline, waiting or running", async () => {
    const { made } = batcher({}, 100);
    const running = made.submit([1], { deadline: Date.now() + 20 });
    const waiting = made.submit([2], { deadline: Date.now() + 20 });
    await expect(running).rejects.toMatchObject({ code: "deadline_exceeded" });
    await expect(waiting).rejects.toMatchObject({ code: "deadline_exceeded" });
    expect(made.depth).toBe(0);
  });

  it("takes an item out when its client leaves", async () => {
    const { made, sizes } = batcher({}, 30);
    const left = new AbortController();
    const first = made.submit([1]);
    const second = made.submit([2], { signal: left.signal });
    left.abort(new Error("left"));
    await expect(second).rejects.toThrow("left");
    await first;
    await sleep(50);
    expect(sizes).toEqual([1]);
    await expect(made.submit([3], { signal: left.signal })).rejects.toThrow("left");
  });

  it("listens to a signal once for all items of a call, as long as one of them is open", async () => {
    const { made } = batcher({ maxQueue: 64 });
    const left = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = left.signal;
    left.signal.addEventListener = (...words: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(left.signal, words);
    };
    left.signal.removeEventListener = (...words: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(left.signal, words);
    };
    const many = made.submit(
      Array.from({ length: 40 }, (_, i) => i),
      { signal: left.signal },
    );
    expect(listeners).toBe(1);
    await many;
    expect(listeners).toBe(0);
    const again = made.submit([1, 2, 3, 4, 5, 6], { signal: left.signal });
    left.abort(new Error("left"));
    await expect(again).rejects.toThrow("left");
    expect([made.unsettled, listeners]).toEqual([0, 0]);
    expect(await made.submit([7])).toMatchObject([{ value: 49 }]);
  });

  it("fails the items of a batch that fails, and goes on", async () => {
    let calls = 0;
    const made = new Batcher<number, number>({ maxBatch: 2, maxQueueDelayMs: 0, maxQueue: 9, slots: () => 1 }, async (items) => {
      if (calls++ === 0) throw new Error("once");
      return [...items];
    });
    await expect(made.submit([1])).rejects.toThrow("once");
    expect((await made.submit([2]))[0]!.value).toBe(2);
  });

  it("closes once what is there has ended, and refuses what comes later", async () => {
    const { made } = batcher({}, 20);
    const work = made.submit([1, 2, 3, 4, 5, 6]);
    const closing = made.close(1000);
    expect(() => made.submit([9])).toThrowError(expect.objectContaining({ code: "not_ready" }));
    expect(await work).toHaveLength(6);
    await closing;
    expect(made.unsettled).toBe(0);
  });

  it("refuses what still waits when the time to close is over", async () => {
    const { made } = batcher({ maxBatch: 1 }, 200);
    const [, late] = [made.submit([1]), made.submit([2])];
    const seen = late.catch((error: unknown) => error);
    await made.close(20);
    expect(await seen).toMatchObject({ code: "not_ready" });
  });
});
