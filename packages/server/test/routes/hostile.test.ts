// Requests made to break things (R6, R16, R18, R19, R21): never a 500, never a look outside, nothing of a patient in an answer or a log.

import { createServer as createTcp } from "node:net";
import { Writable } from "node:stream";
import { createEngine, type Engine } from "@biovlm/engine";
import { cases } from "@biovlm/testkit";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLogger, createMetrics, createServer, type Metrics, servingOptions } from "../../src/index.js";
import { greyPng } from "./grey-png.js";

let engine: Engine;
let app: FastifyInstance;
let metrics: Metrics;
let logged = "";
const png = Buffer.from(greyPng(40, 30));
const METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"] as const;

beforeAll(async () => {
  metrics = createMetrics({ processMetrics: false });
  const made = await createEngine({
    serve: [{ name: "tiny", model: "tiny" }],
    device: "cpu",
    threads: 1,
    pool: 0,
    observer: metrics.observer,
  });
  await made.ready;
  engine = made.engine;
  const sink = new Writable({
    write(chunk, _encoding, done) {
      logged += String(chunk);
      done();
    },
  });
  app = await createServer({
    engine,
    options: servingOptions({ maxBodyBytes: 100_000, maxImageBytes: 65_536 }),
    version: "0",
    metrics,
    logger: createLogger("debug", sink as never),
  });
  await app.ready();
});
afterAll(async () => {
  await app?.close();
  await engine?.close(1000);
});

/** A small deterministic stream of choices. */
function choices(seed: number) {
  let state = seed >>> 0;
  const below = (n: number) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return (state >>> 4) % n;
  };
  return { below, pick: <T>(items: readonly T[]): T => items[below(items.length)]! };
}

