// The built server over HTTP under faults: encoder processes killed in every way a crash ends one, ten times the load it can take, requests of ten
// thousand images, SIGTERM under load, and minutes of steady work. Every 200 is compared with the undisturbed answer: none may differ.

import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { cases, seeded, soak, withinLimit } from "@biovlm/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { phantomSet } from "../src/phantoms/phantom-set.js";
import { encodePng } from "../src/phantoms/png-file.js";
import { folder } from "./call.js";
import { compile, main } from "./program.js";

const images = [...phantomSet({ seed: 9, perKind: 1, size: 96 })].map(({ image }) => Buffer.from(encodePng(image)));
const place = folder("served");
let server: Served | undefined;
beforeAll(compile, 300_000);
afterEach(async () => {
  await server?.stop();
  server = undefined;
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

interface Served {
  readonly url: string;
  readonly child: ChildProcess;
  /** what it and its encoders wrote to stderr */
  said(): string;
  stop(): Promise<number | null>;
}

async function serve(...words: string[]): Promise<Served> {
  return serveWith("", ...words);
}

async function serveWith(nodeOptions: string, ...words: string[]): Promise<Served> {
  const all = [main, "serve", "--dataset", "busi", "--device", "cpu", "--threads", "1", "--port", "0", "--log-level", "silent"];
  all.push("--drain-delay-ms", "0", ...words);
  const child = spawn(process.execPath, all, {
    cwd: place,
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, NODE_OPTIONS: nodeOptions },
  });
  const ended = new Promise<number | null>((done) => child.once("close", done));
  let said = "";
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr!.on("data", (data: Buffer) => {
      said += data.toString();
      if (/^ready: /m.test(said)) resolve(/listening on (\S+?)\/?;/.exec(said)![1]!);
    });
    void ended.then((code) => reject(new Error(`the server ended with ${code}: ${said}`)));
  });
  return {
    url,
    child,
    said: () => said,
    stop: () => {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

interface Reply {
  readonly status: number;
  readonly retryAfter: string | null;
  /** the answer without what differs from run to run */
  readonly answer: string;
}

async function classify(url: string, image: Buffer): Promise<Reply> {
  const reply = await fetch(`${url}/v1/classify?explain=true`, {
    method: "POST",
    headers: { "content-type": "image/png" },
    body: new Uint8Array(image),
  });
  const body = (await reply.json()) as { results?: unknown; bank?: unknown; model?: unknown };
  return {
    status: reply.status,
    retryAfter: reply.headers.get("retry-after"),
    answer: JSON.stringify([body.results, body.bank, body.model]),
  };
}

/** What each image's answer is when nothing is wrong. */
async function undisturbed(url: string): Promise<string[]> {
  const answers: string[] = [];
  for (const image of images) {
    const { status, answer } = await classify(url, image);
    expect(status).toBe(200);
    answers.push(answer);
  }
  return answers;
}

/** Keeps so many requests in flight until told to stop; counts statuses and compares every 200. */
function load(url: string, expected: readonly string[], connections: number) {
  const statuses = new Map<number, number>();
  const wrong: string[] = [];
  const unexplained: string[] = [];
  let running = true;
  const workers = Array.from({ length: connections }, async (_, worker) => {
    for (let i = worker; running; i++) {
      const which = i % images.length;
      const { status, retryAfter, answer } = await classify(url, images[which]!);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      // as Retry-After asks, but sooner
      if (status === 503) await pause(50);
      if (status === 200 && answer !== expected[which]) wrong.push(answer);
      if ((status === 429 || status === 503) && retryAfter === null) unexplained.push(`${status} without Retry-After`);
    }
  });
  return {
    statuses,
    wrong,
    unexplained,
    async end() {
      running = false;
      await Promise.all(workers);
    },
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const children = (pid: number) => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(/\s+/).filter(Boolean).map(Number);
const resident = (pid: number) => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;
/** ports of loopback and of every address that a process listens on */
function listeners(pid: number): number[] {
  const rows = readFileSync(`/proc/${pid}/net/tcp`, "utf8").split("\n").slice(1);
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      } catch {
        return undefined;
      }
    }),
  );
  return rows.flatMap((row) => {
    const [, local = "", , state, , , , , , inode] = row.trim().split(/\s+/);
    return state === "0A" && own.has(inode) ? [Number.parseInt(local.split(":")[1]!, 16)] : [];
  });
}
const descriptors = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

