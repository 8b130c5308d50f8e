// A few at a time, in order: what callers rely on when work ends early, late or badly.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inOrder } from "../src/index.js";

const later = (turns: number) => new Promise<void>((resolve) => setTimeout(resolve, turns));

async function gathered<T>(results: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const result of results) all.push(result);
  return all;
}

describe("work in order", () => {
  it("gives every result in the order asked for, whatever ends first, and never begins more than it may", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 6 }),
        async (delays, atOnce) => {
          let [running, most] = [0, 0];
          const results = await gathered(
            inOrder(delays, atOnce, async (delay, index) => {
              most = Math.max(most, ++running);
              await later(delay);
              running--;
              return index;
            }),
          );
          expect(results).toEqual(delays.map((_, i) => i));
          expect(most).toBeLessThanOrEqual(atOnce);
        },
      ),
      { numRuns: 20, seed: 1 },
    );
  });

  it("begins no more than it may while nobody takes a result", async () => {
    let begun = 0;
    const results = inOrder([1, 2, 3, 4, 5], 2, async () => ++begun);
    await results.next();
    await later(5);
    expect(begun).toBe(2);
    await results.return();
  });

  it("fails with the first failure in order, after what is in work has ended", async () => {
    let ended = 0;
    const run = gathered(
      inOrder([0, 1, 2, 3], 4, async (index) => {
        await later(index === 1 ? 1 : 4);
        ended++;
        if (index >= 1) throw new Error(`item ${index}`);
        return index;
      }),
    );
    await expect(run).rejects.toThrow("item 1");
    expect(ended).toBe(4);
  });

  it("stops with the signal's reason and begins nothing more", async () => {
    const stop = new AbortController();
    let begun = 0;
    const run = gathered(
      inOrder(
        [1, 2, 3, 4, 5, 6],
        1,
        async (item) => {
          begun++;
          if (item === 2) stop.abort(new Error("enough"));
          return item;
        },
        stop.signal,
      ),
    );
    await expect(run).rejects.toThrow("enough");
    expect(begun).toBe(2);
  });
});
