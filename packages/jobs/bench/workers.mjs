// How a job's speed grows with its workers, and what a stop in its middle costs: each worker a process of its own, all on one store in a folder, with a
// stand-in for an encoder that takes so long for each batch and no processor, so that what is seen is the store's share. Rows of 128 bytes, batches of
// 16, chunks of 64 and shards of 512.
//   npm run build && node packages/jobs/bench/workers.mjs [--rows 16384] [--batch-ms 40] [--workers 1,2,4,8]
// Prints a line for each number of workers: seconds from the moment that all are ready to the last commit, rows a second, the share of so many
// times one worker's, rows embedded ÷ rows, and whether the committed files are those of the first line. Last, one worker that is killed (-9) halfway and
// another one that goes on.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { collectGarbage, folderStore, planJob, readJob, workAll } from "../dist/index.js";

const BATCH = 16;
const ROW_BYTES = 128;
const text = (value) => ({ type: "string", default: value });
const { values } = parseArgs({
  options: { rows: text("16384"), "batch-ms": text("40"), workers: text("1,2,4,8"), work: { type: "string" }, turn: text("0") },
});
const [rows, batchMs] = [Number(values.rows), Number(values["batch-ms"])];

async function work(folder) {
  const store = folderStore(folder);
  const job = await readJob(store);
  // a mark for each row that was given to the encoder, as a killed worker cannot say
  const notes = openSync(join(folder, "notes"), "a");
  async function* embed(some) {
    for (let at = 0; at < some.length; at += BATCH) {
      const batch = some.slice(at, at + BATCH);
      writeSync(notes, "x".repeat(batch.length));
      await wait(batchMs);
      const bytes = Buffer.concat(batch.map(({ uri }) => Buffer.alloc(ROW_BYTES, createHash("sha256").update(uri).digest())));
      yield { rows: batch.length, bytes };
    }
  }
  const joined = async (pieces, some) => ({ parts: [{ bytes: Buffer.concat(pieces), ending: "bin" }], rows: some.length, failed: [] });
  writeFileSync(join(folder, `ready-${process.pid}`), "");
  while (!existsSync(join(folder, "go"))) await wait(5);
  const turn = createHash("sha256").update(values.turn).digest().readUInt32LE(0);
  for await (const step of workAll(store, job, { chunkRows: 64, embed, join: joined, turn })) if ("error" in step) throw step.error;
  closeSync(notes);
}

function* made() {
  for (let i = 0; i < rows; i++) yield { uri: `series-${i % 64}/image-${i}.dcm`, size: 500_000 };
}

/** Starts workers on a new store; the moment when all are ready, and what ends when they end. */
async function begun(count, folder = mkdtempSync(join(tmpdir(), "bulk-workers-"))) {
  if (!existsSync(join(folder, "job.json"))) await planJob(folderStore(folder), made(), { source: "/images", facts: {}, shardRows: 512 });
  const children = Array.from({ length: count }, (_, i) =>
    spawn(process.execPath, [import.meta.filename, "--work", folder, "--batch-ms", String(batchMs), "--turn", `worker ${i}`], {
      stdio: "inherit",
    }),
  );
  const ends = children.map((child) => new Promise((end) => child.once("exit", (code, signal) => end(code ?? signal))));
  const ready = () => children.every(({ pid }) => existsSync(join(folder, `ready-${pid}`)));
  while (!ready()) await wait(5);
  writeFileSync(join(folder, "go"), "");
  return { folder, children, from: performance.now(), ends: Promise.all(ends) };
}

async function digest(folder) {
  const store = folderStore(folder);
  await collectGarbage(store, await readJob(store));
  const hash = createHash("sha256");
  for (const below of ["commits", "parts"])
    for (const name of readdirSync(join(folder, below)).sort()) hash.update(name).update(readFileSync(join(folder, below, name)));
  return hash.digest("hex").slice(0, 16);
}

const embedded = (folder) => statSync(join(folder, "notes")).size / rows;

if (values.work !== undefined) await work(values.work);
else {
  let one;
  let first;
  console.log(`${rows} rows, ${batchMs} ms a batch of ${BATCH}; load ${loadavg()[0].toFixed(1)}`);
  for (const count of values.workers.split(",").map(Number)) {
    const { folder, from, ends } = await begun(count);
    const codes = await ends;
    const seconds = (performance.now() - from) / 1000;
    if (codes.some((code) => code !== 0)) throw new Error(`ended with ${codes}`);
    one ??= seconds * count;
    const bytes = await digest(folder);
    first ??= bytes;
    console.log(
      `${count} workers: ${seconds.toFixed(2)} s, ${(rows / seconds).toFixed(0)} rows/s, ${(one / seconds / count).toFixed(3)} of linear, embedded ${embedded(folder).toFixed(4)} times, ${bytes === first ? "the same bytes" : "OTHER BYTES"}; load ${loadavg()[0].toFixed(1)}`,
    );
    rmSync(folder, { recursive: true });
  }
  const { folder, children, ends } = await begun(1);
  while (embedded(folder) < 0.5) await wait(20);
  children[0].kill("SIGKILL");
  await ends;
  const [code] = await (await begun(1, folder)).ends;
  if (code !== 0) throw new Error(`ended with ${code}`);
  console.log(
    `killed halfway: embedded ${embedded(folder).toFixed(4)} times, ${(await digest(folder)) === first ? "the same bytes" : "OTHER BYTES"}`,
  );
  rmSync(folder, { recursive: true });
}
