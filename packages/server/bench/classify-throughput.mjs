// `biovlm serve` against a plain Fastify handler with the same decode, preprocess and session, on the tiny model: throughput at 32 connections
// with batching on and off, then latency at half of the plain handler's throughput. Every route is a process of its own, the load comes from
// another; rounds are interleaved.
// Usage: npm run build && node packages/server/bench/classify-throughput.mjs [--seconds 3] [--rounds 7] [--pool 1] [--threads 1]

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cpuBackend } from "@biovlm/backend-cuda";
import { loadCore } from "@biovlm/core";
import { decodeImage } from "@biovlm/imaging/node";
import { createClassifier, templateBank } from "@biovlm/model";
import { tinyModel } from "@biovlm/model-tiny/node";
import Fastify from "fastify";
import { BIOVLM, load, noiseImage, startRoute } from "./load.mjs";

const text = (value) => ({ type: "string", default: value });
const { values } = parseArgs({
  options: { seconds: text("3"), rounds: text("7"), pool: text("1"), threads: text("1"), plain: { type: "boolean" } },
});
const [seconds, rounds, threads] = [values.seconds, values.rounds, values.threads].map(Number);
const CLASSES = ["benign tumor", "malignant tumor", "normal"];

/** The peer, in a process of its own: prints where it listens. */
async function plainRoute() {
  const [core, model] = await Promise.all([loadCore(), tinyModel()]);
  const encoder = await cpuBackend({ threads }).open(model.graphs);
  const bank = await templateBank({ core, encoder, model }, CLASSES);
  const classifier = await createClassifier({ core, encoder, model, bank });
  const app = Fastify();
  app.addContentTypeParser("image/png", { parseAs: "buffer" }, (_, body, done) => done(null, body));
  app.post("/v1/classify", async (request) => ({ results: await classifier.classify([await decodeImage(request.body)]) }));
  console.error(`listening on ${await app.listen({ port: 0, host: "127.0.0.1" })};`);
}
if (values.plain) await plainRoute();
else await compare();

async function compare() {
  const folder = mkdtempSync(join(tmpdir(), "bench-"));
  const imageFile = join(folder, "image.png");
  writeFileSync(imageFile, await noiseImage());
  const served = [
    "serve",
    ...CLASSES.flatMap((name) => ["--class", name]),
    "--device",
    "cpu",
    "--threads",
    values.threads,
    "--pool",
    values.pool,
    "--port",
    "0",
    "--log-level",
    "silent",
  ];
  const programs = {
    plain: [import.meta.filename, "--plain", "--threads", values.threads],
    batched: [BIOVLM, ...served],
    single: [BIOVLM, ...served, "--max-batch", "1"],
  };
  const routes = {};
  for (const [name, words] of Object.entries(programs)) routes[name] = await startRoute(words);

  const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
  async function interleaved(connections, rate) {
    const seen = Object.fromEntries(Object.keys(routes).map((name) => [name, []]));
    for (let i = 0; i < rounds; i++)
      for (const [name, url] of Object.entries(routes)) seen[name].push(await load({ url, imageFile, seconds, connections, rate }));
    return seen;
  }
  function show(seen, label) {
    const plain = (k) => median(seen.plain.map((r) => r[k]));
    for (const [name, all] of Object.entries(seen)) {
      const [rps, p50, p99] = ["rps", "p50", "p99"].map((k) => median(all.map((r) => r[k])));
      const ratios = all.map((r, i) => r.rps / seen.plain[i].rps);
      console.log(
        `| ${name} | ${label} | ${rps.toFixed(0)} | ${median(ratios).toFixed(2)} | ${p50} | ${p99} | ${(p99 - plain("p99")).toFixed(0)} |`,
      );
    }
    return plain("rps");
  }

  // compilers settle
  for (let i = 0; i < 3; i++) for (const url of Object.values(routes)) await load({ url, imageFile, seconds, connections: 32 });
  console.log(`tiny, cpu ${threads} thread(s), pool ${values.pool}, medians of ${rounds} × ${seconds} s, Node ${process.versions.node}`);
  console.log("| route | load | requests/s | ÷ plain of its round | p50 ms | p99 ms | p99 − plain's |\n|---|---|---|---|---|---|---|");
  const rate = Math.round(show(await interleaved(32), "32 connections") / 2);
  show(await interleaved(8, rate), `half of plain's, ${rate}/s`);
  rmSync(folder, { recursive: true });
  process.exit();
}
