// What the server's benches share: one image of noise, routes in processes of their own, and rounds of requests from another.

import { execFile, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import sharp from "sharp";

/** The built `biovlm`. */
export const BIOVLM = join(import.meta.dirname, "../../cli/dist/main.js");
const started = [];
// also where a round fails
process.once("exit", () => {
  for (const child of started) child.kill();
});

const autocannon = createRequire(import.meta.url).resolve("autocannon");

/** A PNG of 224 × 224 that compresses badly, as photographs do. */
export function noiseImage() {
  const noise = { type: "gaussian", mean: 90, sigma: 40 };
  return sharp({ create: { width: 224, height: 224, channels: 3, background: "#345", noise } })
    .png()
    .toBuffer();
}

/** Runs Node with these words. @returns where the route listens, once it has said so and, where it is ours, that it is ready */
export async function startRoute(words) {
  const child = spawn(process.execPath, words, { stdio: ["ignore", "ignore", "pipe"] });
  started.push(child);
  let said = "";
  for await (const piece of child.stderr) {
    said += piece;
    if (/listening on \S+;/.test(said) && (words[0] !== BIOVLM || /^ready/m.test(said))) break;
  }
  child.stderr.destroy();
  const listens = /listening on (\S+?)\/?;/.exec(said);
  if (listens === null) throw new Error(`the route ended before it listened: ${said}`);
  return listens[1];
}

/** One round. Latencies are as measured, without autocannon's guesses about requests it did not send. @throws where a request failed */
export async function load({ url, imageFile, seconds, connections, rate }) {
  const script = `require(${JSON.stringify(autocannon)})({ url: ${JSON.stringify(`${url}/v1/classify`)}, method: "POST", duration: ${seconds},
    connections: ${connections}, timeout: 60, ${rate === undefined ? "" : `overallRate: ${rate}, ignoreCoordinatedOmission: true,`}
    headers: { "content-type": "image/png" }, body: require("node:fs").readFileSync(${JSON.stringify(imageFile)}) }).then((r) =>
    console.log(JSON.stringify({ rps: r["2xx"] / r.duration, p50: r.latency.p50, p99: r.latency.p99, failed: r.non2xx + r.errors })))`;
  const { stdout } = await promisify(execFile)(process.execPath, ["-e", script]);
  const result = JSON.parse(stdout);
  if (result.failed > 0) throw new Error(`${result.failed} requests failed`);
  return result;
}
