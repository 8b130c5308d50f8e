// Lanes: runs at once on threads of their own, with the answers and the errors of a run in this one.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { EncoderError } from "@biovlm/model";
import { toyPixels, toyRgb, toyTowers } from "@biovlm/model/testing";
import { bundleForNode, programFolder } from "@biovlm/testkit";
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

  it("open in a program that is given to node as text of a module", async () => {
    const program = await bundleForNode(join(import.meta.dirname, "lanes-program.ts"), join(programFolder(), "program.mjs"));
    const text = `await import(${JSON.stringify(pathToFileURL(program).href)})`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", text], { encoding: "utf8", timeout: 60_000 });
    expect([stdout.trim(), stderr]).toEqual(["16", ""]);
  });

  it("leave what they are given as it was, whatever its size, and keep no bits of the run before", async () => {
    const { graphs } = toyTowers();
    const by = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
    const alone = await cpuBackend({ threads: 1 }).open({ ...graphs });
    const lanes = await cpuBackend({ lanes: 2 }).open({ ...graphs });
    // some of it larger than what the lanes have at hand by then, some smaller, and views into more
    for (const n of [9, 2, 16, 1, 5, 12]) {
      const rgb = toyRgb(n + 2, n).subarray(16 * 16 * 3, 16 * 16 * 3 * (n + 1));
      const before = rgb.slice();
      const got = await Promise.all([1, 2, 3].map(() => lanes.encodeRgb?.(rgb, n, by)));
      expect(rgb).toEqual(before);
      const wanted = await alone.encodeRgb?.(rgb, n, by);
      for (const one of got) expect(one).toEqual(wanted);
    }
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
