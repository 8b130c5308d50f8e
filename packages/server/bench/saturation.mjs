// A full-size image tower at saturation: images a second through `biovlm serve` (HTTP, decode, preprocess, batcher, encoder, routing) against a bare
// session of onnxruntime-node on the same graph with batches of the same size. Rounds alternate; the load comes from a process of its own.
// Pass mark: server ÷ bare ≥ 0.95. Weights are seeded random values of BiomedCLIP's sizes.
// Usage: npm run build && node packages/server/bench/saturation.mjs [--precision int8] [--threads 2] [--batch 8] [--pool 1] [--seconds 20] [--rounds 3] [--folder DIR]
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cpuBackend } from "@biovlm/backend-cuda";
import { loadCore } from "@biovlm/core";
import { templateBank, writeBank } from "@biovlm/model";
import { loadModelFolder } from "@biovlm/model/node";
import * as ort from "onnxruntime-node";
import { fullSizeModel } from "../../../tools/testkit/full-size-model.mjs";
import { BIOVLM, load, noiseImage, startRoute } from "./load.mjs";

const text = (value) => ({ type: "string", default: value });
const { values } = parseArgs({
  options: {
    precision: text("int8"),
    threads: text("2"),
    batch: text("8"),
    pool: text("1"),
    seconds: text("20"),
    rounds: text("3"),
    folder: { type: "string" },
  },
});
const { precision, threads, batch, pool, seconds, rounds } = { ...values };
const [T, B] = [Number(threads), Number(batch)];
const folder = fullSizeModel(values.folder);
const model = await loadModelFolder(folder, { precision });
const encoder = await cpuBackend({ threads: T }).open(model.graphs);
const bank = await templateBank({ core: await loadCore(), encoder, model }, ["benign tumor", "malignant tumor", "normal"]);
await encoder.close();
const { model: bytes, externalData } = await model.graphs.image("buffers");
const session = await ort.InferenceSession.create(bytes, {
  intraOpNumThreads: T,
  ...(externalData === undefined ? {} : { externalData }),
});
const place = mkdtempSync(join(tmpdir(), "bench-"));
const [imageFile, bankFile] = [join(place, "image.png"), join(place, "bank.safetensors")];
writeFileSync(imageFile, await noiseImage());
writeFileSync(bankFile, writeBank(bank));
const of = ["--model", folder, "--bank", bankFile, "--precision", precision, "--device", "cpu", "--threads", threads];
const url = await startRoute([BIOVLM, "serve", ...of, "--max-batch", batch, "--pool", pool, "--port", "0", "--log-level", "silent"]);

const served = async () => (await load({ url, imageFile, seconds, connections: 3 * B })).rps;
const pixels = new ort.Tensor(
  "float32",
  Float32Array.from({ length: B * 3 * 224 * 224 }, (_, i) => Math.sin(i)),
  [B, 3, 224, 224],
);
async function bare() {
  const start = performance.now();
  let images = 0;
  for (; performance.now() - start < Number(seconds) * 1000; images += B) await session.run({ pixels });
  return images / ((performance.now() - start) / 1000);
}
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
const seen = { bare: [], served: [] };
await session.run({ pixels });
for (let i = 0; i < Number(rounds); i++) {
  seen.bare.push(await bare());
  seen.served.push(await served());
}
const [b, s] = [median(seen.bare), median(seen.served)];
console.log(
  `${precision}, ${T} threads, batches of ${B}, pool ${pool}, medians of ${rounds} × ${seconds} s, Node ${process.versions.node}`,
);
console.log(`bare session ${b.toFixed(2)} images/s, served ${s.toFixed(2)} images/s, served ÷ bare ${(s / b).toFixed(3)}`);
await session.release();
model.close();
rmSync(place, { recursive: true });
process.exit();
