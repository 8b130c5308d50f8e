// The gradient of a BiomedCLIP-sized text tower in float32, by keeping and by recomputing, against a central difference along one random direction.
// Full counts only: it makes 784 MB of seeded random weights.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpuBackend } from "@biovlm/backend-cuda";
import { loadModelFolder } from "@biovlm/model/node";
import { seeded, skipUnlessShared, soak } from "@biovlm/testkit";
import { expect, it } from "vitest";

const tokenizer = soak ? skipUnlessShared("tokenizer") : undefined;

it.skipIf(tokenizer === undefined)("the full-size text tower's gradient is its slope, to a thousandth", { timeout: 600_000 }, async () => {
  const given = process.env["BIOVLM_FULL_SIZE"];
  const folder = given ?? mkdtempSync(join(tmpdir(), "biovlm-full-size-"));
  try {
    const { fullSizeModel } = (await import("../../../tools/testkit/full-size-model.mjs" as string)) as {
      fullSizeModel(f: string): string;
    };
    const model = await loadModelFolder(fullSizeModel(folder));
    const encoder = await cpuBackend({ threads: 2 }).open(model.graphs);
    const [rows, length, W] = [2, 12, model.spec.text.width] as const;
    const random = seeded(5);
    const noise = (n: number, scale: number) => Float32Array.from({ length: n }, () => scale * (2 * random.next() - 1));
    const embeddings = noise(rows * length * W, 0.3);
    const mask = new Uint8Array(rows * length).fill(1);
    const shape = [rows, length, W] as const;
    const { out, tape } = await encoder.encodePrompts({ embeddings, mask, shape }, { keep: true });
    const dOut = noise(out.data.length, 1);
    const kept = await encoder.encodePromptsBackward!(tape!, dOut);
    const again = await encoder.encodePromptsBackward!({ embeddings, mask, shape }, dOut);
    const direction = noise(embeddings.length, 1);
    const slopeOf = (g: Float32Array) => g.reduce((sum, v, i) => sum + v * direction[i]!, 0);
    const value = async (step: number) => {
      const moved = embeddings.map((v, i) => v + step * direction[i]!);
      const { data } = (await encoder.encodePrompts({ embeddings: moved, mask, shape })).out;
      return data.reduce((sum, v, i) => sum + v * dOut[i]!, 0);
    };
    const step = 2e-3;
    const difference = ((await value(step)) - (await value(-step))) / (2 * step);
    console.log(`slope ${difference}, by the gradient ${slopeOf(kept)} (kept), ${slopeOf(again)} (recomputed)`);
    for (const gradient of [kept, again]) expect(Math.abs(slopeOf(gradient) - difference) / Math.abs(difference)).toBeLessThan(1e-3);
    await encoder.close();
    model.close();
  } finally {
    if (given === undefined) rmSync(folder, { recursive: true, force: true });
  }
});
