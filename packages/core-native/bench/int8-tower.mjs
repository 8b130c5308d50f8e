// The native int8 image tower beside onnxruntime's int8 session in one run, rounds in turn. The embedded model: processor time an image on one thread,
// batches of --batch, and the least cosine to float32. With --full a ViT-B/16 with random weights, time by the clock an image alone on --threads.
// Usage: npm run build && node packages/core-native/bench/int8-tower.mjs [--batch 16] [--rounds 21] [--full] [--threads 1]
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { quantizeRowInt8, serializeModel, tensorOf } from "@biovlm/graph";
import { tinyModel, tinyModelUrls } from "@biovlm/model-tiny/node";
import * as ort from "onnxruntime-node";
import { imageTower, imageTowerShapes } from "../../model/dist/towers/vit.js";
import { BUILT, bindingAt } from "../dist/binding.js";

const { values } = parseArgs({
  options: {
    batch: { type: "string", default: "16" },
    rounds: { type: "string", default: "21" },
    threads: { type: "string", default: "1" },
    full: { type: "boolean", default: false },
  },
});
const [rounds, threads] = [Number(values.rounds), Number(values.threads)];
const { binding, reason = "no image tower for this processor" } = bindingAt(BUILT, {});
if (!binding?.imageTowerLevel?.()) {
  console.log(`skipped: ${reason}`);
  process.exit(0);
}

let state = 1;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 31 - 1;
};

/** spec and weights by name: the embedded model's, or random ones of ViT-B/16 */
async function subject() {
  if (values.full) {
    const spec = { vision: { imageSize: 224, patchSize: 16, width: 768, layers: 12, heads: 12, mlp: 3072 }, embedDim: 512 };
    const spread = (name, [, inner = 1]) => (name.includes("norm") ? 0.3 : inner === 1 ? 0.1 : 1.5 / Math.sqrt(inner));
    const made = [...imageTowerShapes(spec)].map(([name, shape]) => {
      const one = name.includes("norm") && name.endsWith("weight") ? 1 : 0;
      return [name, Float32Array.from({ length: shape.reduce((p, d) => p * d, 1) }, () => one + random() * spread(name, shape))];
    });
    return { spec, weights: new Map(made) };
  }
  const { spec } = await tinyModel();
  const bytes = readFileSync(tinyModelUrls().weights);
  const header = Number(bytes.readBigUInt64LE(0));
  // in the file's order, which is that of the flow
  const entries = Object.entries(JSON.parse(bytes.subarray(8, 8 + header).toString())).filter(([name]) => name.startsWith("visual."));
  const arrays = entries
    .sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0])
    .map(([, { data_offsets: at }]) => new Float32Array(Uint8Array.from(bytes.subarray(8 + header + at[0], 8 + header + at[1])).buffer));
  return { spec, weights: new Map([...imageTowerShapes(spec).keys()].map((name, i) => [name, arrays[i]])) };
}

const { spec, weights } = await subject();
const { imageSize: S, patchSize, width, layers, heads, mlp } = spec.vision;
const shapes = imageTowerShapes(spec);
const graph = imageTower({ get: (name) => tensorOf("float32", shapes.get(name), weights.get(name)) }, spec);
const batch = values.full ? 1 : Number(values.batch);
const pixels = Float32Array.from({ length: batch * 3 * S * S }, (_, i) => Math.sin(i / 300 + Math.floor(i / (S * S))) + random() / 4);
const options = { executionProviders: ["cpu"], intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 3 };
const session = async (form) => {
  const made = await ort.InferenceSession.create(serializeModel(form).model, options);
  const feeds = { pixels: new ort.Tensor("float32", pixels, [batch, 3, S, S]) };
  return async () => (await made.run(feeds)).embedding.data;
};
const tower = await binding.openImageTower([S, patchSize, width, layers, heads, mlp, spec.embedDim], [...weights.values()], threads);
const ways = { onnxruntime: await session(quantizeRowInt8(graph)), native: () => tower.runPixels(pixels) };

const expected = await (await session(graph))();
const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);
const D = spec.embedDim;
const cosine = (got) =>
  Math.min(
    ...Array.from({ length: batch }, (_, i) => {
      const [a, b] = [got, expected].map((rows) => rows.subarray(i * D, (i + 1) * D));
      return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
    }),
  );
const cosines = Object.fromEntries(await Promise.all(Object.entries(ways).map(async ([name, run]) => [name, cosine(await run())])));

const runs = values.full ? 1 : Math.ceil(160 / batch);
const times = { onnxruntime: [], native: [] };
for (let round = 0; round < rounds; round++) {
  const turn = Object.entries(ways);
  for (const [name, run] of round % 2 === 0 ? turn : turn.toReversed()) {
    const [from, start] = [process.cpuUsage(), performance.now()];
    for (let i = 0; i < runs; i++) await run();
    const { user, system } = process.cpuUsage(from);
    times[name].push((values.full ? (performance.now() - start) * 1000 : user + system) / runs / batch);
  }
}
console.log(
  `${binding.imageTowerLevel()}, ${threads} thread(s), batches of ${batch}, ${values.full ? "time" : "processor time"} an image, µs`,
);
console.log("| int8 by | median | least | least cosine to fp32 |\n|---|---|---|---|");
for (const [name, list] of Object.entries(times)) {
  const sorted = list.toSorted((a, b) => a - b);
  console.log(`| ${name} | ${sorted[sorted.length >> 1].toFixed(0)} | ${sorted[0].toFixed(0)} | ${cosines[name].toFixed(6)} |`);
}
