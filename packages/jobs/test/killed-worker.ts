// A worker as a program of its own, to be killed: works on every shard of the store named on its command line, slowly.

import { createHash } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { folderStore, readJob, workShard } from "../src/index.js";

const store = folderStore(process.argv[2] ?? "");
const job = await readJob(store);
for (const shard of job.shards.keys()) {
  await workShard(store, job, shard, {
    async embed(rows) {
      await wait(3);
      const failed = rows.flatMap(({ uri }, row) => (uri.endsWith("5.png") ? [{ row, code: "not_an_image" }] : []));
      const good = rows.filter(({ uri }) => !uri.endsWith("5.png"));
      const bytes = Buffer.concat(good.map(({ uri }) => createHash("sha256").update(uri).digest()));
      return { bytes, ending: "bin", rows: good.length, failed };
    },
  });
}
