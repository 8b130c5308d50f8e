import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { bundleForNode, cases, seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import {
  checkFacts,
  chosenShard,
  collectGarbage,
  folderStore,
  jobStatus,
  mergeJob,
  openShards,
  type PlanRow,
  prometheusText,
  verifyJob,
  type WorkOptions,
  workShard,
} from "../src/index.js";
import { readShard } from "../src/job.js";
import { committed, FACTS, place, planned } from "./made-up-job.js";
import { embedMadeUp, inOne, MADE_UP } from "./made-up-work.js";

async function worked(rows = 35) {
  const folder = place();
  const store = folderStore(folder);
  const job = await planned(store, rows);
  for (const shard of job.shards.keys()) await workShard(store, job, shard, MADE_UP);
  return { folder, store, job };
}

describe("working on shards", () => {
  it("gives each row once, embedded or failed, and a second run does nothing", async () => {
    const { store, job } = await worked();
    expect(await jobStatus(store, job)).toMatchObject({
      shards: { total: 4, committed: 4, failed: 0 },
      rows: { total: 35, embedded: 32, failed: 3 },
    });
    const embed = () => Promise.reject(new Error("asked again"));
    expect(await workShard(store, job, 2, { ...MADE_UP, embed: inOne(embed) })).toBe("present");
  });

  it("is named by the status while it has no end: of a worker that is gone too, until the shard is committed or fails", async () => {
    const store = folderStore(place());
    const job = await planned(store, 35);
    // nothing comes after this embed, as after a kill
    let reached = () => {};
    const inside = new Promise<void>((done) => {
      reached = done;
    });
    const embed = () => {
      reached();
      return new Promise<never>(() => {});
    };
    void workShard(store, job, 2, { ...MADE_UP, embed: inOne(embed) });
    await inside;
    expect((await jobStatus(store, job)).begun).toEqual([2]);
    expect(prometheusText(await jobStatus(store, job))).toMatch(/^biovlm_bulk_shards_begun\{job="\w{16}",state="open"\} 1$/m);
    await expect(workShard(store, job, 1, { ...MADE_UP, embed: inOne(() => Promise.reject(new Error("no"))) })).rejects.toThrow("no");
    expect(await jobStatus(store, job)).toMatchObject({ begun: [2], shards: { failed: 1 } });
    expect(await workShard(store, job, 2, MADE_UP)).toBe("committed");
    expect((await jobStatus(store, job)).begun).toEqual([]);
    // a worker that lost and was killed leaves its note behind the commit
    await store.put("begun/00002.json", new Uint8Array());
    expect((await jobStatus(store, job)).begun).toEqual([]);
    expect(await collectGarbage(store, job)).toContain("begun/00002.json");
  });

  it("gives the same bytes for one worker, two at once and one that goes on in another order", async () => {
    const one = await worked();
    const two = { folder: place() };
    const store = folderStore(two.folder);
    const job = await planned(store, 35);
    const outcomes = await Promise.all([0, 1, 2, 3, 3, 2, 1, 0].map((shard) => workShard(store, job, shard, MADE_UP)));
    expect(outcomes.filter((outcome) => outcome === "committed")).toHaveLength(4);
    expect(committed(two.folder)).toEqual(committed(one.folder));
  });

  it("lets one of two different parts count, and gc removes the other", async () => {
    const folder = place();
    const store = folderStore(folder);
    const job = await planned(store, 10);
    let both = 0;
    const joined = (mark: number) => async () => {
      both++;
      while (both < 2) await wait(1);
      return { parts: [{ bytes: Uint8Array.of(mark), ending: "bin" }], rows: 10, failed: [] };
    };
    const outcomes = await Promise.all([1, 2].map((mark) => workShard(store, job, 0, { ...MADE_UP, join: joined(mark) })));
    expect(outcomes.sort()).toEqual(["committed", "lost"]);
    expect(readdirSync(join(folder, "parts"))).toHaveLength(2);
    expect(await collectGarbage(store, job)).toHaveLength(1);
    expect(await collectGarbage(store, job)).toEqual([]);
    expect(await verifyJob(store, job)).toEqual([]);
  });

  it("leaves parts of shards without a commit to their workers", async () => {
    const { store, job, folder } = await worked();
    await store.remove("commits/00001.json");
    expect(await collectGarbage(store, job)).toEqual([]);
    expect(readdirSync(join(folder, "parts"))).toHaveLength(4);
  });

  it("notes a shard that failed, and forgets the note when it is committed", async () => {
    const store = folderStore(place());
    const job = await planned(store, 20);
    const fault = Object.assign(new Error("no device"), { code: "no_backend" });
    await expect(workShard(store, job, 1, { ...MADE_UP, embed: inOne(() => Promise.reject(fault)) })).rejects.toBe(fault);
    expect((await jobStatus(store, job)).shards).toEqual({ total: 2, committed: 0, failed: 1 });
    expect((await jobStatus(store, job)).failures).toEqual([{ shard: 1, code: "no_backend", tries: 1, givenUp: false }]);
    const other = Object.assign(new Error("full"), { code: "disk_full" });
    await expect(workShard(store, job, 1, { ...MADE_UP, embed: inOne(() => Promise.reject(other)) })).rejects.toBe(other);
    const status = await jobStatus(store, job);
    expect(status.failures).toEqual([{ shard: 1, code: "disk_full", tries: 2, givenUp: false }]);
    const name = `job="${job.id.slice(0, 16)}"`;
    expect(prometheusText(status)).toContain(`biovlm_bulk_shard_failures{${name},shard="1",code="disk_full",given_up="false"} 2\n`);
    expect(prometheusText(status)).toContain(`biovlm_bulk_shards_failed{${name},code="disk_full"} 1\n`);
    for (const text of [
      "torn",
      `${JSON.stringify({ job: job.id, shard: 1, code: 'x"} 1' })}\n`,
      '{"job":"another","shard":1,"code":"a"}',
    ]) {
      await store.put("failed/00001.json", new TextEncoder().encode(text));
      expect((await jobStatus(store, job)).failures).toEqual([{ shard: 1, code: "unknown", givenUp: false }]);
    }
    await workShard(store, job, 1, MADE_UP);
    expect((await jobStatus(store, job)).shards).toEqual({ total: 2, committed: 1, failed: 0 });
    expect(await store.list("failed")).toEqual([]);
  });

  it("refuses a part that leaves rows out", async () => {
    const store = folderStore(place());
    const job = await planned(store, 10);
    const join = async () => ({ parts: [], rows: 9, failed: [] });
    await expect(workShard(store, job, 0, { ...MADE_UP, join })).rejects.toMatchObject({ code: "bad_argument" });
    expect(await store.list("commits")).toEqual([]);
  });

  it("commits nothing after its signal and notes no failure", async () => {
    const store = folderStore(place());
    const job = await planned(store, 10);
    const stop = new AbortController();
    const embed = async (rows: readonly PlanRow[]) => {
      stop.abort(new Error("stopped"));
      return embedMadeUp(rows);
    };
    await expect(workShard(store, job, 0, { ...MADE_UP, embed: inOne(embed), signal: stop.signal })).rejects.toThrow();
    expect([...(await store.list("commits")), ...(await store.list("failed"))]).toEqual([]);
  });

  it("refuses a worker whose facts are not the plan's, by name", async () => {
    const job = await planned(folderStore(place()), 10);
    expect(checkFacts(job, { ...FACTS })).toBeUndefined();
    expect(() => checkFacts(job, { ...FACTS, precision: "int8" })).toThrow(/precision — expected fp32 as planned, got int8/);
    expect(() => checkFacts(job, { ...FACTS, more: 1 })).toThrow(/more — expected undefined/);
  });
});

describe("chunks of a shard", () => {
  it("are kept as they are done, and who comes after a failure goes on from them", async () => {
    const store = folderStore(place());
    const job = await planned(store, 10);
    const asked: number[] = [];
    const embed =
      (failAt: number) =>
      async (rows: readonly PlanRow[], { first }: { readonly first: number }) => {
        asked.push(first);
        if (first === failAt) throw new Error("the device is gone");
        return embedMadeUp(rows);
      };
    await expect(workShard(store, job, 0, { ...MADE_UP, embed: inOne(embed(8)) })).rejects.toThrow("gone");
    expect(await store.list("partial")).toEqual(["00000.00000.bin", "00000.00001.bin"]);
    const told: unknown[] = [];
    const onPiece = (...words: unknown[]) => void told.push(words);
    expect(await workShard(store, job, 0, { ...MADE_UP, embed: inOne(embed(-1)), onPiece })).toBe("committed");
    expect(asked).toEqual([0, 4, 8, 8]);
    expect(told).toEqual([
      [4, false],
      [4, false],
      [2, true],
    ]);
    expect(await store.list("partial")).toEqual([]);
    expect(await verifyJob(store, job)).toEqual([]);
  });

  it("are told before their turn, in order, what another worker has of them left out, and none behind the last", async () => {
    const store = folderStore(place());
    const job = await planned(store, 18, 18);
    const told: string[] = [];
    const firsts = new Map((await readShard(store, job, 0)).map(({ uri }, row) => [uri, row]));
    const name = (rows: readonly PlanRow[]) => (rows.length === 0 ? "none" : `${firsts.get(rows[0]!.uri)}+${rows.length}`);
    let made = false;
    const pieces = async function* (rows: readonly PlanRow[], first: number) {
      const mine = first + rows.length > 16 ? rows.length : 2;
      for (let at = 0; at < rows.length; at += mine) {
        const some = rows.slice(at, at + mine);
        // another worker does the third chunk meanwhile
        if (first === 4 && !made) {
          made = true;
          const other = async (rows: readonly PlanRow[], { first }: { readonly first: number }) => {
            if (first !== 8) throw new Error("stop");
            return embedMadeUp(rows);
          };
          await workShard(store, job, 0, { ...MADE_UP, embed: inOne(other), turn: 4 }).catch(() => {});
        }
        yield { rows: some.length, bytes: await embedMadeUp(some) };
        while (first === 4 && told.at(-1) === "ahead 8+4") await wait(1);
      }
    };
    const embed: WorkOptions["embed"] = (rows, { first }) => {
      told.push(`embed ${first}+${rows.length}`);
      return pieces(rows, first);
    };
    const ahead = (rows: readonly PlanRow[]) => void told.push(`ahead ${name(rows)}`);
    expect(await workShard(store, job, 0, { ...MADE_UP, embed, ahead })).toBe("committed");
    expect(told.filter((text, at) => text !== told[at - 1])).toEqual([
      "embed 0+4",
      "ahead 4+4",
      "embed 4+4",
      "ahead 8+4",
      "ahead none",
      "embed 12+4",
      "ahead 16+2",
      "embed 16+2",
      "ahead none",
    ]);
    expect(await verifyJob(store, job)).toEqual([]);
  });

  it("count as none where they are torn, of another place or of another job", async () => {
    const [store, other] = [folderStore(place()), folderStore(place())];
    const [job, another] = [await planned(store, 30, 10), await planned(other, 31, 10)];
    const fail =
      (at: number) =>
      async (rows: readonly PlanRow[], { first }: { readonly first: number }) => {
        if (first === at) throw new Error("stop");
        return embedMadeUp(rows);
      };
    await expect(workShard(store, job, 1, { ...MADE_UP, embed: inOne(fail(8)) })).rejects.toThrow();
    await expect(workShard(other, another, 1, { ...MADE_UP, embed: inOne(fail(8)) })).rejects.toThrow();
    const kept = (await store.get("partial/00001.00001.bin"))!;
    for (const bytes of [kept.subarray(0, kept.length - 1), kept.subarray(0, 9), (await other.get("partial/00001.00000.bin"))!, kept]) {
      const again: number[] = [];
      await store.put("partial/00001.00000.bin", bytes);
      const embed = async (rows: readonly PlanRow[], { first }: { readonly first: number }) => {
        again.push(first);
        return fail(8)(rows, { first });
      };
      await expect(workShard(store, job, 1, { ...MADE_UP, embed: inOne(embed) })).rejects.toThrow();
      expect(again).toEqual([0, 8]);
    }
  });

  it.each([
    [0, 1],
    [0, 2],
    [6, 96],
    [31, 100],
  ])("are shared by two workers on one shard, whose turns are %i and %i more: hardly a chunk is done twice", async (turn, by) => {
    const [folder, alone] = [place(), place()];
    const store = folderStore(folder);
    const job = await planned(store, 400, 400);
    let rows = 0;
    const embed = async (some: readonly PlanRow[]) => {
      await wait(1);
      rows += some.length;
      return embedMadeUp(some);
    };
    const outcomes = await Promise.all(
      [turn, turn + by].map((turn) => workShard(store, job, 0, { ...MADE_UP, embed: inOne(embed), turn })),
    );
    expect(outcomes).toContain("committed");
    expect(rows).toBeGreaterThanOrEqual(400);
    expect(rows).toBeLessThanOrEqual(400 + 8 * MADE_UP.chunkRows);
    await planned(folderStore(alone), 400, 400);
    await workShard(folderStore(alone), job, 0, MADE_UP);
    await collectGarbage(store, job);
    expect(committed(folder)).toEqual(committed(alone));
  });

  it("end where another worker commits the shard", async () => {
    const store = folderStore(place());
    const job = await planned(store, 10);
    let asked = 0;
    const embed = async (rows: readonly PlanRow[]) => {
      if (asked++ === 0) expect(await workShard(store, job, 0, MADE_UP)).toBe("committed");
      return embedMadeUp(rows);
    };
    expect(await workShard(store, job, 0, { ...MADE_UP, embed: inOne(embed), turn: 1 })).toBe("lost");
    expect(asked).toBe(1);
    await collectGarbage(store, job);
    expect(await store.list("partial")).toEqual([]);
  });
});

describe("the shard that is asked for", () => {
  it("is a number, or what a Slurm array or an Indexed Job says", () => {
    expect(chosenShard("7", {})).toBe(7);
    expect(chosenShard("auto", { SLURM_ARRAY_TASK_ID: "12" })).toBe(12);
    expect(chosenShard("auto", { JOB_COMPLETION_INDEX: "0" })).toBe(0);
    expect(() => chosenShard("auto", {})).toThrow(/SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX, got neither/);
    for (const text of ["-1", "1.5", "", "x", "1e3"]) expect(() => chosenShard(text, {})).toThrow(/whole number/);
  });
});

describe("a whole job", () => {
  it("is merged into one manifest of its parts, and not before the last shard", async () => {
    const { store, job } = await worked();
    expect((await mergeJob(store, job)).map(({ shard }) => shard)).toEqual([0, 1, 2, 3]);
    expect(JSON.parse(Buffer.from((await store.get("manifest.json"))!).toString())).toMatchObject({ rows: 32, job: job.id, facts: FACTS });
    await store.remove("commits/00002.json");
    await expect(mergeJob(store, job)).rejects.toMatchObject({ code: "incomplete" });
  });

  it("is verified by content: a changed part, a missing part and a foreign commit are all named", async () => {
    const { store, job, folder } = await worked();
    const [first = "", second = ""] = await store.list("parts");
    writeFileSync(join(folder, "parts", first), "other");
    await store.remove(`parts/${second}`);
    writeFileSync(join(folder, "commits", "00003.json"), JSON.stringify({ job: "another" }));
    expect((await verifyJob(store, job)).map(({ shard }) => shard)).toEqual([0, 1, 3]);
  });

  it("says its state in Prometheus' text format", async () => {
    const { store, job } = await worked();
    const text = prometheusText(await jobStatus(store, job));
    expect(text).toContain(`biovlm_bulk_shards{job="${job.id.slice(0, 16)}",state="committed"} 4\n`);
    expect(text.split("\n").filter((line) => line !== "" && !/^(# (HELP|TYPE) )?biovlm_bulk_[a-z_]+/.test(line))).toEqual([]);
    expect(text.endsWith("\n")).toBe(true);
  });
});

describe("workers that are killed", () => {
  it("lose nothing, double nothing and waste little: kill −9 at random, two at a time, then one to the end", async () => {
    const folder = place();
    const store = folderStore(folder);
    const rows = cases(16_000);
    const job = await planned(store, rows, 400);
    const program = join(place(), "worker.mjs");
    mkdirSync(join(program, ".."), { recursive: true });
    await bundleForNode(join(import.meta.dirname, "killed-worker.ts"), program);
    const notes = join(program, "..", "rows.txt");
    writeFileSync(notes, "");
    const random = seeded(7);
    const start = () => spawn(process.execPath, [program, folder, notes], { stdio: "ignore" });
    let kills = 0;
    const left = async () => (await openShards(store, job)).length;
    for (let before = await left(); before > 1 && kills < cases(160); before = await left()) {
      const workers = [start(), start()];
      const ends = workers.map((worker) => once(worker, "exit"));
      await wait(150 + random.next() * 300);
      for (const worker of workers) kills += worker.kill("SIGKILL") ? 1 : 0;
      await Promise.all(ends);
    }
    const [code] = (await once(start(), "exit")) as [number];
    expect(code).toBe(0);
    expect(kills).toBeGreaterThan(4);
    const shards = rows / 400;
    expect(await jobStatus(store, job)).toMatchObject({
      shards: { committed: shards, failed: 0 },
      rows: { embedded: rows * 0.9, failed: rows / 10 },
    });
    expect(await verifyJob(store, job)).toEqual([]);
    const wasted = statSync(notes).size / rows - 1;
    expect(wasted).toBeGreaterThanOrEqual(0);
    expect(wasted).toBeLessThanOrEqual(0.05);
    await collectGarbage(store, job);
    const alone = { folder: place() };
    await planned(folderStore(alone.folder), rows, 400);
    for (const shard of job.shards.keys()) await workShard(folderStore(alone.folder), job, shard, MADE_UP);
    expect(committed(folder)).toEqual(committed(alone.folder));
  });
});
