// Speed and size of a full-size ViT-B/16 image tower in int8 beside float32, on onnxruntime's cpu at batch 1. Weights are random, so the
// cosine says that the arithmetic is right, not how much a trained model loses.
//   npx tsc -b packages/graph && node packages/graph/bench/int8-image-tower.mjs [threads 2] [layers 12] [forms fp32,int8,rows,w8,w8a8]
import { GraphBuilder, quantizeDynamicInt8, quantizeRowInt8, quantizeWeightOnly, serializeModel, tensorOf } from "@biovlm/graph";
import * as ort from "onnxruntime-node";

const threads = Number(process.argv[2] ?? 2);
const layers = Number(process.argv[3] ?? 12);
const forms = (process.argv[4] ?? "fp32,int8,rows,w8,w8a8").split(",");
const [W, heads, inner, grid, P, D] = [768, 12, 3072, 14, 16, 512];
let seed = 1;
function random() {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return seed / 2147483648;
}
const normal = () => Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
const tensor = (shape, of) => tensorOf("float32", shape, Float32Array.from({ length: shape.reduce((p, d) => p * d, 1) }, of));

function tower() {
  const b = new GraphBuilder("image-tower");
  const weight = (...shape) => b.constant(tensor(shape, () => normal() * 0.04));
  const linear = (x, n, k, bias = true) => b.linear(x, weight(n, k), bias ? weight(n) : undefined);
  const norm = (x) => b.layerNormalization(x, b.constant(tensor([W], () => 1 + normal() * 0.3)), weight(W), 1e-6);
  const split = (x, perm) => b.transpose(b.reshape(x, ["keep", "keep", heads, W / heads]), perm);
  const pixels = b.input("pixels", "float32", ["B", 3, grid * P, grid * P]);
  const cut = b.transpose(b.reshape(pixels, ["B", 3, grid, P, grid, P]), [0, 2, 4, 1, 3, 5]);
  const patches = b.add(linear(b.reshape(cut, ["B", grid * grid, 3 * P * P]), W, 3 * P * P), weight(grid * grid, W));
  let x = b.concat([b.expand(weight(1, 1, W), ["B", 1, W]), patches], 1);
  for (let i = 0; i < layers; i++) {
    const h = norm(x);
    const first = (v) => (i === layers - 1 ? b.slice(v, { axis: 1, start: 0, end: 1 }) : v);
    const q = b.mul(split(linear(first(h), W, W), [0, 2, 1, 3]), (W / heads) ** -0.5);
    const p = b.softmax(b.matmul(q, split(linear(h, W, W), [0, 2, 3, 1])));
    const mixed = b.transpose(b.matmul(p, split(linear(h, W, W), [0, 2, 1, 3])), [0, 2, 1, 3]);
    x = b.add(first(x), linear(b.reshape(mixed, ["B", i === layers - 1 ? 1 : 1 + grid * grid, W]), W, W));
    x = b.add(x, linear(b.gelu(linear(norm(x), inner, W)), W, inner));
  }
  b.output("embedding", linear(norm(b.reshape(b.slice(x, { axis: 1, start: 0, end: 1 }), ["B", W])), D, W, false));
  return b.build();
}

const graph = tower();
const build = {
  fp32: () => graph,
  int8: () => quantizeDynamicInt8(graph),
  rows: () => quantizeRowInt8(graph),
  w8: () => quantizeWeightOnly(graph, 8, { blockSize: 128 }),
  w8a8: () => quantizeWeightOnly(graph, 8, { blockSize: 128, integerActivations: true }),
};
const pixels = new ort.Tensor("float32", Float32Array.from({ length: 3 * (grid * P) ** 2 }, normal), [1, 3, grid * P, grid * P]);
let reference;
let base;
for (const form of forms) {
  const t0 = performance.now();
  const { model } = serializeModel(build[form]());
  const written = performance.now() - t0;
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: threads });
  let best = Number.POSITIVE_INFINITY;
  let out;
  for (let i = 0; i < 12; i++) {
    const t = performance.now();
    out = (await session.run({ pixels })).embedding.data;
    best = Math.min(best, performance.now() - t);
  }
  await session.release();
  reference ??= out;
  base ??= best;
  const dot = (a, b) => a.reduce((s, v, i) => s + v * b[i], 0);
  const cosine = dot(out, reference) / Math.sqrt(dot(out, out) * dot(reference, reference));
  const size = (model.byteLength / 1e6).toFixed(1).padStart(6);
  console.log(
    `${form.padEnd(5)} ${size} MB  ${best.toFixed(1).padStart(6)} ms  ${(base / best).toFixed(2)}x  cosine ${cosine.toFixed(5)}  written in ${(written / 1000).toFixed(1)} s`,
  );
}
