// --cors-origin: pages of named origins may call, others may not, and keys decide as ever.

import { createHash } from "node:crypto";
import { createEngine, type Engine } from "@biovlm/engine";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, type ServingOptions, servingOptions } from "../../src/index.js";

const keys = [{ name: "clinic", sha256: createHash("sha256").update("secret").digest("hex"), scopes: ["infer"] as const }];
const viewer = "https://viewer.example";
const stranger = "https://viewer.example.evil.test";
let engine: Engine;

beforeAll(async () => {
  const made = await createEngine({ serve: [{ name: "tiny", model: "tiny" }], device: "cpu", threads: 1, pool: 0 });
  await made.ready;
  engine = made.engine;
});
afterAll(() => engine?.close(0));

const served = (given: Partial<ServingOptions>, withKeys = true) =>
  createServer({ engine, options: servingOptions(given), version: "0.1.0", keys: withKeys ? keys : [] });
const preflight = (origin: string) => ({
  method: "OPTIONS" as const,
  url: "/v1/classify",
  headers: {
    origin,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
    "sec-fetch-site": "cross-site",
  },
});

describe("pages of other origins", () => {
  it("are answered where they are named: the preflight without a key, the call with one, its refusals readable too", async () => {
    const app = await served({ corsOrigin: `${viewer}, http://localhost:3000/` });
    for (const origin of [viewer, "http://localhost:3000"]) {
      const before = await app.inject(preflight(origin));
      expect([before.statusCode, before.headers["access-control-allow-origin"]]).toEqual([204, origin]);
      expect(before.headers["access-control-allow-headers"]).toMatch(/authorization/);
      expect(before.headers["access-control-allow-methods"]).toMatch(/POST/);
      expect(before.headers["access-control-allow-credentials"]).toBeUndefined();
      const call = await app.inject({ url: "/v1/models", headers: { origin, authorization: "Bearer secret" } });
      expect([call.statusCode, call.headers["access-control-allow-origin"], call.headers["vary"]]).toEqual([200, origin, "Origin"]);
      const refused = await app.inject({ url: "/v1/models", headers: { origin } });
      expect([refused.statusCode, refused.headers["access-control-allow-origin"]]).toEqual([401, origin]);
      const none = await app.inject({ url: "/v1/nothing", headers: { origin } });
      expect([none.statusCode, none.headers["access-control-allow-origin"]]).toEqual([404, origin]);
    }
    await app.close();
  });

  it("are told nothing where they are not: another name, a longer one, another port or scheme, null", async () => {
    const app = await served({ corsOrigin: viewer });
    for (const origin of [stranger, "http://viewer.example", "https://viewer.example:8443", "null", "https://a.viewer.example"]) {
      for (const reply of [
        await app.inject(preflight(origin)),
        await app.inject({ url: "/v1/models", headers: { origin, authorization: "Bearer secret" } }),
      ]) {
        expect(reply.headers["access-control-allow-origin"], origin).toBeUndefined();
      }
    }
    await app.close();
    const without = await served({});
    const reply = await without.inject(preflight(viewer));
    expect([reply.statusCode, reply.headers["access-control-allow-origin"]]).toEqual([405, undefined]);
    await without.close();
  });

  it("pass a server without keys only where they are named", async () => {
    const app = await served({ corsOrigin: viewer }, false);
    const ask = async (origin: string) =>
      (await app.inject({ url: "/v1/models", headers: { origin, host: "127.0.0.1:8080", "sec-fetch-site": "cross-site" } })).statusCode;
    expect([await ask(viewer), await ask(stranger)]).toEqual([200, 403]);
    await app.close();
  });

  it("are origins and nothing else", async () => {
    for (const corsOrigin of [
      "*",
      "viewer.example",
      "https://viewer.example/path",
      "",
      "ftp://a",
      `${viewer},`,
      "https://user@a.example",
    ]) {
      await expect(served({ corsOrigin }), corsOrigin).rejects.toMatchObject({ code: "bad_option" });
    }
  });
});
