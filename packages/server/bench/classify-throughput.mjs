// The engine behind HTTP against a plain Fastify handler with the same decode, preprocess and session: throughput at 32 connections with
// batching on and off, then latency at half of the plain handler's throughput. The load comes from a second process; rounds are interleaved.
// Usage: node packages/server/bench/classify-throughput.mjs [--seconds 5] [--rounds 3] [--pool 1] [--threads 1]   (after npm run build)

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { cpuBackend } from "@biovlm/backend-cuda";
import { loadCore } from "@biovlm/core";
import { decodeImage } from "@biovlm/imaging/node";
import { createClassifier, templateBank, writeBank } from "@biovlm/model";
import { tinyModel } from "@biovlm/model-tiny/node";
import Fastify from "fastify";
import sharp from "sharp";
import { createEngine } from "../dist/engine/create-engine.js";

const text = (value) => ({ type: "string", default: value });
const { values } = parseArgs({ options: { seconds: text("5"), rounds: text("3"), pool: text("1"), threads: text("1") } });
const [seconds, rounds, pool, threads] = [values.seconds, values.rounds, values.pool, values.threads].map(Number);

const autocannon = createRequire(import.meta.url).resolve("autocannon");
const CLASSES = ["benign tumor", "malignant tumor", "normal"];
const [core, model] = await Promise.all([loadCore(), tinyModel()]);
const encoder = await cpuBackend({ threads }).open(model.graphs);
const bank = await templateBank({ core, encoder, model }, CLASSES);
const classifier = await createClassifier({ core, encoder, model, bank });
const image = await sharp({
  create: { width: 224, height: 224, channels: 3, background: "#345", noise: { type: "gaussian", mean: 90, sigma: 40 } },
})
  .png()
  .toBuffer();
const folder = mkdtempSync(join(tmpdir(), "bench-"));
const imageFile = join(folder, "image.png");
writeFileSync(imageFile, image);

async function serve(answer) {
  const app = Fastify();
  app.addContentTypeParser("image/png", { parseAs: "buffer" }, (_, body, done) => done(null, body));
  app.post("/classify", async (request) => ({ results: await answer(request.body) }));
  return { app, url: await app.listen({ port: 0, host: "127.0.0.1" }) };
}
const served = { serve: [{ name: "m", model: "tiny", bank: { name: "b", bytes: writeBank(bank) } }], device: "cpu", threads };
const batched = await createEngine({ ...served, pool, maxBatch: 32 });
const single = await createEngine({ ...served, pool, maxBatch: 1 });
await Promise.all([batched.ready, single.ready]);
const routes = {
  plain: await serve(async (bytes) => classifier.classify([await decodeImage(bytes)])),
  batched: await serve(async (bytes) => (await batched.engine.classify("m", [bytes])).answers),
  single: await serve(async (bytes) => (await single.engine.classify("m", [bytes])).answers),
};

/** One round of load from a process of its own. */
async function load(url, connections, rate) {
  const script = `require(${JSON.stringify(autocannon)})({ url: ${JSON.stringify(`${url}/classify`)}, method: "POST", duration: ${seconds},
    connections: ${connections}, ${rate === undefined ? "" : `overallRate: ${rate},`} headers: { "content-type": "image/png" },
    body: require("node:fs").readFileSync(${JSON.stringify(imageFile)}) }).then((r) => console.log(JSON.stringify(
      { rps: r["2xx"] / r.duration, p50: r.latency.p50, p99: r.latency.p99, failed: r.non2xx + r.errors })))`;
  const { stdout } = await promisify(execFile)(process.execPath, ["-e", script]);
  const result = JSON.parse(stdout);
  if (result.failed > 0) throw new Error(`${result.failed} requests failed`);
  return result;
}
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
async function interleaved(connections, rate) {
  const seen = Object.fromEntries(Object.keys(routes).map((name) => [name, []]));
  for (let i = 0; i < rounds; i++)
    for (const [name, { url }] of Object.entries(routes)) seen[name].push(await load(url, connections, rate));
  return Object.fromEntries(
    Object.entries(seen).map(([name, all]) => [
      name,
      Object.fromEntries(["rps", "p50", "p99"].map((k) => [k, median(all.map((r) => r[k]))])),
    ]),
  );
}

for (const { url } of Object.values(routes)) await load(url, 4);
console.log(`tiny, cpu ${threads} thread(s), pool ${pool}, ${rounds} × ${seconds} s, Node ${process.versions.node}`);
console.log("| route | load | requests/s | p50 ms | p99 ms |\n|---|---|---|---|---|");
const full = await interleaved(32);
for (const [name, r] of Object.entries(full)) console.log(`| ${name} | 32 connections | ${r.rps.toFixed(0)} | ${r.p50} | ${r.p99} |`);
const half = await interleaved(8, Math.round(full.plain.rps / 2));
for (const [name, r] of Object.entries(half)) console.log(`| ${name} | half of plain's | ${r.rps.toFixed(0)} | ${r.p50} | ${r.p99} |`);
for (const { app } of Object.values(routes)) await app.close();
await Promise.all([batched.engine.close(1000), single.engine.close(1000), encoder.close()]);
rmSync(folder, { recursive: true });
