// How a job grows with its rows: plan, work, status, verify and merge, each in a process of its own, so that the memory of one says nothing of
// another. Rows are made up and cost nothing to embed: 128 bytes each, in pieces of 16, chunks of 64 and shards of 4096 as `biovlm bulk` has them.
//   npm run build && node packages/jobs/bench/growth.mjs 10000 100000 1000000
//   node packages/jobs/bench/growth.mjs --only plan,status 10000000      (commits without work)
// Prints a line of JSON for each size: seconds and the most memory (RSS, MB) of each step; rest is a process that did nothing.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { folderStore, jobStatus, mergeJob, planJob, readJob, verifyJob, workAll } from "../dist/index.js";

const ROW_BYTES = 128;
const PIECE_ROWS = 16;

function* rows(count) {
  for (let i = 0; i < count; i++) yield { uri: `series-${i % 4096}/image-${i}.dcm`, size: 500_000 + (i % 1013) };
}

async function* embed(some) {
  for (let at = 0; at < some.length; at += PIECE_ROWS) {
    const rows = Math.min(PIECE_ROWS, some.length - at);
    yield { rows, bytes: Buffer.alloc(rows * ROW_BYTES, at) };
  }
}

const joinPieces = async (pieces, some) => ({ parts: [{ bytes: Buffer.concat(pieces), ending: "bin" }], rows: some.length, failed: [] });

async function worked(store, options) {
  for await (const step of workAll(store, await readJob(store), { join: joinPieces, ...options })) if ("error" in step) throw step.error;
}

/** What each step does; what it gives is checked, so that a step that does nothing is no fast one. */
const STEPS = {
  rest: async () => {},
  plan: async (store, count) => {
    const planned = await planJob(store, rows(count), { source: "/images", facts: { model: "none" } });
    if (planned.rows !== count) throw new Error(`planned ${planned.rows} rows`);
  },
  work: (store) => worked(store, { chunkRows: 64, embed }),
  /** every shard committed, and nothing worked on */
  commits: (store) => {
    const none = async function* (some) {
      yield { rows: some.length, bytes: new Uint8Array(0) };
    };
    return worked(store, { chunkRows: 65_536, embed: none });
  },
  status: async (store, count) => {
    const { rows } = await jobStatus(store, await readJob(store));
    if (rows.embedded !== count) throw new Error(`${rows.embedded} rows embedded`);
  },
  verify: async (store) => {
    const faults = await verifyJob(store, await readJob(store));
    if (faults.length > 0) throw new Error(`${faults.length} faults`);
  },
  merge: async (store) => void (await mergeJob(store, await readJob(store))),
};
const ALL = ["rest", "plan", "work", "status", "verify", "merge"];

const words = process.argv.slice(2);
if (words[0] === "--step") {
  const [, step, folder, count] = words;
  const from = performance.now();
  await STEPS[step](folderStore(folder), Number(count));
  // maxRSS is in KiB
  console.log(JSON.stringify({ seconds: (performance.now() - from) / 1000, rssMB: process.resourceUsage().maxRSS / 1024 }));
} else {
  const only = words[0] === "--only" ? words.splice(0, 2)[1].split(",") : ALL;
  const steps =
    only.includes("work") || !only.includes("status") ? only : only.flatMap((step) => (step === "status" ? ["commits", step] : [step]));
  for (const count of words.length === 0 ? [10_000] : words.map(Number)) {
    const folder = mkdtempSync(join(tmpdir(), "biovlm-growth-"));
    try {
      const line = { rows: count };
      for (const step of steps) {
        const said = JSON.parse(
          execFileSync(process.execPath, [import.meta.filename, "--step", step, folder, String(count)], { encoding: "utf8" }),
        );
        line[step] = { seconds: Number(said.seconds.toFixed(3)), rssMB: Math.round(said.rssMB) };
      }
      console.log(JSON.stringify(line));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}
