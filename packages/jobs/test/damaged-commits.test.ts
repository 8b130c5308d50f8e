// Commits that are not what a worker wrote: told, left alone, and mended by working again.

import { describe, expect, it } from "vitest";
import { collectGarbage, folderStore, jobStatus, mergeJob, prometheusText, verifyJob, workShard } from "../src/index.js";
import { committed, place, planned } from "./made-up-job.js";
import { MADE_UP } from "./made-up-work.js";

describe("a whole job", () => {
  it("goes on around a commit that is cut or of another job, which status names, gc leaves alone and a second work mends", async () => {
    const folder = place();
    const store = folderStore(folder);
    const job = await planned(store, 35);
    for (const shard of job.shards.keys()) await workShard(store, job, shard, MADE_UP);
    const whole = committed(folder);
    const parts = await store.list("parts");
    const [cut, foreign] = ["commits/00001.json", "commits/00003.json"];
    await store.put(cut, (await store.get(cut))!.subarray(0, 40));
    await store.put(foreign, new TextEncoder().encode(JSON.stringify({ job: "another" })));
    await store.put("begun/probe-0123", new Uint8Array());
    const status = await jobStatus(store, job);
    expect(status).toMatchObject({
      damaged: [1, 3],
      shards: { total: 4, committed: 2, failed: 0 },
      rows: { embedded: 18, failed: 2 },
      begun: [],
    });
    expect(prometheusText(status)).toMatch(/state="damaged"\} 2$/m);
    expect(prometheusText(status)).toMatch(/biovlm_bulk_shards\{\S+state="waiting"\} 0$/m);
    expect(await collectGarbage(store, job)).toEqual(["begun/probe-0123"]);
    expect(await store.list("parts")).toEqual(parts);
    await expect(mergeJob(store, job)).rejects.toMatchObject({ code: "integrity" });
    const faults = await verifyJob(store, job);
    expect(faults.map(({ fault }) => /remove (it|commits\/\d{5}\.json) and work on the shard again/.test(fault))).toEqual([true, true]);
    for (const key of [cut, foreign]) await store.remove(key);
    for (const shard of job.shards.keys()) await workShard(store, job, shard, MADE_UP);
    expect(committed(folder)).toEqual(whole);
  });
});
