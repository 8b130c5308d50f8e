// How planning and status grow with the rows of a job: made-up rows, a folder of its own, no images.
//   npm run build && node packages/jobs/bench/growth.mjs 10000 100000 1000000 10000000
// One process a size, so that the memory of one says nothing of another. Commits are made for every shard, as workers would.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { folderStore, jobStatus, openShards, planJob, workAll } from "../dist/index.js";

function* rows(count) {
  for (let i = 0; i < count; i++) yield { uri: `series-${i % 4096}/image-${i}.dcm`, size: 500_000 + (i % 1013) };
}

async function measure(count) {
  const folder = mkdtempSync(join(tmpdir(), "biovlm-growth-"));
  let most = 0;
  const look = () => {
    most = Math.max(most, process.memoryUsage.rss());
  };
  try {
    const store = folderStore(folder);
    let from = performance.now();
    const { job } = await planJob(store, rows(count), { source: "/images", facts: { model: "none" }, onShard: look });
    const plan = (performance.now() - from) / 1000;
    const planned = most;
    const join = async (_chunks, some) => ({ parts: [{ bytes: new Uint8Array(1), ending: "bin" }], rows: some.length, failed: [] });
    for await (const _ of workAll(store, job, { chunkRows: 65_536, embed: async () => new Uint8Array(0), join }));
    from = performance.now();
    const status = await jobStatus(store, job);
    const seconds = (performance.now() - from) / 1000;
    look();
    const open = (await openShards(store, job)).length;
    return {
      rows: count,
      shards: job.shards.length,
      planSeconds: plan,
      planRssMB: planned / 2 ** 20,
      statusSeconds: seconds,
      committed: status.shards.committed,
      open,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const sizes = process.argv.slice(2).map(Number);
if (sizes.length > 1) for (const size of sizes) process.stdout.write(execFileSync(process.execPath, [import.meta.filename, String(size)]));
else console.log(JSON.stringify(await measure(sizes[0] ?? 10_000)));
