// `biovlm serve` against a plain Fastify handler with the same decode, preprocess and session, on the tiny model: throughput at 32 connections
// with batching on and off, then latency at half of the plain handler's throughput. Every route is a process of its own, the load comes from
// another; rounds are interleaved.
// Usage: npm run build && node packages/server/bench/classify-throughput.mjs [--seconds 3] [--rounds 7] [--pool 1] [--threads 1]

import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { cpuBackend } from "@biovlm/backend-cuda";
import { loadCore } from "@biovlm/core";
import { decodeImage } from "@biovlm/imaging/node";
import { createClassifier, templateBank } from "@biovlm/model";
import { tinyModel } from "@biovlm/model-tiny/node";
import Fastify from "fastify";
import sharp from "sharp";

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
  const autocannon = createRequire(import.meta.url).resolve("autocannon");
  const folder = mkdtempSync(join(tmpdir(), "bench-"));
  const imageFile = join(folder, "image.png");
  const noise = { type: "gaussian", mean: 90, sigma: 40 };
  writeFileSync(
    imageFile,
    await sharp({ create: { width: 224, height: 224, channels: 3, background: "#345", noise } })
      .png()
      .toBuffer(),
  );
  const main = join(import.meta.dirname, "../../cli/dist/main.js");
  const served = [
    "serve",
    ...CLASSES.flatMap((name) => ["--class", name]),
    "--device",
    "cpu",
    "--threads",
    values.threads,
    "--pool",
    values.pool,
  ];
  const programs = {
    plain: [import.meta.filename, "--plain", "--threads", values.threads],
    batched: [main, ...served, "--port", "0", "--log-level", "silent"],
    single: [main, ...served, "--port", "0", "--log-level", "silent", "--max-batch", "1"],
  };
  const routes = {};
  for (const [name, words] of Object.entries(programs)) {
    const child = spawn(process.execPath, words, { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    for await (const piece of child.stderr) {
      said += piece;
      if (/listening on \S+;/.test(said) && (name === "plain" || /^ready/m.test(said))) break;
    }
    child.stderr.destroy();
    routes[name] = { child, url: /listening on (\S+?)\/?;/.exec(said)[1] };
  }

  /** One round of load from a process of its own. Latencies are as measured, without autocannon's guesses about requests it did not send. */
  async function load(url, connections, rate) {
    const script = `require(${JSON.stringify(autocannon)})({ url: ${JSON.stringify(`${url}/v1/classify`)}, method: "POST", duration: ${seconds},
      connections: ${connections}, ${rate === undefined ? "" : `overallRate: ${rate}, ignoreCoordinatedOmission: true,`}
      headers: { "content-type": "image/png" }, body: require("node:fs").readFileSync(${JSON.stringify(imageFile)}) }).then((r) =>
      console.log(JSON.stringify({ rps: r["2xx"] / r.duration, p50: r.latency.p50, p99: r.latency.p99, failed: r.non2xx + r.errors })))`;
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
  for (let i = 0; i < 3; i++) for (const { url } of Object.values(routes)) await load(url, 32);
  console.log(`tiny, cpu ${threads} thread(s), pool ${values.pool}, medians of ${rounds} × ${seconds} s, Node ${process.versions.node}`);
  console.log("| route | load | requests/s | ÷ plain of its round | p50 ms | p99 ms | p99 − plain's |\n|---|---|---|---|---|---|---|");
  const rate = Math.round(show(await interleaved(32), "32 connections") / 2);
  show(await interleaved(8, rate), `half of plain's, ${rate}/s`);
  for (const { child } of Object.values(routes)) child.kill();
  rmSync(folder, { recursive: true });
}