describe.skipIf(process.platform !== "linux")("the served model", () => {
  it("opens no debugger on SIGUSR1, neither its own nor an encoder's, and goes on answering", async () => {
    server = await serve("--pool", "1");
    const { url, child, said } = server;
    for (const pid of [child.pid!, ...children(child.pid!)]) process.kill(pid, "SIGUSR1");
    expect((await classify(url, images[0]!)).status).toBe(200);
    expect(said()).not.toMatch(/Debugger|inspector/i);
    // the signal is handled, not only silent: nobody listens where Node's debugger would
    for (const pid of [child.pid!, ...children(child.pid!)]) expect(listeners(pid), String(pid)).not.toContain(9229);
  });

  it(`R10: answers rightly through ${cases(100, 17)} crashes of its encoder processes`, { timeout: 600_000 }, async () => {
    server = await serve("--pool", "2");
    const { url, child } = server;
    const expected = await undisturbed(url);
    const random = seeded(41);
    const work = load(url, expected, 4);
    let kills = 0;
    const recoveries: number[] = [];
    while (kills < cases(100, 17)) {
      await pause(random.next() * 250);
      const victim = random.pick(children(child.pid!));
      if (victim === undefined) continue;
      process.kill(victim, (["SIGKILL", "SIGSEGV", "SIGABRT"] as const)[kills % 3]!);
      kills++;
      const [killed, before] = [performance.now(), work.statuses.get(200) ?? 0];
      while ((work.statuses.get(200) ?? 0) < before + 8 && performance.now() - killed < 30_000) await pause(20);
      recoveries.push(performance.now() - killed);
    }
    await work.end();
    recoveries.sort((x, y) => x - y);
    const [median, worst] = [recoveries[kills >> 1]!, recoveries.at(-1)!].map((ms) => `${Math.round(ms)} ms`);
    console.log(`${kills} crashes: ${JSON.stringify([...work.statuses])}, eight answers after ${median}, at worst ${worst}`);
    withinLimit("slowest recovery, ms", recoveries.at(-1) ?? Number.NaN, 30_000);
    expect(kills).toBe(cases(100, 17));
    expect(work.wrong).toEqual([]);
    expect(work.unexplained).toEqual([]);
    expect([...work.statuses.keys()].filter((s) => s !== 200 && s !== 503 && s !== 429)).toEqual([]);
    expect(await undisturbed(url)).toEqual(expected);
  });

  it("R14: refuses what it cannot take, keeps its memory, and answers the rest rightly", { timeout: 600_000 }, async () => {
    server = await serve("--pool", "1", "--max-queue", "16", "--max-images", "64");
    const { url, child } = server;
    const expected = await undisturbed(url);
    const work = load(url, expected, 160);
    // buffers and heaps grow to what this load takes; from then on memory is to stay
    const seen: number[] = [];
    const watch = async (seconds: number) => {
      for (let i = 0; i < seconds; i++) {
        await pause(1000);
        seen.push(resident(child.pid!));
      }
    };
    await watch(soak ? 60 : 4);
    const level = () => seen.slice(soak ? -10 : -4).sort((a, b) => a - b)[soak ? 5 : 2]!;
    const before = level();
    const many = JSON.stringify({ images: Array.from({ length: 10_000 }, () => "AA==") });
    const refused: number[] = [];
    for (let i = 0; i < (soak ? 60 : 4); i++) {
      const reply = await fetch(`${url}/v1/classify`, { method: "POST", headers: { "content-type": "application/json" }, body: many });
      refused.push(reply.status);
      await reply.arrayBuffer();
      await watch(1);
    }
    await work.end();
    const after = level();
    const peak = Math.max(...seen);
    console.log(`overload: ${JSON.stringify([...work.statuses])}, ${before.toFixed(0)} → ${after.toFixed(0)} MiB, peak ${peak.toFixed(0)}`);
    expect(new Set(refused)).toEqual(new Set([413]));
    expect(work.wrong).toEqual([]);
    expect(work.unexplained).toEqual([]);
    expect([...work.statuses.keys()].filter((s) => ![200, 429, 503].includes(s))).toEqual([]);
    expect(work.statuses.get(429)).toBeGreaterThan(0);
    expect(work.statuses.get(200)).toBeGreaterThan(0);
    withinLimit("memory after, MiB", after, before * 1.2);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
  });

  it(`ends ${cases(20)} times by SIGTERM (R13) under load with every request that it took answered, and exit code 0`, {
    timeout: 600_000,
  }, async () => {
    for (let i = 0; i < cases(20); i++) {
      server = await serve("--pool", "1");
      const expected = await undisturbed(server.url);
      // all in flight before the signal: twelve requests on their own connections
      const flight = Array.from({ length: 12 }, (_, n) => classify(server!.url, images[n % images.length]!).catch((error: Error) => error));
      await pause(10 + i);
      const code = await server.stop();
      for (const [n, reply] of (await Promise.all(flight)).entries()) {
        // a connection the kernel had queued but the server had not taken is refused, never torn
        if (reply instanceof Error) expect(String((reply.cause as { code?: string }).code)).toMatch(/ECONNREFUSED|ECONNRESET/);
        else if (reply.status === 200) expect(reply.answer).toBe(expected[n % images.length]);
        else expect(reply.status).toBe(503);
      }
      expect(code).toBe(0);
      server = undefined;
    }
  });

  it("R22: keeps no memory and no descriptors of steady work", { timeout: 2_400_000 }, async () => {
    const collecting = pathToFileURL(join(import.meta.dirname, "collects-often.mjs"));
    server = await serveWith(`--import ${collecting}`, "--pool", "1");
    const { url, child } = server;
    const expected = await undisturbed(url);
    const work = load(url, expected, 4);
    const rows: { readonly t: number; readonly server: number; readonly encoder: number; readonly files: number }[] = [];
    const started = performance.now();
    // the first part is warm-up: buffers and pools grow to their size, and V8 goes on compiling for minutes, more of them on a busy machine
    const [warmUp, whole, window] = soak ? [600, 1800, 60] : [4, 10, 2];
    for (let second = 0; second < whole; second++) {
      await pause(1000);
      const [encoder] = children(child.pid!) as [number];
      rows.push({
        t: (performance.now() - started) / 1000,
        server: resident(child.pid!),
        encoder: resident(encoder),
        files: descriptors(child.pid!) + descriptors(encoder),
      });
    }
    await work.end();
    const steady = rows.filter(({ t }) => t > warmUp);
    // the least of every window: what is left after a collection
    const least = (of: "server" | "encoder") =>
      Array.from({ length: Math.floor(steady.length / window) }, (_, i) => {
        const part = steady.slice(i * window, (i + 1) * window);
        return [part[0]!.t, Math.min(...part.map((row) => row[of]))] as const;
      });
    const slope = { server: slopeOf(least("server")) * 600, encoder: slopeOf(least("encoder")) * 600 };
    const answered = work.statuses.get(200) ?? 0;
    const [first, last] = [steady[0]!, steady.at(-1)!];
    const told = (of: "server" | "encoder") => {
      const floor = least(of);
      return `${of} ${floor[0]![1].toFixed(1)} → ${floor.at(-1)![1].toFixed(1)} MiB, ${slope[of].toFixed(1)} MiB in 10 min`;
    };
    console.log(
      `steady: ${answered} answers in ${whole} s; ${told("server")}; ${told("encoder")}; descriptors ${first.files} → ${last.files}`,
    );
    expect(work.wrong).toEqual([]);
    expect([...work.statuses.keys()]).toEqual([200]);
    expect(last.files).toBeLessThanOrEqual(first.files + 2);
    // 16 bytes kept of each answer would be 1 MiB in 10 minutes
    withinLimit("steepest slope, MiB in 10 minutes", Math.max(slope.server, slope.encoder), 1);
  });
});

/** Least squares slope. */
function slopeOf(points: readonly (readonly [number, number])[]): number {
  const mean = (k: 0 | 1) => points.reduce((s, p) => s + p[k], 0) / points.length;
  const [mx, my] = [mean(0), mean(1)];
  const covariance = points.reduce((s, [x, y]) => s + (x - mx) * (y - my), 0);
  return covariance / points.reduce((s, [x]) => s + (x - mx) ** 2, 0);
}
