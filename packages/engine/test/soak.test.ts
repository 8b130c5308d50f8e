// R14 and R22: ten times more than fits is refused and the rest answered rightly; long work leaves no memory and no descriptors behind.

import { existsSync, readdirSync } from "node:fs";
import { cases, settledRss, soak, withinLimit } from "@biovlm/testkit";
import { tinyBank } from "@biovlm/testkit/tiny-bank";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Engine, ImageAnswer } from "../src/contract/engine.js";
import { createEngine } from "../src/create-engine.js";
import { greyPng } from "./toy-encoder.js";

if (soak) vi.setConfig({ testTimeout: 900_000 });
const MAX_QUEUE = 32;
let engine: Engine;
let images: Uint8Array[];
let alone: ImageAnswer[];

beforeAll(async () => {
  const bytes = await tinyBank(["benign", "malignant"]);
  const created = await createEngine({
    serve: [{ name: "m", model: "tiny", bank: { name: "b", bytes } }],
    device: "cpu",
    threads: 1,
    pool: 0,
    maxQueue: MAX_QUEUE,
  });
  ({ engine } = created);
  await created.ready;
  images = await Promise.all([10, 90, 170, 250].map((grey) => greyPng(grey)));
  alone = [];
  for (const image of images) alone.push((await engine.classify("m", [image])).answers[0] as ImageAnswer);
}, 120_000);
afterAll(() => engine?.close(1000));

/** One call: "answered" when it was right, else the code it was refused with. */
async function ask(i: number): Promise<string> {
  const k = i % images.length;
  try {
    const { answers } = await engine.classify("m", [images[k]!]);
    const got = answers[0] as ImageAnswer;
    expect(got.kept?.map((p) => p.prompt)).toEqual(alone[k]!.kept?.map((p) => p.prompt));
    for (const [c, p] of alone[k]!.predictions.entries()) expect(got.predictions[c]!.probability).toBeCloseTo(p.probability, 5);
    return "answered";
  } catch (error) {
    const code: unknown = Reflect.get(error as object, "code");
    if (typeof code !== "string") throw error;
    return code;
  }
}

async function forSeconds(seconds: number, width: number): Promise<Map<string, number>> {
  const outcomes = new Map<string, number>();
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) {
    for (const outcome of await Promise.all(Array.from({ length: width }, (_, i) => ask(i))))
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  return outcomes;
}

const descriptors = () => (existsSync("/proc/self/fd") ? readdirSync("/proc/self/fd").length : 0);

describe("an engine under load", () => {
  it("refuses what is beyond its queue as overloaded, answers the rest rightly, and its memory stays", async () => {
    await forSeconds(1, 10 * MAX_QUEUE);
    const before = settledRss();
    const outcomes = await forSeconds(cases(60) / 2, 10 * MAX_QUEUE);
    expect([...outcomes.keys()].sort()).toEqual(["answered", "overloaded"]);
    withinLimit("memory after, bytes", settledRss(), before * 1.2);
  });

  it("works on for long with the same memory and the same descriptors", async () => {
    await forSeconds(soak ? 60 : 1, 8);
    const [memory, open] = [settledRss(), descriptors()];
    const seconds = soak ? 300 : 3;
    expect([...(await forSeconds(seconds, 8)).keys()]).toEqual(["answered"]);
    expect(descriptors()).toBeLessThanOrEqual(open + 2);
    withinLimit("growth, MiB", (settledRss() - memory) / 2 ** 20, seconds / 600 + 2);
  });
});
