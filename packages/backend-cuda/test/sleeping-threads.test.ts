// A session's threads do not spin while they wait: every session, the probe's and the self-test's too, is opened that way.

import { toyTowers } from "@biovlm/model/testing";
import { InferenceSession } from "onnxruntime-node";
import { afterEach, expect, it, vi } from "vitest";
import { cpuBackend } from "../src/index.js";

afterEach(() => vi.restoreAllMocks());

it("opens every session with threads that sleep while they wait", async () => {
  const create = vi.spyOn(InferenceSession, "create");
  const backend = cpuBackend({ threads: 2 });
  await backend.probe();
  const encoder = await backend.open(toyTowers().graphs);
  await encoder.encodeTexts(Int32Array.of(1, 2), Uint8Array.of(1, 1), [1, 2]);
  await encoder.close();
  expect(create.mock.calls.length).toBeGreaterThanOrEqual(3);
  for (const call of create.mock.calls) expect(call.at(-1)).toMatchObject({ extra: { session: { intra_op: { allow_spinning: "0" } } } });
});
