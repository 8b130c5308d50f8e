// Cost of a BERT layer's backward beside its forward on onnxruntime's cpu, at BiomedCLIP's width. No figure of a whole model.
//   npx tsc -b packages/graph && node packages/graph/bench/text-tower.mjs [rows 80] [length 16] [layers 2] [threads 2]
import { differentiate, GraphBuilder, serializeModel, tensorOf } from "@biovlm/graph";
import * as ort from "onnxruntime-node";

const [rows, length, layers, threads] = [80, 16, 2, 2].map((d, i) => Number(process.argv[2 + i] ?? d));
const [W, heads, inner] = [768, 12, 3072];
let seed = 1;
function random() {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return seed / 2147483648 - 0.5;
}
const weight = (b, ...shape) =>
  b.constant(
    tensorOf(
      "float32",
      shape,
      Float32Array.from({ length: shape.reduce((p, d) => p * d) }, () => random() * 0.1),
    ),
  );

function tower() {
  const b = new GraphBuilder("tower");
  const input = b.input("x", "float32", ["n", "L", W]);
  const bias = b.unsqueeze(b.mul(b.sub(b.input("mask", "float32", ["n", "L"]), 1), 1e4), [1, 2]);
  let x = b.reshape(input, [-1, W]);
  for (let i = 0; i < layers; i++) {
    const linear = (v, n, k) => b.linear(v, weight(b, n, k), weight(b, n));
    const split = (v, perm) => b.transpose(b.reshape(v, ["n", "L", heads, W / heads]), perm);
    const q = split(linear(x, W, W), [0, 2, 1, 3]);
    const k = split(linear(x, W, W), [0, 2, 3, 1]);
    const v = split(linear(x, W, W), [0, 2, 1, 3]);
    const p = b.softmax(b.add(b.mul(b.matmul(q, k), 1 / 8), bias));
    const joined = b.reshape(b.transpose(b.matmul(p, v), [0, 2, 1, 3]), [-1, W]);
    const h = b.layerNormalization(b.add(x, linear(joined, W, W)), weight(b, W), weight(b, W), 1e-12);
    x = b.layerNormalization(b.add(h, linear(b.gelu(linear(h, inner, W)), W, inner)), weight(b, W), weight(b, W), 1e-12);
  }
  b.output("y", b.reshape(x, ["n", "L", W]));
  return b.build();
}

const { forward, backward, tape } = differentiate(tower(), { outputs: ["y"], wrt: ["x"] });
const recomputed = differentiate(tower(), { outputs: ["y"], wrt: ["x"], recompute: true }).backward;
const open = (g) => ort.InferenceSession.create(serializeModel(g).model, { intraOpNumThreads: threads });
const x = new ort.Tensor("float32", Float32Array.from({ length: rows * length * W }, random), [rows, length, W]);
const mask = new ort.Tensor("float32", new Float32Array(rows * length).fill(1), [rows, length]);

async function time(name, session, feeds) {
  await session.run(feeds);
  let best = Number.POSITIVE_INFINITY;
  let cpu = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 7; i++) {
    const c = process.cpuUsage();
    const t = performance.now();
    await session.run(feeds);
    best = Math.min(best, performance.now() - t);
    const d = process.cpuUsage(c);
    cpu = Math.min(cpu, (d.user + d.system) / 1000);
  }
  console.log(`${name.padEnd(24)} ${(best / layers).toFixed(1)} ms a layer, ${(cpu / layers).toFixed(1)} cpu-ms`);
}

const plain = await open(tower());
await time("forward", plain, { x, mask });
const f = await open(forward);
await time("forward with tape", f, { x, mask });
const out = await f.run({ x, mask });
const taped = Object.fromEntries(tape.map((t) => [t, out[t]]));
const dy = new ort.Tensor("float32", Float32Array.from({ length: rows * length * W }, random), [rows, length, W]);
const feeds = Object.fromEntries(backward.inputs.map((v) => [v.name, { ...taped, x, mask, d_y: dy }[v.name]]));
await time("backward from tape", await open(backward), feeds);
await time(
  "backward, recomputing",
  await open(recomputed),
  Object.fromEntries(recomputed.inputs.map((v) => [v.name, { x, mask, d_y: dy }[v.name]])),
);
console.log(
  `tape: ${(tape.reduce((n, t) => n + out[t].data.byteLength, 0) / layers / 2 ** 20).toFixed(1)} MiB a layer, ${tape.length / layers} values`,
);
