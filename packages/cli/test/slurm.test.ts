// deploy/slurm/bulk.sbatch in a real Slurm: an array whose tasks are requeued, cancelled and killed in the middle, then an array of what is left.
// Every row has one result, and the bytes are those of one worker without any of it.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { soak, withoutProgram } from "@biovlm/testkit";
import { expect, it } from "vitest";
import { call, ENVIRONMENT, folder, writePhantoms } from "./call.js";
import { compile, main } from "./program.js";
import { startSlurm } from "./slurm-cluster.js";

const script = join(import.meta.dirname, "../../../deploy/slurm/bulk.sbatch");
const bulk = async (...words: string[]) => {
  const { code, out, err } = await call(["bulk", ...words, "--json"]);
  expect(code, err).toBe(0);
  return JSON.parse(out);
};

it.skipIf(!soak || withoutProgram("munged") || withoutProgram("slurmctld") || withoutProgram("slurmd"))(
  "an array of a real Slurm gives each row once, whatever becomes of its tasks, and the bytes of one worker",
  { timeout: 900_000 },
  async () => {
    compile();
    const images = folder("slurm-images");
    mkdirSync(images, { recursive: true });
    writePhantoms(images, 48);
    const plan = async () => {
      const store = folder("slurm-store");
      await bulk("plan", images, store, "--shard-rows", "16", "--device", "cpu", "--batch", "4");
      return store;
    };
    const [store, alone] = [await plan(), await plan()];
    const { shards } = await bulk("status", store);
    expect(shards.total).toBeGreaterThanOrEqual(5);
    const place = folder("slurm");
    const shim = folder("slurm-bin");
    writeFileSync(join(shim, "biovlm"), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`, { mode: 0o755 });
    const cluster = await startSlurm(place, 2);
    try {
      const set = { ...ENVIRONMENT, STORE: store, PATH: `${shim}:${process.env["PATH"]}` };
      const exported = Object.entries(set).map(([name, value]) => `${name}=${value}`);
      // the file's own words, on a node of two processors
      const submit = (tasks: string) =>
        cluster
          .run(
            "env",
            ...exported,
            "sbatch",
            "--parsable",
            `--array=${tasks}`,
            "--cpus-per-task=1",
            "--mem=0",
            `--output=${place}/%a.log`,
            script,
          )
          .trim();
      const running = async (task: number) => {
        while (!cluster.queued().includes(`${task} RUNNING`)) {
          expect(cluster.queued().length, "the task never ran").toBeGreaterThan(0);
          await delay(50);
        }
      };
      const ended = async () => {
        while (cluster.queued().length > 0) await delay(250);
      };
      const first = submit(`0-${shards.total - 1}%2`);
      await running(0);
      cluster.run("scontrol", "requeue", `${first}_0`);
      await running(1);
      cluster.run("scancel", "--signal=KILL", "--full", `${first}_1`);
      await running(2);
      cluster.run("scancel", `${first}_2`);
      // a requeued task waits two minutes by itself
      while (!cluster.queued().includes("0 PENDING")) await delay(100);
      expect(cluster.run("scontrol", "show", "job", `${first}_0`)).toMatch(/Restarts=1/);
      cluster.run("scontrol", "update", `JobId=${first}_0`, "StartTime=now");
      await ended();
      const status = await bulk("status", store);
      // the requeued one and those left alone are done; of the two that were stopped nothing is committed twice, and no part is torn
      expect(status.shards.committed).toBeGreaterThanOrEqual(shards.total - 2);
      expect(readdirSync(join(store, "commits"))).toContain("00000.json");
      console.log(
        `Slurm: ${shards.total} shards, ${status.shards.committed} committed by the first array, begun ${JSON.stringify(status.begun)}`,
      );
      const left = Array.from({ length: shards.total }, (_, shard) => shard).filter(
        (shard) => !readdirSync(join(store, "commits")).includes(`${String(shard).padStart(5, "0")}.json`),
      );
      submit(left.length > 0 ? left.join(",") : "0");
      await ended();
      expect(await bulk("status", store)).toMatchObject({ shards: { committed: shards.total, failed: 0 }, begun: [] });
    } finally {
      await cluster.stop();
    }
    expect(await bulk("verify", store)).toMatchObject({ faults: [] });
    await bulk("work", alone, "--all");
    const parts = (of: string) => {
      const commits = readdirSync(join(of, "commits")).sort();
      return commits.map((name) =>
        JSON.parse(readFileSync(join(of, "commits", name), "utf8")).parts.map((p: { sha256: string }) => p.sha256),
      );
    };
    expect(parts(store)).toEqual(parts(alone));
  },
);
