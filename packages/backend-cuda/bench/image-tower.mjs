// The image tower on onnxruntime-node's cpu: the encoder against a bare session on the same graph, in alternating blocks of the same run. BiomedCLIP's
// sizes, seeded random weights. Pass mark: encoder ÷ bare ≤ 1.05. Takes about 2 GB and a minute.
// Usage: npm run build && node packages/backend-cuda/bench/image-tower.mjs [--threads 2] [--rounds 15] [--precision fp32,int8] [--folder DIR]
import { parseArgs } from "node:util";
import { cpuBackend } from "@biovlm/backend-cuda";
import { loadModelFolder } from "@biovlm/model/node";
import * as ort from "onnxruntime-node";
import { fullSizeModel } from "../../../tools/testkit/full-size-model.mjs";

const { values } = parseArgs({
  options: {
    threads: { type: "string", default: "2" },
    rounds: { type: "string", default: "15" },
    precision: { type: "string", default: "fp32,int8" },
    folder: { type: "string" },
  },
});
const threads = Number(values.threads);
const folder = fullSizeModel(values.folder);
const pixels = Float32Array.from({ length: 3 * 224 * 224 }, (_, i) => Math.sin(i));
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

console.log(`onnxruntime-node cpu, Node ${process.versions.node}, ${threads} threads, batch 1, medians of ${values.rounds} blocks of 4`);
console.log("| precision | bare session ms/image | encoder ms/image | encoder ÷ bare |\n|---|---|---|---|");
for (const precision of values.precision.split(",")) {
  const model = await loadModelFolder(folder, { precision });
  const encoder = await cpuBackend({ threads }).open(model.graphs);
  const { model: bytes, externalData } = await model.graphs.image("buffers");
  const session = await ort.InferenceSession.create(bytes, {
    intraOpNumThreads: threads,
    ...(externalData === undefined ? {} : { externalData }),
  });
  const runs = {
    bare: () => session.run({ pixels: new ort.Tensor("float32", pixels, [1, 3, 224, 224]) }),
    encoder: () => encoder.encodeImages(pixels, 1),
  };
  const times = { bare: [], encoder: [] };
  // in blocks: a session's threads spin for a while after a run, in the other's way
  for (let block = 0; block < Number(values.rounds); block++) {
    for (const name of block % 2 === 0 ? ["bare", "encoder"] : ["encoder", "bare"]) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      await runs[name]();
      for (let i = 0; i < 4; i++) {
        const start = performance.now();
        await runs[name]();
        times[name].push(performance.now() - start);
      }
    }
  }
  const [bare, ours] = [median(times.bare), median(times.encoder)];
  console.log(`| ${precision} | ${bare.toFixed(1)} | ${ours.toFixed(1)} | ${(ours / bare).toFixed(3)} |`);
  await encoder.close();
  await session.release();
  model.close();
}