describe("hostile requests", () => {
  it("R21: never answers 500 to mutated requests over all routes and methods", async () => {
    const routes = [
      "/livez",
      "/readyz",
      "/metrics",
      "/v2",
      "/v2/health/live",
      "/v2/models/tiny",
      "/v2/models/tiny/ready",
      "/v2/models/tiny/infer",
      "/v2/models/tiny/versions/1/infer",
      "/v1/classify",
      "/v1/embeddings",
      "/v1/models",
      "/v1/banks",
      "/v1/banks/x",
      "/v1/banks/x/compile",
      "/openapi.json",
      "/docs",
    ];
    const bodies = [
      Buffer.from(JSON.stringify({ inputs: [{ name: "image", shape: [1], datatype: "BYTES", data: [png.toString("base64")] }] })),
      Buffer.from(JSON.stringify({ images: [png.toString("base64")], classes: ["a", "b"], rho: 0.5 })),
      Buffer.from(JSON.stringify({ model: "tiny", input: ["x", "y"], encoding_format: "base64" })),
      Buffer.from(JSON.stringify({ classes: ["a"] })),
      png,
      Buffer.alloc(0),
    ];
    const types = [
      "application/json",
      "image/png",
      "application/octet-stream",
      "multipart/form-data; boundary=x",
      "multipart/form-data",
      "text/plain",
      "application/json; charset=utf-16",
      "\u0001",
    ];
    const random = choices(20_261_124);
    const statuses = new Map<number, number>();
    for (let i = 0; i < cases(50_000); i++) {
      const body = Buffer.from(random.pick(bodies));
      for (let k = random.below(4); k > 0 && body.length > 0; k--) body[random.below(body.length)] = random.below(256);
      const cut = random.below(5) === 0 ? body.subarray(0, random.below(body.length + 1)) : body;
      const headers: Record<string, string> = { "content-type": random.pick(types) };
      if (random.below(4) === 0) headers["inference-header-content-length"] = random.pick(["0", "-1", "10", "99999999", "1e3", "x"]);
      if (random.below(6) === 0) headers["x-deadline-ms"] = random.pick(["0", "-5", "999999999999", "NaN"]);
      const query = random.pick([
        "",
        "?model=tiny",
        "?top=-1",
        "?rho=2",
        "?classes=a&classes=a",
        "?__proto__=1",
        "?explain=maybe",
        "?%00=%ff",
      ]);
      const method = random.pick(METHODS);
      const reply = await app.inject({
        method: method as "GET",
        url: random.pick(routes) + query,
        headers,
        ...(method === "GET" || method === "HEAD" || method === "TRACE" ? {} : { payload: cut }),
      });
      expect(reply.statusCode, `${method} ${reply.raw.req.url} ${reply.statusCode === 500 ? logged.slice(-900) : ""}`).not.toBe(500);
      statuses.set(reply.statusCode, (statuses.get(reply.statusCode) ?? 0) + 1);
    }
    expect(statuses.get(200) ?? 0).toBeGreaterThan(0);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  }, 1_800_000);

  it("R6: answers 400 or 404 to names that are paths, and touches no file", async () => {
    const random = choices(6);
    const parts = ["..", ".", "/", "\\", "%2e%2e", "%2f", "etc", "passwd", "\u0000", "~", "C:", "con", "..%c0%af", " "];
    for (let i = 0; i < cases(500); i++) {
      const name = Array.from({ length: 1 + random.below(6) }, () => random.pick(parts)).join("");
      for (const url of [
        `/v2/models/${encodeURIComponent(name)}`,
        `/v1/banks/${encodeURIComponent(name)}`,
        `/v2/models/${encodeURIComponent(name)}/infer`,
      ]) {
        // "." and ".." are gone before anything is sent
        if (new URL(url, "http://server").pathname !== url) continue;
        const reply = await app.inject(url);
        expect(url.endsWith("/infer") ? [400, 404, 405] : [400, 404], `${url} ${reply.body}`).toContain(reply.statusCode);
      }
    }
  });

  it("R18: never opens a connection that a request names", async () => {
    let connections = 0;
    const canary = createTcp((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => canary.listen(0, "127.0.0.1", resolve));
    const { port } = canary.address() as { port: number };
    const url = `http://127.0.0.1:${port}/a.png`;
    for (const [route, payload] of [
      ["/v1/classify", { images: [url] }],
      ["/v1/embeddings", { model: "tiny", input: [url] }],
      ["/v1/embeddings", { model: "tiny", input: { image_url: url } }],
      ["/v2/models/tiny/infer", { inputs: [{ name: "image", shape: [1], datatype: "BYTES", data: [url] }] }],
      ["/v1/banks/x/compile", { classes: [url] }],
    ] as const) {
      await app.inject({ method: "POST", url: route, payload, headers: { "content-type": "application/json" } });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(connections).toBe(0);
    await new Promise((resolve) => canary.close(resolve));
  });

  it("R19: writes nothing of a patient to logs, metrics or error bodies", async () => {
    const canary = "DOE-JANE-19700101";
    const boundary = "b";
    const form = Buffer.concat([
      Buffer.from(
        `--${boundary}\r\ncontent-disposition: form-data; name="image"; filename="${canary}.png"\r\ncontent-type: image/png\r\n\r\n`,
      ),
      Buffer.from(`${canary} not an image`),
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]);
    const replies = [
      await app.inject({
        method: "POST",
        url: "/v1/classify",
        headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
        payload: form,
      }),
      await app.inject({ method: "POST", url: `/v1/classify?bank=${canary}`, headers: { "content-type": "image/png" }, payload: png }),
      await app.inject({
        method: "POST",
        url: "/v1/classify",
        headers: { "content-type": "image/png", "x-patient": canary, referer: `http://x/${canary}` },
        payload: Buffer.from(canary),
      }),
      await app.inject(`/v1/nothing/${canary}`),
      await app.inject(`/v2/models/${canary}`),
      await app.inject(`/v2/models/${canary.repeat(40)}/versions/1`),
      await app.inject(`/v2/models/${canary}/%ff`),
      await app.inject(`/v1/models/${canary}`),
      await app.inject(`/v1/banks/${canary}`),
      await app.inject({ method: "DELETE", url: `/v1/banks/${canary}` }),
      await app.inject({ method: "POST", url: `/v1/classify?${canary}=1`, headers: { "content-type": "image/png" }, payload: png }),
      await app.inject({
        method: "POST",
        url: "/v1/embeddings",
        payload: JSON.stringify({ model: "tiny", input: "x", [canary]: 1 }),
        headers: { "content-type": "application/json" },
      }),
    ];
    for (const reply of replies) expect(reply.statusCode).toBeGreaterThanOrEqual(400);
    for (const reply of replies) expect(reply.body).not.toContain(canary);
    expect(await metrics.registry.metrics()).not.toContain(canary);
    expect(logged).not.toContain(canary);
  });
});
