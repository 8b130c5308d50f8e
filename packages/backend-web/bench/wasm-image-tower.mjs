// The image tower on wasm in Node: the encoder against a bare session of the runtime on the same graph, interleaved in the same run, and one
// thread against two (a process each: the thread count is fixed at load). Weights are random, of BiomedCLIP's sizes unless --layers says less.
// Pass mark: encoder ÷ bare ≤ 1.05. Takes about 1 GB and a few minutes at full size.
// Usage: npm run build && node packages/backend-web/bench/wasm-image-tower.mjs [--layers 12] [--precision int8|fp32] [--rounds 5] [--threads 1,2]

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { wasmBackend } from "@biovlm/backend-web";
import { tensorOf } from "@biovlm/graph";
import { biomedclip, expectedShapes, modelGraphs } from "@biovlm/model/backend";
import * as ort from "onnxruntime-web";

const { values } = parseArgs({
  options: {
    layers: { type: "string", default: "12" },
    precision: { type: "string", default: "int8" },
    rounds: { type: "string", default: "5" },
    threads: { type: "string", default: "1,2" },
    child: { type: "boolean", default: false },
  },
});

if (values.child) console.log(JSON.stringify(await measure(Number(values.threads))));
else {
  console.log(
    `onnxruntime-web wasm, Node ${process.versions.node}, image tower of ${values.layers} layers, ${values.precision}, random weights`,
  );
  console.log("| threads | bare session ms/image | encoder ms/image | encoder ÷ bare |\n|---|---|---|---|");
  const rows = values.threads.split(",").map((threads) => {
    const args = ["--layers", values.layers, "--precision", values.precision, "--rounds", values.rounds, "--threads", threads, "--child"];
    const { stdout, stderr, status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...args], { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    const { bare, encoder } = JSON.parse(stdout);
    console.log(`| ${threads} | ${bare.toFixed(1)} | ${encoder.toFixed(1)} | ${(encoder / bare).toFixed(3)} |`);
    return { threads, encoder };
  });
  if (rows.length > 1)
    console.log(`scaling ${rows[0].threads} → ${rows.at(-1).threads} threads: ${(rows[0].encoder / rows.at(-1).encoder).toFixed(2)} ×`);
}

async function measure(threads) {
  const layers = Number(values.layers);
  const spec = {
    vision: { imageSize: 224, patchSize: 16, width: 768, layers, heads: 12, mlp: 3072 },
    text: { vocabularyRows: 4, maxPositions: 4, contextLength: 4, width: 8, layers: 1, heads: 1, mlp: 8, projectionHidden: 8 },
    embedDim: 512,
    logitScale: 4.6,
    mean: [0.5, 0.5, 0.5],
    std: [0.25, 0.25, 0.25],
  };
  let state = 1;
  const tensors = new Map();
  for (const [name, shape] of expectedShapes(spec)) {
    const norm = /norm.*\.weight$/i.test(name);
    const spread = shape.length > 1 ? 1 / Math.sqrt(shape.slice(1).reduce((a, b) => a * b, 1)) : 0.05;
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    for (let i = 0; i < data.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      data[i] = (norm ? 1 : 0) + spread * (state / 2 ** 31 - 1);
    }
    tensors.set(name, tensorOf("float32", shape, data));
  }
  const weights = { get: (name) => tensors.get(name), has: (name) => tensors.has(name), keys: () => [...tensors.keys()], metadata: {} };
  const graphs = modelGraphs({ backbone: biomedclip, weights, spec }, { digest: `sha256:${"0".repeat(64)}`, precision: values.precision });
  const artifact = await graphs.image("buffers");
  const encoder = await wasmBackend({ threads, maxBatch: 1 }).open({ ...graphs, image: async () => artifact });
  const pixels = Float32Array.from({ length: 3 * 224 * 224 }, (_, i) => Math.sin(i));
  await encoder.encodeImages(pixels, 1);
  const session = await ort.InferenceSession.create(artifact.model, {
    executionProviders: ["wasm"],
    ...(artifact.externalData === undefined ? {} : { externalData: artifact.externalData }),
  });
  const bareRun = () => session.run({ pixels: new ort.Tensor("float32", pixels, [1, 3, 224, 224]) });
  await bareRun();
  const best = { bare: Number.POSITIVE_INFINITY, encoder: Number.POSITIVE_INFINITY };
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, run] of [
      ["bare", bareRun],
      ["encoder", () => encoder.encodeImages(pixels, 1)],
    ]) {
      const start = performance.now();
      await run();
      best[name] = Math.min(best[name], performance.now() - start);
    }
  }
  await encoder.close();
  return best;
}
