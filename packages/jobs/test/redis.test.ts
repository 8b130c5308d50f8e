// Shards handed out by BullMQ on a real Redis, whose workers are killed and which is itself restarted: each shard has exactly one output.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { bundleForNode, withoutProgram } from "@biovlm/testkit";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { afterAll, describe, expect, it } from "vitest";
import { collectGarbage, folderStore, jobStatus, type PlanRow, verifyJob, type WorkedShard, workShard } from "../src/index.js";
import { submitShards, workQueue } from "../src/redis/index.js";
import { committed, place, planned } from "./made-up-job.js";
import { embedMadeUp, inOne, MADE_UP } from "./made-up-work.js";

const running: ChildProcess[] = [];
afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** A server that keeps what it is told (AOF), and can be killed and started again. */
async function redis(...more: readonly string[]) {
  const port = await freePort();
  const folder = place();
  mkdirSync(folder, { recursive: true });
  const start = async () => {
    const words = [
      "--port",
      String(port),
      "--bind",
      "127.0.0.1",
      "--dir",
      folder,
      "--appendonly",
      "yes",
      "--appendfsync",
      "always",
      "--save",
      "",
      ...more,
    ];
    const child = spawn("redis-server", words, { stdio: ["ignore", "pipe", "ignore"] });
    running.push(child);
    let said = "";
    for await (const chunk of child.stdout) {
      said += String(chunk);
      if (said.includes("Ready to accept connections")) break;
    }
    return child;
  };
  let child = await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    async restart() {
      child.kill("SIGKILL");
      await once(child, "exit");
      await wait(100);
      child = await start();
    },
    stop: () => child.kill("SIGKILL"),
  };
}

/** As if so many workers had died of a shard. */
async function diedTimes(url: string, key: string, times: number): Promise<void> {
  const client = new Redis(url);
  await client.hset(key, { stc: times });
  client.disconnect();
}

const all = async (shards: AsyncIterable<WorkedShard>) => {
  const found: WorkedShard[] = [];
  for await (const one of shards) found.push(one);
  return found;
};

