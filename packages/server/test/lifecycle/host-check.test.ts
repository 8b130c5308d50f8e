// A server without keys and a web page that means harm: rebound names, requests across sites, admin routes.

import type { Engine } from "@biovlm/engine";
import type { FastifyInstance } from "fastify";
import { afterEach, describe, expect, it } from "vitest";
import { createServer, type ServingOptions, servingOptions } from "../../src/index.js";

let uploads = 0;
const bank = { name: "default", digest: "d", classes: ["a", "b"], prompts: 1, rho: 1, recipe: "r", openSet: false, modelDigest: "d" };
const engine = {
  banks: () => [],
  models: () => [],
  readiness: () => ({ ready: true }),
  addBank: async () => {
    uploads++;
    return bank;
  },
} as unknown as Engine;
const apps: FastifyInstance[] = [];
afterEach(async () => {
  uploads = 0;
  for (const app of apps.splice(0)) await app.close();
});

async function served(
  given: Partial<ServingOptions> = {},
  keys: Parameters<typeof createServer>[0]["keys"] = [],
): Promise<FastifyInstance> {
  const app = await createServer({ engine, options: servingOptions(given), version: "0", keys });
  apps.push(app);
  return app;
}
const banks = async (app: FastifyInstance, headers: Record<string, string>) => (await app.inject({ url: "/v1/banks", headers })).statusCode;
const put = (app: FastifyInstance, headers: Record<string, string> = {}) =>
  app.inject({
    method: "PUT",
    url: "/v1/banks/default",
    headers: { "content-type": "application/octet-stream", ...headers },
    payload: Buffer.from("bank"),
  });

describe("a server without keys", () => {
  it("refuses a bank that a page uploads under a name of its own", async () => {
    const app = await served({ admin: true });
    const evil = { host: "evil.example:27311", origin: "http://evil.example:27311" };
    const reply = await put(app, { ...evil, "sec-fetch-site": "same-origin" });
    expect(reply.json()).toMatchObject({ status: 403, code: "forbidden" });
    expect(reply.body).not.toContain("evil");
    expect((await put(app, evil)).statusCode).toBe(403);
    expect(uploads).toBe(0);
    expect((await put(app)).statusCode).toBe(200);
    expect(uploads).toBe(1);
  });

  it.each([
    ["localhost", 200],
    ["LOCALHOST:8080", 200],
    ["127.0.0.1:8080", 200],
    ["[::1]:8080", 200],
    ["10.1.2.3", 200],
    ["lab.example:8080", 200],
    ["Lab.Example", 200],
    ["x.lab.example", 403],
    ["localhost.evil.example", 403],
    ["127.0.0.1.evil.example", 403],
    ["127.0.0.1@evil.example", 403],
    ["[evil]", 403],
    ["evil.example", 403],
  ])("asked as %s answers %i where lab.example is allowed", async (host, status) => {
    expect(await banks(await served({ allowHost: "lab.example, other.example" }), { host })).toBe(status);
  });

  it("refuses what a page of another site sends as a form, before its body", async () => {
    const reply = await (await served()).inject({
      method: "POST",
      url: "/v1/classify",
      headers: { "content-type": "multipart/form-data; boundary=x", "sec-fetch-site": "cross-site", origin: "https://evil.example" },
      payload: "--x--",
    });
    expect(reply.json()).toMatchObject({ status: 403, code: "forbidden" });
  });

  it.each([
    [{ "sec-fetch-site": "cross-site" }, 403],
    [{ "sec-fetch-site": "same-site", origin: "http://localhost:3000" }, 403],
    [{ origin: "http://evil.example" }, 403],
    [{ origin: "null" }, 403],
    [{ "sec-fetch-site": "same-origin", origin: "http://localhost:80" }, 200],
    [{ "sec-fetch-site": "none" }, 200],
    [{ origin: "http://localhost:8080", host: "localhost:8080" }, 200],
    [{}, 200],
  ])("takes %j as %i", async (headers, status) => {
    expect(await banks(await served(), headers as Record<string, string>)).toBe(status);
  });

  it("keeps its admin routes closed until --admin", async () => {
    const reply = await put(await served());
    expect(reply.statusCode).toBe(403);
    expect(reply.json().detail).toContain("--admin");
    expect(uploads).toBe(0);
    expect((await put(await served({ socket: "/x/y.sock" }))).statusCode).toBe(403);
  });

  it("leaves the page and the probes open to a link from anywhere", async () => {
    const app = await served();
    for (const url of ["/", "/livez", "/readyz"])
      expect((await app.inject({ url, headers: { "sec-fetch-site": "cross-site" } })).statusCode, url).toBe(200);
  });

  it("takes a gateway's names where --insecure opened an address, but no other site's page", async () => {
    const app = await served({ host: "0.0.0.0", insecure: true });
    expect(await banks(app, { host: "gateway.example" })).toBe(200);
    expect(await banks(app, { host: "gateway.example", "sec-fetch-site": "cross-site" })).toBe(403);
    expect((await put(app)).statusCode).toBe(403);
  });

  it("names an --allow-host that is no list of names", async () => {
    for (const allowHost of ["", "a b", "http://a", "a:80", "*", "a,,b"])
      await expect(served({ allowHost }), allowHost).rejects.toMatchObject({ code: "bad_option" });
  });
});

it("with keys looks at the key alone", async () => {
  const app = await served({}, [{ name: "k", sha256: "0".repeat(64), scopes: ["infer"] }]);
  expect(await banks(app, { host: "any.example", "sec-fetch-site": "cross-site" })).toBe(401);
});
