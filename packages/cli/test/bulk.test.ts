// `biovlm bulk …` from plan to manifest over real images: what a job gives does not depend on who works on it.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSafetensors } from "@biovlm/model/backbone";
import { startS3Server, withoutProgram } from "@biovlm/testkit";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { call, ENVIRONMENT, folder, writePhantoms } from "./call.js";
import { compile, main, start } from "./program.js";

const images = folder("bulk-images");
const files: string[] = [];
beforeAll(() => {
  mkdirSync(join(images, "a"));
  writePhantoms(images, 4);
  for (const path of writePhantoms(join(images, "a"), 2, 2)) files.push(path);
  writeFileSync(join(images, "bad.png"), "no picture");
  writeFileSync(join(images, "b.png"), readFileSync(files[0]!).subarray(0, 60));
});

const json = async (...words: string[]) => {
  const { code, out, err } = await call(["bulk", ...words, "--json"]);
  return { code, err, ...(out === "" ? {} : (JSON.parse(out) as Record<string, unknown>)) } as Record<string, unknown> & { code: number };
};
const plan = async (...words: string[]) => {
  const store = folder("bulk-store");
  expect(await json("plan", images, store, "--shard-rows", "16", "--device", "cpu", "--batch", "4", ...words)).toMatchObject({ code: 0 });
  return store;
};
const parts = (store: string) =>
  Object.fromEntries(readdirSync(join(store, "parts")).map((name) => [name, readFileSync(join(store, "parts", name)).toString("base64")]));
const partOf = (store: string, shard: string, ending: string) => {
  const name = readdirSync(join(store, "parts")).find((each) => each.startsWith(shard) && each.endsWith(ending));
  return new Uint8Array(readFileSync(join(store, "parts", name!)));
};
const table = async (store: string, shard: string) => {
  const file = partOf(store, shard, ".parquet");
  return (await parquetReadObjects({ file: file.buffer as ArrayBuffer })) as Record<string, unknown>[];
};

