// Lanes: runs at once on threads of their own, with the answers and the errors of a run in this one.

import { EncoderError } from "@biovlm/model";
import { toyPixels, toyTowers } from "@biovlm/model/testing";
import { describe, expect, it } from "vitest";
import { cpuBackend } from "../src/index.js";

describe("lanes", () => {
  it("give calls that come at once the bits of one thread, each its own", async () => {
    const { graphs } = toyTowers();
    const alone = await cpuBackend({ threads: 1 }).open({ ...graphs });
    const lanes = await cpuBackend({ lanes: 3 }).open({ ...graphs });
    const inputs = Array.from({ length: 12 }, (_, i) => [toyPixels(1 + (i % 5)), 1 + (i % 5)] as const);
    const got = await Promise.all(inputs.map(([pixels, n]) => lanes.encodeImages(pixels, n)));
    for (const [i, [pixels, n]] of inputs.entries()) expect(got[i]).toEqual(await alone.encodeImages(pixels, n));
    await Promise.all([alone.close(), lanes.close()]);
  });

  it("refuse a model that is none with the runtime's reason, and close", async () => {
    const { graphs } = toyTowers();
    const image = async () => ({ kind: "bytes", model: Uint8Array.of(8, 9) }) as const;
    const encoder = await cpuBackend({ lanes: 2 }).open({ ...graphs, image });
    const refused = await encoder.encodeImages(toyPixels(1), 1).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(EncoderError);
    expect(refused).toMatchObject({
      code: "open_failed",
      message: expect.stringMatching(/^image tower — expected a session on cpu, got: .+/),
    });
    await encoder.close();
  });
});
