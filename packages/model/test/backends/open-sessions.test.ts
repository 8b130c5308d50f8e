// Which sessions an encoder holds at once: each has weights of its own, so what learning does not need any more is let go.

import { expect, it } from "vitest";
import { type Encoder, towerEncoder } from "../../src/backend.js";
import { toyRows, toyTokens, toyTowers } from "../../src/testing/index.js";
import { evaluatorRuntime } from "./evaluator-runtime.js";

/** The reference evaluator as a runtime that counts sessions, and refuses a run on one that was let go. */
function counting() {
  const open = new Set<string>();
  const runtime = evaluatorRuntime({
    opened(graph, run) {
      const inputs = graph.inputs.map((value) => value.name);
      const name = inputs.includes("d_embedding") ? "backward" : graph.outputs.length > 1 ? "forward" : "text";
      open.add(name);
      let released = false;
      return {
        run(feeds, fetches) {
          if (released) throw new Error("released");
          return run(feeds, fetches);
        },
        released() {
          released = true;
          open.delete(name);
        },
      };
    },
  });
  return { runtime, open };
}

const capabilities = { device: "cpu", precision: "fp32", maxBatch: 8, gradients: true, deterministic: true } as const;

function texts(encoder: Encoder) {
  const { ids, mask, shape } = toyTokens([3, 5]);
  return encoder.encodeTexts(ids, mask, shape);
}

it("lets the text tower go when the pair for gradients opens, and opens it again with the same answers", async () => {
  const { runtime, open } = counting();
  const encoder = towerEncoder(runtime, toyTowers().graphs, "loops", capabilities);
  const first = await texts(encoder);
  expect([...open]).toEqual(["text"]);
  const { tape } = await encoder.encodePrompts(toyRows([4, 4]), { keep: true });
  expect([...open]).toEqual(["forward"]);
  const { length } = first.data;
  await encoder.encodePromptsBackward?.(tape!, new Float32Array(length).fill(0.1));
  expect([...open]).toEqual(["forward", "backward"]);
  expect(await texts(encoder)).toEqual(first);
  await encoder.close();
  expect([...open]).toEqual([]);
});

it("never takes it from a call that came before", async () => {
  const { runtime } = counting();
  const encoder = towerEncoder(runtime, toyTowers().graphs, "loops", capabilities);
  const first = await texts(encoder);
  const [again, , more] = await Promise.all([texts(encoder), encoder.encodePrompts(toyRows([4, 4]), { keep: true }), texts(encoder)]);
  expect([again, more]).toEqual([first, first]);
  await encoder.close();
});
