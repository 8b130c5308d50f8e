// Batches of many images at once: on the processor alone, for models whose runs are short, as many as threads.

import { tinyModel } from "@biovlm/model-tiny/node";
import { expect, it } from "vitest";
import { openEncoder } from "../src/index.js";

const SPEC = { model: "tiny", device: "cpu", threads: 3, precision: "fp32", deterministic: false } as const;

it("are opened where they are asked for and a run of the model is short", async () => {
  const model = await tinyModel();
  const many = { manyImages: true };
  const large = { ...model, spec: { ...model.spec, vision: { ...model.spec.vision, width: 768, mlp: 3072 } } };
  for (const [asked, of, lanes] of [
    [{}, model, 1],
    [many, model, 3],
    [many, large, 1],
  ] as const) {
    const opened = await openEncoder(of, SPEC, [], asked);
    expect(opened.lanes).toBe(lanes);
    await opened.encoder.close();
  }
  const one = await openEncoder(model, { ...SPEC, threads: 1 }, [], many);
  expect(one.lanes).toBe(1);
  await one.encoder.close();
});
