// Workers that are told no shard: what one has begun is left to the end by the others.

import { describe, expect, it } from "vitest";
import { folderStore, jobStatus, type WorkOptions, workAll, workShard } from "../src/index.js";
import { place, planned } from "./made-up-job.js";
import { embedMadeUp, inOne, MADE_UP } from "./made-up-work.js";

/** The shards in the order in which they were ended. */
const worked = async (of: Parameters<typeof workAll>) => {
  const found: number[] = [];
  for await (const { shard } of workAll(...of)) found.push(shard);
  return found;
};

describe("work on all shards", () => {
  it("leaves those that another worker has begun, or died of, to the end, and notes its own", async () => {
    const store = folderStore(place());
    const job = await planned(store, 50);
    for (const shard of [0, 3]) await store.put(`begun/0000${shard}.json`, new Uint8Array());
    const begun: string[][] = [];
    const embed: WorkOptions["embed"] = inOne(async (rows) => {
      begun.push(await store.list("begun"));
      return embedMadeUp(rows);
    });
    expect(await worked([store, job, { ...MADE_UP, chunkRows: 10, embed }])).toEqual([1, 2, 4, 0, 3]);
    expect(begun[0]).toEqual(["00000.json", "00001.json", "00003.json"]);
    expect(await jobStatus(store, job)).toMatchObject({ shards: { committed: 5 }, begun: [] });
    expect(await store.list("begun")).toEqual([]);
  });

  it("goes on alike in a store that takes no notes, and leaves none of a shard whose plan is torn", async () => {
    const store = folderStore(place());
    const job = await planned(store, 30);
    await workShard(store, job, 1, MADE_UP);
    const noted = (key: string) => key.startsWith("begun/");
    const silent = {
      ...store,
      create: (key: string, bytes: Uint8Array) => (noted(key) ? Promise.reject(new Error("no")) : store.create(key, bytes)),
      put: (key: string, bytes: Uint8Array) => (noted(key) ? Promise.reject(new Error("no")) : store.put(key, bytes)),
    };
    const [plan = ""] = await store.list("plan");
    await store.put(`plan/${plan}`, new Uint8Array());
    expect(await worked([store, job, { ...MADE_UP, embed: inOne(() => Promise.reject(new Error("stop"))) }])).toEqual([0, 2]);
    expect(await store.list("begun")).toEqual([]);
    expect(await worked([silent, job, MADE_UP])).toEqual([0, 2]);
    expect(await jobStatus(store, job)).toMatchObject({ shards: { committed: 2 } });
  });

  it("shared by workers that begin at one moment and one place is hardly done twice", async () => {
    const store = folderStore(place());
    const job = await planned(store, 400);
    let rows = 0;
    const embed = inOne(async (some) => {
      rows += some.length;
      return embedMadeUp(some);
    });
    await Promise.all([1, 2, 3, 4].map(() => worked([store, job, { ...MADE_UP, embed }])));
    expect(rows).toBeGreaterThanOrEqual(400);
    // of the last shards, which they share
    expect(rows).toBeLessThanOrEqual(400 + 4 * 10);
    expect(await jobStatus(store, job)).toMatchObject({ shards: { committed: 40 } });
  });
});
