// An encoder that lets messages in between two calls, and is the same encoder otherwise.

import type { Encoder } from "@biovlm/model";
import { describe, expect, it } from "vitest";
import { breathing } from "../../src/engine/breathing-encoder.js";

/** An encoder that writes down its calls and answers with its own rows. */
function recording(gradients: boolean) {
  const calls: string[] = [];
  const rows = (name: string) =>
    function (this: unknown, ...given: readonly unknown[]) {
      calls.push(`${name} ${given.length}`);
      return Promise.resolve({ data: Float32Array.of(1), shape: [1, 1], self: this });
    };
  const encoder = {
    name: "recording",
    capabilities: { device: "wasm", precision: "fp32", maxBatch: 4, gradients, deterministic: true },
    encodeImages: rows("images"),
    encodeTexts: rows("texts"),
    encodePrompts: rows("prompts"),
    ...(gradients ? { encodePromptsBackward: rows("backward") } : {}),
    close: () => {
      calls.push("close");
      return Promise.resolve();
    },
  } as unknown as Encoder;
  return { encoder, calls };
}

describe("a breathing encoder", () => {
  it("waits for a turn of the event loop before every call, so that messages that came meanwhile are read first", async () => {
    const { encoder, calls } = recording(true);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      calls.push("message");
      port1.close();
    };
    port2.postMessage("stop");
    await breathing(encoder).encodeImages(new Float32Array(3), 1, {});
    expect(calls).toEqual(["message", "images 3"]);
  });

  it("hands every call on with all it was given, and closes what it wraps", async () => {
    const { encoder, calls } = recording(true);
    const wrapped = breathing(encoder);
    await wrapped.encodeTexts(new Int32Array(2), new Uint8Array(2), [1, 2]);
    await wrapped.encodePrompts({ embeddings: new Float32Array(2), mask: new Uint8Array(1), shape: [1, 1, 2] }, { keep: true });
    await wrapped.encodePromptsBackward?.({} as never, new Float32Array(1));
    await wrapped.close();
    expect(calls).toEqual(["texts 3", "prompts 2", "backward 2", "close"]);
    expect([wrapped.name, wrapped.capabilities]).toEqual([encoder.name, encoder.capabilities]);
  });

  it("learns nothing where the encoder has no gradients", () => {
    expect(breathing(recording(false).encoder).encodePromptsBackward).toBeUndefined();
    expect(breathing(recording(true).encoder).encodePromptsBackward).toBeTypeOf("function");
  });
});
