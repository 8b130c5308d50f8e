import { describe, expect, it } from "vitest";
import { randomStream } from "../src/random.js";
import { learningRateAt } from "../src/schedule.js";

describe("randomStream", () => {
  it("repeats for the same seed and name and differs for another", () => {
    const draw = (...a: [number, ...string[]]) =>
      Array.from(
        { length: 5 },
        (
          (r) => () =>
            r.uniform()
        )(randomStream(...a)),
      );
    expect(draw(1, "ctx")).toEqual(draw(1, "ctx"));
    expect(draw(1, "ctx")).not.toEqual(draw(2, "ctx"));
    expect(draw(1, "ctx")).not.toEqual(draw(1, "views"));
  });
  it("gives these very numbers, on every engine", () => {
    const r = randomStream(1, "ctx");
    const bits = Array.from({ length: 4 }, () => Buffer.from(new Float64Array([r.normal()]).buffer).toString("hex"));
    expect(bits).toMatchInlineSnapshot(`
      [
        "c4cae633184ace3f",
        "08f39e3c9092a0bf",
        "0c080d2ddb7ef7bf",
        "fbfd07e74ea5e8bf",
      ]
    `);
  });
  it("has the normal's moments and tails", () => {
    const r = randomStream(3, "n");
    const n = 200_000;
    let m = 0;
    let v = 0;
    let k = 0;
    let beyond2 = 0;
    for (let i = 0; i < n; i++) {
      const x = r.normal();
      m += x;
      v += x * x;
      k += x ** 4;
      if (Math.abs(x) > 2) beyond2++;
    }
    expect(m / n).toBeCloseTo(0, 1.5);
    expect(v / n).toBeCloseTo(1, 1.5);
    expect(k / n / 3).toBeCloseTo(1, 1);
    expect(beyond2 / n).toBeCloseTo(0.0455, 2);
  });
  it("shuffles every item to every place about equally often", () => {
    const counts = Array.from({ length: 4 }, () => [0, 0, 0, 0]);
    const r = randomStream(5, "s");
    for (let i = 0; i < 8000; i++) for (const [at, v] of r.shuffle([0, 1, 2, 3]).entries()) counts[v]![at]!++;
    for (const row of counts) for (const c of row) expect(Math.abs(c - 2000)).toBeLessThan(200);
  });
});

describe("learningRateAt", () => {
  const options = { epochs: 50, learningRate: 0.002, warmupEpochs: 1, warmupRate: 1e-5 };
  it("warms up for one epoch, peaks in the second and ends at 7.8853e-6", () => {
    expect(learningRateAt(1, options)).toBe(1e-5);
    expect(learningRateAt(2, options)).toBe(0.002);
    expect(learningRateAt(50, options)).toBeCloseTo(7.8853e-6, 10);
  });
});