describe("bulk", () => {
  it("plans, works, verifies and merges: each image once, those that cannot be read by their code", async () => {
    const store = await plan();
    expect(await json("status", store)).toMatchObject({ shards: { total: 3, committed: 0 }, rows: { total: 38, embedded: 0 } });
    expect(await json("merge", store)).toMatchObject({ code: 1 });
    expect(await json("work", store, "--shard", "1")).toMatchObject({ code: 0, committed: 1, embedded: 16 });
    expect(await json("work", store, "--all")).toMatchObject({ code: 0, committed: 2, embedded: 22 });
    expect(await json("work", store, "--all")).toMatchObject({ code: 0, committed: 0, embedded: 0 });
    expect(await json("status", store)).toMatchObject({ shards: { committed: 3 }, rows: { embedded: 36, failed: 2 } });
    expect(await json("verify", store)).toMatchObject({ code: 0, faults: [] });
    expect(await json("merge", store)).toMatchObject({ code: 0, parts: 6, rows: 36 });
    expect(await json("gc", store)).toMatchObject({ code: 0, removed: [] });
    const rows = [...(await table(store, "00000")), ...(await table(store, "00001")), ...(await table(store, "00002"))];
    expect(rows.map(({ uri }) => uri)).toEqual([...rows.map(({ uri }) => uri)].sort());
    expect(rows.filter(({ error }) => error !== null).map(({ uri, error }) => `${uri} ${error}`)).toEqual([
      "b.png corrupt_image",
      "bad.png unsupported_format",
    ]);
  });

  it("gives the rows that embed gives, under the digests of the files", async () => {
    const store = await plan();
    await json("work", store, "--all");
    const out = join(folder(), "rows.safetensors");
    expect((await call(["embed", join(images, "a"), "--out", out, "--device", "cpu", "--batch", "4"])).code).toBe(0);
    const alone = openSafetensors(new Uint8Array(readFileSync(out))).tensors.get("embeddings")!;
    const part = openSafetensors(partOf(store, "00000", ".safetensors"));
    const of = (tensor: typeof alone, count: number) => new Float32Array(tensor.bytes().slice().buffer).subarray(0, count * 128);
    // the folder a/ comes first: its twelve images stand in both
    expect(of(part.tensors.get("embeddings")!, 12)).toEqual(of(alone, 12));
    expect(part.metadata).toMatchObject({ format: "biovlm-embeddings-part/1", model: "tiny", normalized: "true" });
  });

  it("gives answers with probabilities, entropies and classes, as classify does", async () => {
    const store = await plan("--dataset", "busi", "--output", "both");
    await json("work", store, "--all");
    const { key_value_metadata: told } = parquetMetadata(partOf(store, "00000", ".parquet").buffer as ArrayBuffer);
    const facts = Object.fromEntries((told ?? []).map(({ key, value }) => [key, value]));
    const classes = JSON.parse(facts["classes"]!) as string[];
    expect(facts["notice"]).toBe("Research use only, not a medical device.");
    const [row] = await table(store, "00000");
    const { out } = await call([
      "classify",
      join(images, String(row!["uri"])),
      "--dataset",
      "busi",
      "--json",
      "--explain",
      "--device",
      "cpu",
      "--deterministic",
    ]);
    const [alone] = JSON.parse(out) as [
      { sha256: string; predictions: { class: string; probability: number }[]; prompts: { entropy: number }[] },
    ];
    expect(row).toMatchObject({ sha256: alone.sha256, prediction: alone.predictions[0]!.class, error: null });
    for (const { class: name, probability } of alone.predictions)
      expect((row!["probabilities"] as number[])[classes.indexOf(name)]).toBeCloseTo(probability, 6);
    const entropies = row!["entropies"] as number[];
    expect(entropies).toHaveLength(alone.prompts.length);
    for (const [i, { entropy }] of alone.prompts.entries()) expect(entropies[i]).toBeCloseTo(entropy, 5);
  });

  it("gives the same bytes for one worker, two at once, and one that was killed in the middle", async () => {
    compile();
    const words = ["--dataset", "busi", "--output", "both", "--shard-rows", "38"];
    const [one, two, killed] = [await plan(...words), await plan(...words), await plan(...words)];
    await json("work", one, "--all");
    const both = await Promise.all([1, 2].map(() => start(["bulk", "work", two, "--all"], images)));
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    const mid = await start(["bulk", "work", killed, "--all"], images, {
      env: {
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent("setTimeout(() => process.kill(process.pid, 'SIGKILL'), 900)")}`,
      },
    });
    expect([null, 0]).toContain(mid.code);
    await json("work", killed, "--all");
    for (const store of [two, killed]) {
      await json("gc", store);
      expect(parts(store)).toEqual(parts(one));
    }
  });

  it("takes the shard from a Slurm array or an Indexed Job, and asks for one where there is none", async () => {
    const store = await plan();
    const work = (env: Record<string, string>) => call(["bulk", "work", store, "--json"], { env });
    expect(JSON.parse((await work({ SLURM_ARRAY_TASK_ID: "2" })).out)).toMatchObject({ committed: 1, embedded: 6 });
    expect(JSON.parse((await work({ JOB_COMPLETION_INDEX: "2" })).out)).toMatchObject({ committed: 0, present: 1 });
    expect(await work({})).toMatchObject({ code: 2, err: expect.stringContaining("--shard") });
    expect(await work({ SLURM_ARRAY_TASK_ID: "7" })).toMatchObject({ code: 3 });
  });

  it("reads lists, below a root, and refuses a path that leaves it", async () => {
    const at = folder("bulk-list");
    const [csv, jsonl, bad] = [join(at, "list.csv"), join(at, "list.jsonl"), join(at, "bad.csv")];
    writeFileSync(csv, "patient,path\n1,a.png\n2,b.png\n");
    writeFileSync(jsonl, `${JSON.stringify({ uri: "a.png", sha256: "0".repeat(64) })}\n${JSON.stringify({ uri: "gone.png" })}\n`);
    writeFileSync(bad, "path\n../a.png\n");
    cpSync(files[0]!, join(at, "a.png"));
    cpSync(files[1]!, join(at, "b.png"));
    const [first, second] = [folder(), folder()];
    expect(await json("plan", csv, first)).toMatchObject({ code: 0, rows: 2 });
    expect(await json("work", first, "--all")).toMatchObject({ code: 0, embedded: 2 });
    expect(await json("plan", jsonl, second, "--root", at)).toMatchObject({ code: 0, rows: 2 });
    expect(await json("work", second, "--all")).toMatchObject({ code: 0, committed: 1 });
    expect((await table(second, "00000")).map(({ error }) => error)).toEqual(["digest_mismatch", "not_found"]);
    expect(await json("plan", bad, folder())).toMatchObject({ code: 1, err: expect.stringContaining("line 2") });
    expect(await json("plan", files[0]!, folder())).toMatchObject({ code: 2 });
  });

  it("commits nothing where the source is not mounted, and works where it lies elsewhere", async () => {
    const [here, there] = [join(folder(), "mount"), folder()];
    mkdirSync(here);
    for (const [i, path] of files.slice(0, 3).entries()) cpSync(path, join(here, `${i}.png`));
    const store = folder();
    expect(await json("plan", here, store)).toMatchObject({ code: 0, rows: 3 });
    cpSync(here, there, { recursive: true });
    rmSync(here, { recursive: true });
    expect(await json("work", store, "--all")).toMatchObject({ code: 1, err: expect.stringContaining("source_unreadable") });
    mkdirSync(here);
    expect(await json("work", store, "--all")).toMatchObject({ code: 1 });
    expect(await json("status", store)).toMatchObject({ shards: { committed: 0 } });
    expect(await json("work", store, "--all", "--root", there)).toMatchObject({ code: 0, committed: 1 });
  });

  it("notes a shard that cannot be worked on, and says so with its exit code", async () => {
    const store = await plan();
    const at = folder();
    symlinkSync(at, join(at, "round"));
    const plans = readdirSync(join(store, "plan"));
    writeFileSync(join(store, "plan", plans.find((name) => name.startsWith("00001"))!), "torn");
    expect(await json("work", store, "--shard", "1")).toMatchObject({ code: 4, failed: 1 });
    expect(await json("work", store, "--all")).toMatchObject({ code: 6, committed: 2, failed: 1 });
    expect(await json("verify", store)).toMatchObject({ code: 4, faults: [{ shard: 1 }] });
  });

  it("names shards that failed, with code and tries", async () => {
    const store = await plan();
    const away = folder();
    for (const code of [1, 1]) expect(await json("work", store, "--shard", "1", "--root", join(away, "none"))).toMatchObject({ code });
    expect(await json("status", store)).toMatchObject({ shards: { failed: 0 }, failures: [] });
    await json("work", store, "--shard", "1");
    mkdirSync(join(store, "failed"));
    writeFileSync(join(store, "failed", "00002.json"), "torn");
    expect((await call(["bulk", "status", store])).out).toMatch(/^failed {2}shard 2: unknown$/m);
    expect(await json("status", store)).toMatchObject({ failures: [{ shard: 2, code: "unknown", givenUp: false }] });
  });

  it("does no work for a store that takes no commit, and makes no folder where no job is", async () => {
    const store = await plan();
    rmSync(join(store, "begun"), { recursive: true });
    writeFileSync(join(store, "begun"), "");
    const { code, err } = await json("work", store, "--all");
    expect([code === 0, err]).toEqual([false, expect.stringContaining("making")]);
    expect(readdirSync(store)).not.toContain("partial");
    const none = join(folder(), "none");
    expect(await json("work", none, "--all")).toMatchObject({ code: 3, err: expect.stringContaining("not_found") });
    expect(existsSync(none)).toBe(false);
  });

  it("names damaged commits, and goes on around them", async () => {
    const store = await plan();
    await json("work", store, "--shard", "1");
    writeFileSync(join(store, "commits", "00001.json"), "{");
    expect(await json("status", store)).toMatchObject({ code: 0, damaged: [1], shards: { committed: 0 } });
    expect((await call(["bulk", "status", store])).out).toMatch(/^damaged 1 commit \(1\): remove/m);
    expect((await call(["bulk", "status", store])).out).toContain("0 of 3 committed, 0 failed, 2 waiting");
  });

  it("asks for one way to shards, and for the server of a queue by its address", async () => {
    const store = await plan();
    expect(await call(["bulk", "work", store, "--all", "--shard", "1"])).toMatchObject({ code: 2 });
    expect(await call(["bulk", "work", store, "--all", "--redis", "redis://127.0.0.1:1"])).toMatchObject({ code: 2 });
    expect(await call(["bulk", "submit", store])).toMatchObject({ code: 2, err: expect.stringContaining("--redis") });
    expect(await call(["bulk", "submit", store, "--redis", "localhost"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("redis://"),
    });
  });

  it("refuses a job of other weights, another version or facts that are none", async () => {
    const store = await plan();
    const text = readFileSync(join(store, "job.json"), "utf8");
    const changed = async (from: RegExp, to: string) => {
      writeFileSync(join(store, "job.json"), text.replace(from, to));
      return json("work", store, "--shard", "0");
    };
    expect(await changed(/"modelDigest":"sha256:./, '"modelDigest":"sha256:x')).toMatchObject({
      code: 1,
      err: expect.stringContaining("job_differs"),
    });
    expect(await changed(/"version":"[^"]*"/, '"version":"9.9.9"')).toMatchObject({ err: expect.stringContaining("9.9.9") });
    expect(await changed(/"batch":4/, '"batch":-4')).toMatchObject({ code: 4 });
    expect(await changed(/"output":"embeddings"/, '"output":"answers"')).toMatchObject({ code: 4 });
    expect(await changed(/"output":"embeddings"/, '"output":"all"')).toMatchObject({ code: 4 });
  });

  it("writes its state for Prometheus, and shows it to a person", async () => {
    const store = await plan();
    const file = join(folder(), "bulk.prom");
    const { out } = await call(["bulk", "status", store, "--prometheus", file]);
    expect(out).toContain("0 of 3 committed");
    expect(readFileSync(file, "utf8")).toMatch(/^biovlm_bulk_shards\{job="[0-9a-f]{16}",state="waiting"\} 3$/m);
  });

  it.each([
    [["--class", "a", "--output", "embeddings"], /--output/],
    [["--output", "answers"], /no classes/],
    [["--class", "a", "--class", "b", "--raw"], /--raw/],
    [["--root", "."], /--root/],
    [["--frame", "all"], /--frame[\s\S]*classify/],
    [["--frame", "every=3"], /--frame[\s\S]*classify/],
    [["--frame", "0"], /--frame/],
  ])("refuses a plan with %j", async (words, why) => {
    const { code, err } = await call(["bulk", "plan", images, folder(), ...words]);
    expect(code).toBe(2);
    expect(err).toMatch(why);
  });
});

describe("what hands out shards", () => {
  const root = join(import.meta.dirname, "../../..");

  it("Slurm's script works on the shard of its task, and asks for the store where none is named", async () => {
    compile();
    const store = await plan();
    const shim = folder("bin");
    writeFileSync(join(shim, "biovlm"), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`, { mode: 0o755 });
    const script = (env: Record<string, string>) =>
      spawnSync("bash", [join(root, "deploy/slurm/bulk.sbatch")], {
        env: { ...ENVIRONMENT, PATH: `${shim}:${process.env["PATH"]}`, ...env },
        encoding: "utf8",
      });
    expect(script({ STORE: store, SLURM_ARRAY_TASK_ID: "1", SLURM_CPUS_PER_TASK: "1" })).toMatchObject({ status: 0 });
    expect(readdirSync(join(store, "commits"))).toEqual(["00001.json"]);
    expect(script({ SLURM_ARRAY_TASK_ID: "1" }).status).not.toBe(0);
  });

  it("the Indexed Job's words work on the shard of its index", async () => {
    const store = await plan();
    const { spec } = parse(readFileSync(join(root, "deploy/kubernetes/bulk-job.yaml"), "utf8"));
    const { args } = spec.template.spec.containers[0] as { args: string[] };
    const { code, err } = await call(
      args.map((word) => (word === "/job" ? store : word)),
      { env: { JOB_COMPLETION_INDEX: "2" } },
    );
    expect({ code, err }).toMatchObject({ code: 0 });
    expect(readdirSync(join(store, "commits"))).toEqual(["00002.json"]);
  });
});

describe.skipIf(withoutProgram("versitygw"))("bulk in a bucket", () => {
  it("plans from a bucket and works in one as in folders: the same parts", async () => {
    const server = await startS3Server();
    try {
      const env = server.env();
      const asked = async (...words: string[]) =>
        JSON.parse((await call(["bulk", ...words, "--json"], { env })).out) as Record<string, unknown>;
      const { S3Client, s3Place } = await import("@biovlm/jobs/s3");
      const client = new S3Client(s3Place("s3://bucket/images", env));
      for (const name of readdirSync(join(images, "a")))
        await client.call({ method: "PUT", key: name, body: readFileSync(join(images, "a", name)) });
      await client.call({ method: "PUT", key: "z.png", body: readFileSync(join(images, "bad.png")) });
      const [store, local] = ["s3://bucket/job", folder()];
      const words = ["--device", "cpu", "--batch", "4", "--shard-rows", "8"];
      expect(await asked("plan", "s3://bucket/images", store, ...words)).toMatchObject({ rows: 13, shards: 2 });
      expect(await asked("work", store, "--all")).toMatchObject({ committed: 2, embedded: 13 });
      expect(await asked("status", store)).toMatchObject({ rows: { embedded: 12, failed: 1 } });
      expect(await asked("verify", store)).toMatchObject({ faults: [] });
      const { parts: count } = await asked("merge", store);
      expect(count).toBe(4);
      expect(await asked("plan", "s3://bucket/images", local, ...words)).toMatchObject({ rows: 13 });
      expect(await asked("work", local, "--all")).toMatchObject({ committed: 2 });
      const kept = new S3Client(s3Place(store, env));
      for (const [name, text] of Object.entries(parts(local)))
        expect(Buffer.from((await kept.call({ method: "GET", key: `parts/${name}` })).bytes).toString("base64")).toBe(text);
    } finally {
      server.stop();
    }
  });
});
