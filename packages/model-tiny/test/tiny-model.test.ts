// The embedded model as a user meets it: its files, its tokenizer, and a PNG that becomes a routed prediction.

import { existsSync, readFileSync } from "node:fs";
import { cpuBackend } from "@biovlm/backend-cuda";
import { loadCore } from "@biovlm/core";
import { decodeImage } from "@biovlm/imaging/node";
import { createClassifier, templateBank } from "@biovlm/model";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { TINY_WEIGHTS_SHA256, tinyModel, tinyModelUrls } from "../src/node/index.js";

const golden = JSON.parse(readFileSync(new URL("../files/tokenizer_golden.json", import.meta.url), "utf8")) as {
  text: string;
  ids: number[];
}[];
const packed = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { files: string[] };

describe("the embedded model", async () => {
  const model = await tinyModel();

  it("lies where its addresses say, is the file its sha256 names, and is packed with its card", async () => {
    for (const url of Object.values(tinyModelUrls())) expect(existsSync(url), url.href).toBe(true);
    const digest = await globalThis.crypto.subtle.digest("SHA-256", readFileSync(tinyModelUrls().weights));
    expect(Buffer.from(digest).toString("hex")).toBe(TINY_WEIGHTS_SHA256);
    expect(packed.files).toContain("files");
    expect(readFileSync(new URL("../files/CARD.md", import.meta.url), "utf8")).toMatch(/licen[cs]e/i);
  });

  it("has one identity, in any precision", async () => {
    expect(model.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect((await tinyModel({ precision: "int8" })).digest).toBe(model.digest);
  });

  it("gives exactly the token ids of its golden file", () => {
    expect(golden.length).toBeGreaterThan(5);
    for (const { text, ids } of golden) expect(Array.from(model.tokenizer.encode(text)), text).toEqual(ids);
  });

  it("turns a PNG into a routed prediction on the cpu, the same every time", async () => {
    const side = 96;
    const pixels = Uint8Array.from({ length: side * side }, (_, i) => {
      const [x, y] = [i % side, Math.floor(i / side)];
      return Math.hypot(x - 48, y - 40) < 18 ? 30 : 110 + ((x * 7 + y * 13) % 40);
    });
    const png = await sharp(pixels, { raw: { width: side, height: side, channels: 1 } })
      .png()
      .toBuffer();
    const core = await loadCore({ deterministic: true });
    const answers = [];
    for (let run = 0; run < 2; run++) {
      const encoder = await cpuBackend({ threads: 1 }).open(model.graphs);
      const bank = await templateBank({ core, encoder, model }, ["breast ultrasound", "chest x-ray", "blood smear"]);
      const classifier = await createClassifier({ core, encoder, model, bank });
      answers.push(await classifier.classify([await decodeImage(png)]));
      await encoder.close();
    }
    expect(answers[1]).toEqual(answers[0]);
    const [{ predictions, kept }] = answers[0]! as [(typeof answers)[0][0]];
    expect(predictions.reduce((s, p) => s + p.probability, 0)).toBeCloseTo(1, 5);
    expect(predictions[0]!.probability).toBeGreaterThan(1 / 3);
    expect(kept).toHaveLength(3);
  });
});
