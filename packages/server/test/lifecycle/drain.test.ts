// R13 and R15: a server told to stop answers what it has; sockets held open for their own sake are cut while others are answered.

import { type ChildProcess, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { bundleForNode, cases, programFolder, soak, withinLimit } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const folder = programFolder();
let script: string;
beforeAll(async () => {
  script = await bundleForNode(join(import.meta.dirname, "draining-server.ts"), join(folder, "server.mjs"));
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Started {
  readonly child: ChildProcess;
  readonly port: number;
  readonly ended: Promise<number | null>;
  /** requests that have reached the route so far */
  taken(): number;
}

async function started(env: Record<string, string> = {}): Promise<Started> {
  const child = spawn(process.execPath, [script], {
    env: { ...process.env, ...env, NODE_OPTIONS: "" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((done) => child.once("close", (code) => done(code)));
  let taken = 0;
  const url = await new Promise<string>((done) =>
    createInterface({ input: child.stdout! }).on("line", (line) => {
      if (line.startsWith("taken ")) taken = Number(line.slice(6));
      else done(line);
    }),
  );
  return { child, port: Number(new URL(url).port), ended, taken: () => taken };
}

/** One request; resolves with its status and body, rejects where the connection broke. */
function post(port: number, agent: Agent | undefined, body: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request(
      { port, host: "127.0.0.1", path: "/slow", method: "POST", agent, headers: { "content-type": "application/json" } },
      (answer) => {
        let text = "";
        answer.on("data", (data: Buffer) => (text += data.toString()));
        answer.on("end", () => resolve({ status: answer.statusCode!, body: text }));
      },
    );
    call.on("error", reject);
    call.end(body);
  });
}

describe("a server told to stop (R13)", () => {
  it(`answers all 50 requests in flight and exits 0, ${cases(50)} times`, async () => {
    for (let i = 0; i < cases(50); i++) {
      const { child, port, ended, taken } = await started();
      const agent = i % 2 === 0 ? new Agent({ keepAlive: true }) : undefined;
      const answers = Array.from({ length: 50 }, (_, k) => post(port, agent, JSON.stringify({ k })));
      await expect.poll(taken, { interval: 5, timeout: 10_000 }).toBe(50);
      child.kill("SIGTERM");
      const begun = performance.now();
      for (const [k, { status, body }] of (await Promise.all(answers)).entries()) {
        expect(status).toBe(200);
        expect(JSON.parse(body)).toEqual({ echoed: { k } });
      }
      expect(await ended).toBe(0);
      withinLimit("drain, ms", performance.now() - begun, 10_000);
      agent?.destroy();
    }
  }, 900_000);

  it("ends though a client holds its connection and sends nothing", async () => {
    const { child, port, ended } = await started();
    const held = connect(port, "127.0.0.1");
    await new Promise<void>((done) => held.once("connect", done));
    held.on("error", () => {});
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    held.destroy();
  });
});

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Status of a GET on a connection of its own; rejects where that is refused or torn. */
function get(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request({ port, host: "127.0.0.1", path, agent: false }, (answer) => {
      answer.resume();
      answer.once("end", () => resolve(answer.statusCode!));
    });
    call.once("error", reject);
    call.end();
  });
}

describe("a server that is replaced", () => {
  it("says at once that it is not ready, and answers new connections until the delay is over", async () => {
    const { child, port, ended } = await started({ DELAY_MS: "600" });
    expect(await get(port, "/readyz")).toBe(200);
    child.kill("SIGTERM");
    await expect.poll(() => get(port, "/readyz"), { interval: 20 }).toBe(503);
    expect(await get(port, "/quick")).toBe(200);
    expect(await ended).toBe(0);
    await expect(get(port, "/quick")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  const rollouts = soak ? 10 : 2;
  it(`loses no request of a client that opens a connection for each, through ${rollouts} rollouts`, async () => {
    const DELAY_MS = "1500";
    // what a Service knows: servers whose probe said yes when it was last asked
    let endpoints: Started[] = [];
    const all = new Set<Started>([await started({ DELAY_MS })]);
    let serving = true;
    const probes = (async () => {
      while (serving) {
        const asked = await Promise.all([...all].map(async (one) => [one, await get(one.port, "/readyz").catch(() => 0)] as const));
        endpoints = asked.filter(([, status]) => status === 200).map(([one]) => one);
        await pause(100);
      }
    })();
    await expect.poll(() => endpoints.length).toBe(1);
    let answered = 0;
    const failures: unknown[] = [];
    const client = (async () => {
      for (let i = 0; serving; i++) {
        const { port } = endpoints[i % endpoints.length]!;
        const status = await get(port, "/quick").catch((error: unknown) => error);
        if (status === 200) answered++;
        else failures.push(status);
      }
    })();
    for (let i = 0; i < rollouts; i++) {
      const [old] = [...all];
      const next = await started({ DELAY_MS });
      all.add(next);
      await expect.poll(() => endpoints.includes(next)).toBe(true);
      old!.child.kill("SIGTERM");
      expect(await old!.ended).toBe(0);
      all.delete(old!);
    }
    serving = false;
    await Promise.all([client, probes]);
    console.log(`${rollouts} rollouts: ${answered} answers, ${failures.length} failures`);
    expect(failures).toEqual([]);
    expect(answered).toBeGreaterThan(rollouts);
    for (const { child, ended } of all) {
      child.kill("SIGTERM");
      expect(await ended).toBe(0);
    }
  }, 60_000);
});

it(`R15: cuts ${cases(500)} slow sockets in time and answers others meanwhile`, async () => {
  const { child, port, ended } = await started({ REQUEST_MS: "1000" });
  const slow = Array.from({ length: cases(500) }, () => {
    const socket = connect(port, "127.0.0.1");
    let open = true;
    socket.on("error", () => {});
    socket.on("close", () => {
      open = false;
    });
    socket.write("POST /slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{");
    const drip = setInterval(() => socket.writable && socket.write(" "), 200);
    socket.on("close", () => clearInterval(drip));
    return { isOpen: () => open };
  });
  await new Promise((done) => setTimeout(done, 200));
  const times: number[] = [];
  for (let i = 0; i < 8; i++) {
    const from = performance.now();
    expect((await post(port, undefined, "{}")).status).toBe(200);
    times.push(performance.now() - from);
  }
  // the route itself takes 300 ms
  withinLimit("slowest answer, ms", Math.max(...times), 900);
  await expect.poll(() => slow.filter((s) => s.isOpen()).length, { timeout: 6000 }).toBe(0);
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
}, 60_000);
