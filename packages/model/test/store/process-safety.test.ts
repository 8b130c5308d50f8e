// Whole processes: killed in the middle (R8), starved of disk, permission and descriptors (R9), racing each other. What they leave is sound.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileStore, withLock, writeFileAtomic } from "@biovlm/files/node";
import { bundleForNode, type ChildOptions, cases, runChild, seeded, soak, startFakeHub, withinLimit } from "@biovlm/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { hubSettings, openModelStore, pullModel } from "../../src/node/index.js";
import { smallModel, writeFiles } from "./small-model.js";

const base = mkdtempSync(join(tmpdir(), "biovlm-safety-"));
const random = seeded(8);
// 200 kills take minutes
if (soak) vi.setConfig({ testTimeout: 600_000 });
let script = "";
let folder = "";
let count = 0;
beforeAll(async () => {
  script = await bundleForNode(join(import.meta.dirname, "store-child.ts"), join(base, "child.mjs"));
});
beforeEach(() => {
  folder = join(base, String(count++));
  mkdirSync(folder, { recursive: true });
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

const child = async (job: string, a: Record<string, string>, options: ChildOptions = {}) => {
  const run = await runChild(script, [job, JSON.stringify(a)], options);
  const last = run.lines.at(-1) ?? "";
  return { ...run, result: last.startsWith("{") ? (JSON.parse(last) as { ok?: unknown; code?: string; message?: string }) : {} };
};
const temporaries = (place: string) => readdirSync(place, { recursive: true }).filter((name) => String(name).endsWith(".tmp"));

describe("a process killed in the middle (R8)", () => {
  it("of writing entries leaves the old bytes or the new ones, and the next one cleans up", async () => {
    const place = join(folder, "store");
    const warned: string[] = [];
    const store = fileStore(place, { onWarning: (message) => warned.push(message) });
    for (let i = 0; i < cases(200, 20); i++) {
      const run = await child("put", { folder: place }, { killAfterMs: random.below(25) });
      expect(run.signal).toBe("SIGKILL");
      const bytes = await store.get("runs/checkpoint");
      expect(bytes?.length).toBeGreaterThanOrEqual(20_000);
      expect(bytes!.every((byte) => byte === bytes![0])).toBe(true);
    }
    expect(warned).toEqual([]);
    await fileStore(place).put("runs/checkpoint", new Uint8Array(1));
    expect(temporaries(place)).toEqual([]);
  });

  it("of importing leaves one whole model or the other", async () => {
    const a = writeFiles(join(folder, "a"), smallModel({ seed: 1, words: 3000 }));
    const b = writeFiles(join(folder, "b"), smallModel({ seed: 2, words: 3000 }));
    const home = join(folder, "home");
    const store = openModelStore(home);
    const digests: string[] = [];
    for (const path of [a, b]) digests.push((await store.importFrom(path, { name: "m", replace: true })).manifest.digest);
    const seen = new Set<string>();
    for (let i = 0; i < cases(200, 20); i++) {
      await child("import", { home, a, b }, { killAfterMs: random.below(40) });
      const model = await store.verify("m");
      expect(digests).toContain(model.manifest.digest);
      seen.add(model.manifest.digest);
    }
    await store.importFrom(a, { name: "m", replace: true });
    expect(readdirSync(join(home, "staging"))).toEqual([]);
    expect(existsSync(join(home, "quarantine"))).toBe(false);
  });

  it("of pulling leaves nothing that the next pull would take for whole", async () => {
    const files = smallModel({ words: 6000 });
    const hub = await startFakeHub({ repo: "owner/model", files, fault: () => ({ slowMs: 3 }) });
    const cache = join(folder, "hub");
    const settings = { ...hubSettings(), endpoint: hub.endpoint, cache, offline: false };
    const expected = (await openModelStore(join(folder, "direct")).importFrom(writeFiles(join(folder, "src"), files), { name: "m" }))
      .manifest.digest;
    let [killed, resumed] = [0, 0];
    try {
      for (let i = 0; i < cases(200, 20); i++) {
        const home = join(folder, `home${i}`);
        if (random.below(2) === 0) rmSync(cache, { recursive: true, force: true });
        const run = await child(
          "pull",
          { home, cache, endpoint: hub.endpoint, repo: "owner/model" },
          { killAfterMs: 40 + random.below(200) },
        );
        if (run.signal === "SIGKILL") killed++;
        const from = hub.requests.length;
        const model = await pullModel(openModelStore(home), "owner/model", { name: "m", settings, backoffMs: 5 });
        if (hub.requests.slice(from).some((request) => request.headers.range !== undefined)) resumed++;
        expect(model.manifest.digest).toBe(expected);
        await openModelStore(home).verify("m");
      }
    } finally {
      await hub.close();
    }
    expect(killed).toBeGreaterThan(0);
    console.log(`pulls killed ${killed}, resumed ${resumed}`);
  });
});

describe("processes at the same time", () => {
  it("never hold a lock together", async () => {
    const file = join(folder, "count");
    writeFileSync(file, "0");
    const runs = await Promise.all([1, 2, 3, 4].map(() => child("count", { lock: join(folder, "lock"), file, times: "15" })));
    expect(runs.map((run) => run.result)).toEqual(runs.map(() => ({ ok: 15 })));
    expect(readFileSync(file, "utf8")).toBe("60");
    expect(readdirSync(folder)).toEqual(["count"]);
  });

  it("take over the lock of one that was killed, at once", async () => {
    const lock = join(folder, "lock");
    await child("hold", { lock }, { killAfterMs: 1 });
    expect(existsSync(lock)).toBe(true);
    const started = Date.now();
    await withLock(lock, async () => {});
    expect(existsSync(lock)).toBe(false);
    withinLimit("take-over, ms", Date.now() - started, 2000);
  });

  it("wait for one that lives, and say who it is when they gave up", async () => {
    const lock = join(folder, "lock");
    const holder = child("hold", { lock }, { killAfterMs: 1500 });
    while (!existsSync(lock) || readFileSync(lock, "utf8") === "") await new Promise((done) => setTimeout(done, 10));
    await expect(withLock(lock, async () => {}, { waitMs: 100 })).rejects.toMatchObject({
      code: "locked",
      message: expect.stringMatching(/process \d+ on/),
    });
    const reason = new Error("enough");
    await expect(withLock(lock, async () => {}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await withLock(lock, async () => {});
    await holder;
  });

  it("take over a lock whose holder fell silent, and the silent one learns of it", async () => {
    const lock = join(folder, "lock");
    writeFileSync(lock, JSON.stringify({ pid: process.pid, host: "elsewhere", token: "t" }));
    await withLock(lock, async () => {}, { staleMs: 300, waitMs: 5000 });
    const lost = withLock(
      lock,
      async (signal) => {
        writeFileSync(lock, JSON.stringify({ pid: process.pid, host: "elsewhere", token: "other" }));
        await new Promise((done) => signal.addEventListener("abort", done, { once: true }));
        throw signal.reason;
      },
      { staleMs: 600 },
    );
    await expect(lost).rejects.toMatchObject({ code: "locked" });
  });

  it("pull the same model once between them", async () => {
    const files = smallModel({ words: 6000 });
    const hub = await startFakeHub({ repo: "owner/model", files, fault: () => ({ slowMs: 5 }) });
    try {
      const a = { home: join(folder, "home"), cache: join(folder, "hub"), endpoint: hub.endpoint, repo: "owner/model" };
      const runs = await Promise.all([child("pull", a), child("pull", a), child("pull", a)]);
      const digests = runs.map((run) => (run.result.ok as { digest: string } | undefined)?.digest);
      expect(runs.map((run) => run.result.message)).toEqual([undefined, undefined, undefined]);
      expect(new Set(digests).size).toBe(1);
      const bodies = hub.requests.filter((request) => request.server === "cdn" && request.method === "GET");
      expect(bodies).toHaveLength(1);
      await openModelStore(a.home).verify("m");
    } finally {
      await hub.close();
    }
  });
});

describe("a process without room (R9)", () => {
  const small = () => writeFiles(join(folder, "source"), smallModel({ words: 6000 }));

  it("gets a typed error at a file-size limit, and the old file stands", async () => {
    const path = join(folder, "file");
    writeFileSync(path, "old");
    const home = join(folder, "home");
    const before = await openModelStore(home).importFrom(writeFiles(join(folder, "first"), smallModel()), { name: "m" });
    for (let i = 0; i < cases(100, 50); i++) {
      const size = String(100_000 + random.below(1_000_000));
      expect((await child("write", { path, size }, { before: "ulimit -f 64" })).result).toMatchObject({ code: "disk_full" });
      expect((await child("importOnce", { home, source: small() }, { before: "ulimit -f 64" })).result).toMatchObject({
        code: "disk_full",
      });
    }
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder).filter((name) => name.includes(".tmp"))).toEqual([]);
    expect(await openModelStore(home).verify("m")).toEqual(before);
    expect(readdirSync(join(home, "staging"))).toEqual([]);
  });

  it("gets a typed error on a full disk, and the old file stands", async (ctx) => {
    // a disk of one megabyte, in a mount namespace of its own; what is left on it is listed before it goes
    const disk = join(folder, "disk");
    mkdirSync(disk);
    const wrapped = (job: string, a: Record<string, string>) =>
      `mount -t tmpfs -o size=1m none ${disk} && echo old > ${disk}/file && "${process.execPath}" ${script} ${job} '${JSON.stringify(a)}'; find ${disk} -type f`;
    const run = async (job: string, a: Record<string, string>) => {
      const out = join(folder, "run.sh");
      writeFileSync(out, wrapped(job, a));
      return runChild(script, [], { before: `unshare -rm sh ${out}` });
    };
    const probe = await run("write", { path: `${disk}/file`, size: "10" });
    if (!probe.lines.some((line) => line.includes('"ok":10'))) return ctx.skip(`skipped: no mount namespace here (${probe.stderr.trim()})`);
    for (let i = 0; i < cases(100, 50); i++) {
      const write = await run("write", { path: `${disk}/file`, size: String(1_200_000 + random.below(1_000_000)) });
      expect(write.lines.join("\n")).toContain('"code":"disk_full"');
      expect(write.lines.filter((line) => line.startsWith(disk))).toEqual([`${disk}/file`]);
    }
    const model = writeFiles(join(folder, "large"), smallModel({ words: 20_000 }));
    const imported = await run("importOnce", { home: `${disk}/home`, source: model });
    expect(imported.lines.join("\n")).toContain('"code":"disk_full"');
    expect(imported.lines.filter((line) => line.startsWith(disk))).toEqual([`${disk}/file`]);
  });

  it("gets a typed error in a folder it may not write", async () => {
    const path = join(folder, "closed", "file");
    mkdirSync(join(folder, "closed"), { mode: 0o555 });
    const root = process.getuid?.() === 0;
    if (root) writeFileSync(path, "old");
    const run = await child("write", { path, size: "10", ...(root ? { user: "65534" } : {}) });
    expect(run.result).toMatchObject({ code: "not_permitted" });
    expect(readdirSync(join(folder, "closed"))).toEqual(root ? ["file"] : []);
  });

  it("gets a typed error without file descriptors, and what was there stands", async () => {
    const path = join(folder, "file");
    writeFileSync(path, "old");
    const home = join(folder, "home");
    const before = await openModelStore(home).importFrom(writeFiles(join(folder, "first"), smallModel()), { name: "m" });
    for (let i = 0; i < cases(100, 50); i++) {
      const run = await child("starved", { path, home, source: small() }, { before: "ulimit -n 64" });
      expect(run.result.ok).toEqual(["too_many_files", "too_many_files", "too_many_files", "too_many_files"]);
    }
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(temporaries(folder)).toEqual([]);
    expect(await openModelStore(home).verify("m")).toEqual(before);
  });

  it("leaves the old file when the content itself fails half-way", async () => {
    const path = join(folder, "file");
    await writeFileAtomic(path, "old");
    const failing = (async function* () {
      yield new Uint8Array(1000);
      throw new Error("the source broke");
    })();
    await expect(writeFileAtomic(path, failing)).rejects.toThrow("the source broke");
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["file"]);
  });
});
