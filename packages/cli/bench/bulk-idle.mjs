// How long a bulk worker's encoder waits for images, and how many bytes are read for them: a shard's chunks as `biovlm bulk work` has them, over real JPEGs
// in a folder, from a bucket (versitygw on this machine), and from one that is so many milliseconds away; with a stand-in for an encoder that takes so
// long for each batch and no processor, as a GPU does.
//   npm run build && node packages/cli/bench/bulk-idle.mjs [--images FOLDER] [--count 1024] [--batch-ms 100] [--away-ms 40] [--rounds 3] [--port 17070]
// Prints a line for each place: wall seconds, share of them in which the encoder had nothing to do, images/s, bytes read ÷ bytes of the images.
// What must be idle: the first batch has to come, and where images cannot be read and decoded as fast as they are encoded, all are waited for.
// Images are taken from $BIOVLM_SHARED/data or ../shared/data (ham10000) unless given.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { homedir, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { loadCore } from "@biovlm/core";
import { imageFolder, shardWorker } from "@biovlm/engine/bulk";
import { folderRows, folderStore, planJob, workAll } from "@biovlm/jobs";
import { S3Client, s3Images, s3Place, s3Rows } from "@biovlm/jobs/s3";

const text = (value) => ({ type: "string", default: value });
const options = {
  images: { type: "string" },
  count: text("1024"),
  "batch-ms": text("100"),
  "away-ms": text("40"),
  rounds: text("3"),
  port: text("17070"),
};
const { values } = parseArgs({ options });
const [count, batchMs, awayMs, rounds] = [values.count, values["batch-ms"], values["away-ms"], values.rounds].map(Number);
const source = resolve(values.images ?? join(process.env.BIOVLM_SHARED ?? resolve("../shared"), "data/ham10000/images"));
const scratch = mkdtempSync(join(tmpdir(), "bulk-idle-"));
process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));

const D = 512;
const BATCH = 16;
const files = {
  ...{ exif: "apply", frame: "middle", plane: "axial", window: "file", range: "file", ultrasoundRegion: false },
  ...{ batch: BATCH, maxImageBytes: 2 ** 26, maxPixels: 1e8 },
};
const model = { name: "stand-in", digest: "none", spec: { embedDim: D, mean: [0, 0, 0], std: [1, 1, 1], vision: { imageSize: 224 } } };
const core = await loadCore({ deterministic: true });

/** Seconds of work on all rows, and of those in which a batch was with the encoder. */
async function worked(images, rows) {
  let [busy, batches] = [0, 0];
  const encoder = {
    ...{ name: "stand-in", spec: model.spec },
    capabilities: { device: "cpu", precision: "fp32", maxBatch: BATCH, gradients: false, deterministic: true },
    async encodeImages(_, n) {
      const from = performance.now();
      await wait(batchMs);
      busy += performance.now() - from;
      batches++;
      return { data: new Float32Array(n * D).fill(1), shape: [n, D] };
    },
    async close() {},
  };
  const worker = shardWorker({ core, encoder, model, images, files, embeddings: "normalized", readAhead: { bytes: 2 ** 28, atOnce: 16 } });
  const store = folderStore(mkdtempSync(join(scratch, "store-")));
  const { job } = await planJob(store, rows, { source: "/images", facts: {} });
  const from = performance.now();
  for await (const step of workAll(store, job, { chunkRows: 64, ...worker })) if ("error" in step) throw step.error;
  const wall = performance.now() - from;
  if (batches < rows.length / BATCH) throw new Error(`${batches} batches`);
  return { wall: wall / 1000, idle: 1 - busy / wall };
}

async function said(where, images, rows, bytesRead) {
  const size = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  const runs = [];
  const before = bytesRead();
  for (let round = 0; round < rounds; round++) runs.push(await worked(images, rows));
  const { wall, idle } = runs.toSorted((a, b) => a.idle - b.idle)[rounds >> 1];
  const read = (bytesRead() - before) / rounds / size;
  console.log(
    `${where}: ${wall.toFixed(2)} s, idle ${(idle * 100).toFixed(1)} %, ${(rows.length / wall).toFixed(0)} images/s, bytes read ${read.toFixed(3)} times`,
  );
}

const all = async (rows) => {
  const found = [];
  for await (const row of rows) found.push(row);
  return found;
};
const folder = mkdtempSync(join(scratch, "images-"));
for (const name of readdirSync(source).sort().slice(0, count)) symlinkSync(join(source, name), join(folder, name));
console.log(
  `${count} images, ${batchMs} ms a batch of ${BATCH}: at most ${((1000 * BATCH) / batchMs).toFixed(0)} images/s; load ${loadavg()[0].toFixed(1)}`,
);
/** What this process read of files, Linux: of the images, and of code that was not loaded yet. */
const rchar = () => Number(/rchar: (\d+)/.exec(readFileSync("/proc/self/io", "utf8"))[1]);
const rows = await all(folderRows(folder));
await worked(imageFolder(folder, files), rows.slice(0, 64));
await said("folder", imageFolder(folder, files), rows, rchar);
const [gateway] = [...(process.env.PATH ?? "").split(":"), join(homedir(), "go/bin")]
  .map((each) => join(each, "versitygw"))
  .filter(existsSync);
if (gateway === undefined) console.log("no bucket: no versitygw (go install github.com/versity/versitygw/cmd/versitygw@latest)");
else {
  for (const name of ["data/bucket", "side"]) mkdirSync(join(scratch, name), { recursive: true });
  const keys = { AWS_ACCESS_KEY_ID: "access", AWS_SECRET_ACCESS_KEY: "secret" };
  const address = `127.0.0.1:${values.port}`;
  const words = [
    "--access",
    "access",
    "--secret",
    "secret",
    "--port",
    address,
    "posix",
    "--sidecar",
    join(scratch, "side"),
    join(scratch, "data"),
  ];
  const server = spawn(gateway, words, { stdio: "ignore" });
  process.once("exit", () => server.kill("SIGKILL"));
  // a server that is not up yet is tried again
  const client = new S3Client(s3Place("s3://bucket/images", { ...keys, AWS_ENDPOINT_URL_S3: `http://${address}` }));
  for (const name of readdirSync(folder)) await client.call({ method: "PUT", key: name, body: readFileSync(join(folder, name)) });
  const objects = await all(s3Rows(client));
  const plain = globalThis.fetch;
  let [bytes, away] = [0, 0];
  globalThis.fetch = async (...words) => {
    await wait(away);
    const answer = await plain(...words);
    if (words[0].method === "GET") bytes += Number(answer.headers.get("content-length"));
    return answer;
  };
  const images = s3Images(client, { maxImageBytes: files.maxImageBytes });
  await said("bucket", images, objects, () => bytes);
  away = awayMs;
  await said(`bucket, ${awayMs} ms away`, images, objects, () => bytes);
  server.kill();
}
console.log(`load ${loadavg()[0].toFixed(1)}`);