describe.skipIf(withoutProgram("redis-server"))("a queue on Redis", () => {
  it("hands out what has no commit, once for each submission, and tries a failed shard again", async () => {
    const { url, stop } = await redis();
    const store = folderStore(place());
    const job = await planned(store, 50);
    await workShard(store, job, 2, MADE_UP);
    expect(await submitShards(store, job, { url, attempts: 2 })).toBe(4);
    expect(await submitShards(store, job, { url, attempts: 2 })).toBe(4);
    let failures = 1;
    const embed = async (rows: readonly PlanRow[], { shard }: { readonly shard: number }) => {
      if (shard === 3 && failures-- > 0) throw new Error("once");
      return embedMadeUp(rows);
    };
    const worked = await all(workQueue(store, job, { ...MADE_UP, embed: inOne(embed), url, lockMs: 2000 }));
    expect(worked.map(({ shard }) => shard).sort()).toEqual([0, 1, 3, 3, 4]);
    expect((await jobStatus(store, job)).shards).toEqual({ total: 5, committed: 5, failed: 0 });
    expect(await submitShards(store, job, { url })).toBe(0);
    stop();
  });

  it("gives up a poison shard after its tries, with its reason in the store, and works on the others", async () => {
    const { url, stop } = await redis();
    const store = folderStore(place());
    const job = await planned(store, 30);
    await submitShards(store, job, { url, attempts: 2 });
    const embed = (rows: readonly PlanRow[], { shard }: { readonly shard: number }) =>
      shard === 1 ? Promise.reject(Object.assign(new Error("poison"), { code: "bad_output" })) : embedMadeUp(rows);
    const worked = await all(workQueue(store, job, { ...MADE_UP, embed: inOne(embed), url, lockMs: 2000 }));
    expect(worked.filter((one) => "error" in one).map(({ shard }) => shard)).toEqual([1, 1]);
    const status = await jobStatus(store, job);
    expect(status.shards).toEqual({ total: 3, committed: 2, failed: 1 });
    expect(status.failures).toEqual([{ shard: 1, code: "bad_output", tries: 2, givenUp: true }]);
    await submitShards(store, job, { url });
    expect((await jobStatus(store, job)).failures).toEqual([{ shard: 1, code: "bad_output", tries: 2, givenUp: false }]);
    stop();
  });

  it("takes up what the queue has lost, and hands on a shard however often its worker died", async () => {
    const { url, stop } = await redis();
    const store = folderStore(place());
    const job = await planned(store, 50);
    await submitShards(store, job, { url });
    const queue = new Queue(`biovlm-${job.id.slice(0, 16)}`, { connection: { url } });
    // two shards are gone from the queue; one was handed out, and its worker was the hundred-and-first to die
    for (const shard of [1, 4]) await queue.remove(`shard-${shard}`);
    const dying = new Worker(queue.name, null, { connection: { url }, lockDuration: 50, skipStalledCheck: true, autorun: false });
    expect((await dying.getNextJob("dead"))?.id).toBe("shard-0");
    await dying.close(true);
    await diedTimes(url, queue.toKey("shard-0"), 100);
    const worked = await all(workQueue(store, job, { ...MADE_UP, url, lockMs: 2000 }));
    // on a machine that is held up a shard may be handed out twice
    expect(new Set(worked.map(({ shard }) => shard))).toEqual(new Set([0, 1, 2, 3, 4]));
    expect((await jobStatus(store, job)).shards).toEqual({ total: 5, committed: 5, failed: 0 });
    await queue.close();
    stop();
  });

  it("works on the others before a shard that its workers die of", async () => {
    const { url, stop } = await redis();
    const store = folderStore(place());
    const job = await planned(store, 50);
    await submitShards(store, job, { url });
    const queue = new Queue(`biovlm-${job.id.slice(0, 16)}`, { connection: { url } });
    await diedTimes(url, queue.toKey("shard-0"), 3);
    const worked = await all(workQueue(store, job, { ...MADE_UP, url, lockMs: 2000 }));
    expect(worked.map(({ shard }) => shard)).toEqual([1, 2, 3, 4, 0]);
    await queue.close();
    stop();
  });

  it("is told by its server's own word where it lets nobody in or is full, and takes the name and password of its address", async () => {
    const { url, stop } = await redis("--requirepass", "pw", "--maxmemory-policy", "noeviction");
    const store = folderStore(place());
    const job = await planned(store, 30);
    const at = (who: string) => url.replace("//", `//${who}`);
    const client = new Redis(at(":pw@"));
    await client.call("acl", "setuser", "alice", "on", ">apw", "~*", "&*", "+@all");
    for (const [who, word] of [
      ["", "NOAUTH"],
      [":nope@", "WRONGPASS"],
      ["alice:pw@", "WRONGPASS"],
    ] as const) {
      const refused = { code: "unavailable", message: expect.stringContaining(`got ${word}. `) };
      await expect(submitShards(store, job, { url: at(who) })).rejects.toMatchObject(refused);
    }
    await expect(submitShards(store, job, { url: at("alice:pw@") })).rejects.not.toMatchObject({
      message: expect.stringContaining("alice"),
    });
    expect(await submitShards(store, job, { url: `${at("alice:apw@")}/2` })).toBe(3);
    await client.config("SET", "maxmemory", "1");
    const full = { code: "unavailable", message: expect.stringMatching(/got OOM\. .*maxmemory/) };
    await expect(submitShards(store, job, { url: `${at(":pw@")}/3` })).rejects.toMatchObject(full);
    const work = () => all(workQueue(store, job, { ...MADE_UP, url: `${at("alice:apw@")}/2`, lockMs: 2000 }));
    await expect(work()).rejects.toMatchObject(full);
    await client.config("SET", "maxmemory", "0");
    expect((await work()).length).toBeGreaterThanOrEqual(3);
    expect((await jobStatus(store, job)).shards).toMatchObject({ committed: 3 });
    client.disconnect();
    stop();
  });

  it("ends where a shard neither works nor can be noted as failed", async () => {
    const { url, stop } = await redis();
    const store = folderStore(place());
    const job = await planned(store, 20);
    const silent = {
      ...store,
      put: (key: string, bytes: Uint8Array) => (key.startsWith("failed/") ? Promise.reject() : store.put(key, bytes)),
    };
    await submitShards(store, job, { url, attempts: 1 });
    const embed = (rows: readonly PlanRow[], { shard }: { readonly shard: number }) =>
      shard === 1 ? Promise.reject(new Error("always")) : embedMadeUp(rows);
    const worked = await all(workQueue(silent, job, { ...MADE_UP, embed: inOne(embed), url, attempts: 1, lockMs: 2000 }));
    expect(worked.filter((one) => "error" in one).map(({ shard }) => shard)).toEqual([1, 1]);
    expect(worked).toHaveLength(3);
    stop();
  });

  it("gives each shard exactly one output where workers are killed −9 and the server is restarted", async () => {
    const server = await redis();
    const folder = place();
    const store = folderStore(folder);
    const job = await planned(store, 400, 20);
    const program = join(place(), "worker.mjs");
    mkdirSync(join(program, ".."), { recursive: true });
    const notes = join(folder, "notes.txt");
    writeFileSync(notes, "");
    await bundleForNode(join(import.meta.dirname, "redis-worker.ts"), program);
    await submitShards(store, job, { url: server.url });
    const start = () => {
      const child = spawn(process.execPath, [program, folder, server.url, notes], { stdio: "ignore" });
      running.push(child);
      return child;
    };
    for (let round = 0; round < 2; round++) {
      const workers = [start(), start()];
      const ends = workers.map((worker) => once(worker, "exit"));
      await wait(800);
      if (round === 1) await server.restart();
      for (const worker of workers) worker.kill("SIGKILL");
      await Promise.all(ends);
    }
    const [code] = (await once(start(), "exit")) as [number];
    server.stop();
    expect(code).toBe(0);
    expect(await jobStatus(store, job)).toMatchObject({ shards: { committed: 20, failed: 0 }, rows: { embedded: 360, failed: 40 } });
    expect(await verifyJob(store, job)).toEqual([]);
    await collectGarbage(store, job);
    const alone = place();
    await planned(folderStore(alone), 400, 20);
    for (const shard of job.shards.keys()) await workShard(folderStore(alone), job, shard, MADE_UP);
    expect(committed(folder)).toEqual(committed(alone));
  });
});

describe("a queue that is none", () => {
  it("is refused where nobody answers at its address, by whoever submits and whoever works, without its password", async () => {
    const store = folderStore(place());
    const job = await planned(store, 3);
    const port = await freePort();
    const options = { url: `redis://:secret@127.0.0.1:${port}`, connectMs: 300 };
    const refusal = { code: "unavailable", message: expect.stringContaining(`127.0.0.1:${port}, got ECONNREFUSED`) };
    await expect(submitShards(store, job, options)).rejects.toMatchObject(refusal);
    await expect(all(workQueue(store, job, { ...MADE_UP, ...options }))).rejects.toMatchObject(refusal);
    await expect(submitShards(store, job, options)).rejects.not.toMatchObject({ message: expect.stringContaining("secret") });
  });

  it.each(["localhost:6379", "http://host", ""])("is refused by its address: %j", async (url) => {
    const store = folderStore(place());
    await expect(submitShards(store, await planned(store, 3), { url })).rejects.toMatchObject({ code: "bad_option" });
  });
});
