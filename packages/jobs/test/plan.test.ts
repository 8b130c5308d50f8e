import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { soak } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { folderStore, type PlanRow, planJob, readJob } from "../src/index.js";
import { planKey, readShard, sha256Of, writeJob } from "../src/job.js";
import { FACTS, madeUpRows, place, planned } from "./made-up-job.js";

describe("planning", () => {
  it("cuts rows into shards in their order and reads them back", async () => {
    const store = folderStore(place());
    const job = await planned(store, 25);
    expect(job.shards.map(({ rows }) => rows)).toEqual([10, 10, 5]);
    expect(await readJob(store)).toEqual(job);
    const back = [];
    for (const shard of job.shards.keys()) back.push(...(await readShard(store, job, shard)));
    expect(back).toEqual([...madeUpRows(25)]);
  });

  it("plans the same again as the same job and writes nothing", async () => {
    const folder = place();
    const store = folderStore(folder);
    const job = await planned(store, 25);
    const before = readdirSync(folder, { recursive: true }).sort();
    const again = await planJob(store, madeUpRows(25), { source: "/images", facts: FACTS, shardRows: 10 });
    expect(again).toMatchObject({ job: { id: job.id }, planned: false, rows: 25 });
    expect(readdirSync(folder, { recursive: true }).sort()).toEqual(before);
  });

  it("refuses another job in the same store, and the first one still reads", async () => {
    const store = folderStore(place());
    const job = await planned(store, 25);
    const refused = (why: string) => ({ code: "job_differs", message: expect.stringContaining(`got ${job.id.slice(0, 16)}: ${why}. `) });
    await expect(planned(store, 26)).rejects.toMatchObject(refused("other images, or shards of another size"));
    const [{ batch: _, ...less }, how] = [FACTS, { source: "/images", shardRows: 10 }];
    for (const [facts, source, why] of [
      [{ ...FACTS, batch: 4 }, "/images", "batch 8 there, 4 now"],
      [{ ...FACTS, device: "cpu" }, "/images", 'device none there, "cpu" now'],
      [less, "/images", "batch 8 there, none now"],
      [FACTS, "/others", "another source"],
    ] as const)
      await expect(planJob(store, madeUpRows(25), { ...how, facts, source })).rejects.toMatchObject(refused(why));
    expect(await readShard(store, job, 2)).toHaveLength(5);
  });

  it("lets one of two planners of different jobs win whole", async () => {
    const store = folderStore(place());
    const outcomes = await Promise.allSettled([planned(store, 30), planned(store, 31)]);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const job = await readJob(store);
    for (const shard of job.shards.keys()) expect(await readShard(store, job, shard)).toHaveLength(job.shards[shard]!.rows);
  });

  it.each([0, 1.5, 65_537])("refuses shards of %s rows", async (shardRows) => {
    await expect(planned(folderStore(place()), 3, shardRows)).rejects.toMatchObject({ code: "bad_argument" });
  });

  /** A series of so many files. */
  const series = (name: string, count: number): PlanRow => {
    const files = Array.from({ length: count }, (_, i) => ({ uri: `${name}/${i}.dcm`, size: i, etag: `"${i}"` }));
    return { uri: files[0]!.uri, files };
  };

  it("keeps a series' files in their order, and cuts shards by files, but no series", async () => {
    const store = folderStore(place());
    const rows: PlanRow[] = [series("a", 4), { uri: "b.png" }, series("c", 10_000), { uri: "d.png" }, { uri: "e.png" }];
    const { job } = await planJob(store, rows, { source: "/images", facts: FACTS, shardRows: 100 });
    expect(job.shards.map((shard) => shard.rows)).toEqual([3, 2]);
    const back = [];
    for (const shard of job.shards.keys()) back.push(...(await readShard(store, job, shard)));
    expect(back).toEqual(rows);
  });

  it("cuts a shard whose plan is large, and refuses a row that none can hold", async () => {
    const store = folderStore(place());
    const long = { uri: "x".repeat(4000) };
    const files = (count: number) => Array.from({ length: count }, (_, i) => ({ uri: `${i}${long.uri}` }));
    const row = (count: number) => ({ uri: files(1)[0]!.uri, files: files(count) });
    const { job } = await planJob(store, [row(3000), row(3000), row(3000)], { source: "/", facts: FACTS, shardRows: 65_536 });
    expect(job.shards.map((shard) => shard.rows)).toEqual([2, 1]);
    await expect(planJob(folderStore(place()), [row(9000)], { source: "/", facts: FACTS })).rejects.toMatchObject({
      ...{ code: "bad_argument", message: expect.stringContaining("9000 files") },
    });
  });

  it("refuses files that leave the source, when planned and when read", async () => {
    const bad = { uri: "a", files: [{ uri: "a" }, { uri: "../b" }] };
    await expect(planJob(folderStore(place()), [bad], { source: "/", facts: FACTS })).rejects.toMatchObject({ code: "bad_argument" });
    for (const row of [
      bad,
      { uri: "a", files: [{ uri: "a" }] },
      { uri: "a", files: [{ uri: "b" }, { uri: "a" }] },
      { uri: "a", files: 2 },
    ]) {
      const text = `${JSON.stringify(row)}\n`;
      const store = folderStore(place());
      await store.put(planKey(0, sha256Of(text)), gzipSync(text));
      await store.put("job.json", writeJob({ source: "/", facts: FACTS, shards: [{ rows: 1, sha256: sha256Of(text) }] }));
      await expect(readShard(store, await readJob(store), 0)).rejects.toMatchObject({ code: "integrity" });
    }
  });

  it("refuses a plan of nothing and leaves no job", async () => {
    const store = folderStore(place());
    await expect(planned(store, 0)).rejects.toMatchObject({ code: "bad_argument" });
    await expect(readJob(store)).rejects.toMatchObject({ code: "not_found" });
  });

  it.each(["", "{}", "[1]", '{"format":"biovlm-job/1","source":"a","facts":{"a":null},"shards":[]}', "\xff"])(
    "refuses a job.json that is %j",
    async (text) => {
      const folder = place();
      const store = folderStore(folder);
      await planned(store, 3);
      writeFileSync(join(folder, "job.json"), text, "latin1");
      await expect(readJob(store)).rejects.toMatchObject({ code: "integrity" });
    },
  );

  it("refuses a plan that was changed, cut or removed", async () => {
    const folder = place();
    const store = folderStore(folder);
    const job = await planned(store, 30);
    const [first = "", second = "", third = ""] = readdirSync(join(folder, "plan")).sort();
    writeFileSync(join(folder, "plan", first), "not gzip");
    const bytes = await store.get(`plan/${second}`);
    writeFileSync(join(folder, "plan", third), bytes!);
    await store.remove(`plan/${second}`);
    for (const shard of [0, 1, 2]) await expect(readShard(store, job, shard)).rejects.toMatchObject({ code: "integrity" });
    await expect(readShard(store, job, 3)).rejects.toMatchObject({ code: "not_found" });
  });

  it.skipIf(!soak)("plans ten million rows in flat memory, skipped: only in the soak", { timeout: 900_000 }, async () => {
    let most = 0;
    const store = folderStore(place());
    const { job, rows } = await planJob(store, madeUpRows(10_000_000), {
      source: "/images",
      facts: FACTS,
      onShard: () => {
        most = Math.max(most, process.memoryUsage.rss());
      },
    });
    expect(rows).toBe(10_000_000);
    expect(job.shards).toHaveLength(2442);
    expect(most).toBeLessThan(512 * 2 ** 20);
  });
});
