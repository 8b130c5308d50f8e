// A server that listens while its model is still being opened: it lives, says why it is not ready, and refuses the rest with a time to come back.

import { createHash } from "node:crypto";
import { createEngine, deferredEngine, type EngineOpening } from "@biovlm/engine";
import type { FastifyInstance } from "fastify";
import { afterEach, describe, expect, it } from "vitest";
import { createServer, servingOptions } from "../../src/index.js";

const keys = [{ name: "k", sha256: createHash("sha256").update("secret").digest("hex"), scopes: ["admin"] as const }];
const headers = { authorization: "Bearer secret" };
let app: FastifyInstance | undefined;
afterEach(() => app?.close());

/** A server over an engine whose opening waits until it is let go. */
async function serving(open: EngineOpening) {
  let letGo = () => {};
  const held = new Promise<void>((done) => {
    letGo = done;
  });
  const deferred = deferredEngine(async (say) => {
    say("opening the model");
    await held;
    return open(say);
  });
  app = await createServer({ engine: deferred.engine, options: servingOptions(), version: "0.1.0", keys });
  return { app, letGo, ...deferred };
}

const tiny: EngineOpening = () => createEngine({ serve: [{ name: "tiny", model: "tiny" }], device: "cpu", threads: 1, pool: 0 });

/** A call of every route that needs a model. */
const CALLS = [
  { url: "/v1/models" },
  { url: "/v1/banks" },
  { url: "/v1/served" },
  { url: "/v2/models/tiny" },
  { url: "/v2/models/tiny/ready" },
  { url: "/v2/health/ready" },
  { url: "/v1/embeddings", method: "POST", payload: { input: "a scan", model: "tiny" } },
  { url: "/v1/banks/b", method: "PUT", payload: Buffer.from("x"), headers: { "content-type": "application/octet-stream" } },
  { url: "/v1/classify", method: "POST", payload: Buffer.from("x"), headers: { "content-type": "image/png" } },
  { url: "/v2/models/tiny/infer", method: "POST", payload: { inputs: [] } },
] as const;

describe("while its model is being opened, a server", () => {
  it("lives, says why it is not ready, refuses with 503 and Retry-After whoever has a key, and then answers", async () => {
    const { app, open, letGo, engine } = await serving(tiny);
    expect((await app.inject("/readyz")).json()).toMatchObject({ ready: false, reason: "not opened yet" });
    const ready = open();
    expect((await app.inject("/livez")).statusCode).toBe(200);
    const state = await app.inject("/readyz");
    expect([state.statusCode, state.json()]).toEqual([503, { ready: false, reason: "opening the model", models: [] }]);
    for (const { url, ...call } of CALLS) {
      const answer = await app.inject({ url, ...call, headers: { ...("headers" in call ? call.headers : {}), ...headers } });
      expect(answer.statusCode, `${url} ${answer.body}`).toBe(503);
      expect(Number(answer.headers["retry-after"]), url).toBeGreaterThan(0);
      expect(answer.body, url).toMatch(/not_ready/);
      if (!url.includes("health")) expect((await app.inject({ url, ...call })).statusCode, url).toBe(401);
    }
    letGo();
    await ready;
    expect((await app.inject("/readyz")).json()).toMatchObject({ ready: true, models: [{ name: "tiny", ready: true }] });
    expect((await app.inject({ url: "/v1/models", headers })).statusCode).toBe(200);
    await engine.close(0);
    expect((await app.inject({ url: "/v1/models", headers })).statusCode).toBe(503);
  });

  it("rejects as the opening did, and names its code meanwhile", async () => {
    const { app, open, letGo } = await serving(() => createEngine({ serve: [{ name: "x", model: "no-such-model" }], pool: 0 }));
    letGo();
    await expect(open()).rejects.toMatchObject({ code: "not_found" });
    const state = await app.inject("/readyz");
    expect([state.statusCode, state.json()]).toEqual([503, { ready: false, reason: "not_found", models: [] }]);
  });

  it("told to stop, closes what comes of the opening", async () => {
    let closed = false;
    const { open, letGo, engine } = await serving(async (say) => {
      const made = await tiny(say);
      const close = made.engine.close.bind(made.engine);
      made.engine.close = (graceMs) => {
        closed = true;
        return close(graceMs);
      };
      return made;
    });
    const opened = open();
    await engine.close(0);
    expect(engine.readiness()).toEqual({ ready: false, reason: "draining" });
    letGo();
    await opened;
    expect(closed).toBe(true);
  });
});
