// Who asks with which key: rates of each key, wrong keys of an address, proxies that are believed, and what log and metrics say of a refusal.

import { createHash } from "node:crypto";
import type { Engine } from "@biovlm/engine";
import type { FastifyInstance } from "fastify";
import { afterEach, describe, expect, it } from "vitest";
import { createLogger, createMetrics, createServer, type ServingOptions, servingOptions } from "../../src/index.js";
import { addressGroup, trustedProxies } from "../../src/lifecycle/caller-addresses.js";

const key = (name: string, scope: "infer" | "admin") => ({
  name,
  sha256: createHash("sha256").update(name).digest("hex"),
  scopes: [scope] as const,
});
const keys = [key("clinic", "infer"), key("ward", "infer")];
const engine = { models: () => [], banks: () => [], readiness: () => ({ ready: true }) } as unknown as Engine;
let app: FastifyInstance;
afterEach(() => app.close());

/** A server, and a call of it with a key from an address that a proxy names. */
async function serving(given: Partial<ServingOptions>) {
  const metrics = createMetrics({ processMetrics: false });
  const lines: string[] = [];
  const logger = createLogger("info", { write: (line) => lines.push(line) });
  app = await createServer({ engine, options: servingOptions(given), version: "0.1.0", keys, metrics, logger });
  const ask = async (name: string, from?: string, url = "/v1/banks", method: "GET" | "PUT" = "GET") => {
    const headers = {
      ...(name === "" ? {} : { authorization: `Bearer ${name}` }),
      ...(from === undefined ? {} : { "x-forwarded-for": from }),
    };
    const { statusCode, headers: got, body } = await app.inject({ url, method, headers });
    return { status: statusCode, retryAfter: Number(got["retry-after"] ?? 0), body };
  };
  const statuses = async (count: number, name: string, from?: string) => {
    const all: number[] = [];
    for (let i = 0; i < count; i++) all.push((await ask(name, from)).status);
    return all;
  };
  return { metrics, lines, ask, statuses };
}

const times = (count: number, status: number) => Array<number>(count).fill(status);

describe("wrong keys", () => {
  it("are refused with 429 after so many from one address, which locks out nobody with a right key", async () => {
    const { ask, statuses, metrics } = await serving({ authFailuresPerMinute: 20 });
    expect(await statuses(150, "guess")).toEqual([...times(20, 401), ...times(130, 429)]);
    const { retryAfter, body } = await ask("another-guess");
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(60);
    expect(JSON.parse(body)).toMatchObject({ code: "rate_limited", status: 429 });
    expect((await ask("clinic")).status).toBe(200);
    // no key at all is no guess
    expect((await ask("")).status).toBe(401);
    const text = await metrics.registry.metrics();
    for (const [reason, count] of [
      ["unknown", 20],
      ["limited", 131],
      ["missing", 1],
    ] as const)
      expect(text).toContain(`biovlm_auth_failures_total{reason="${reason}"} ${count}`);
  });

  it("are counted by the address that a trusted proxy names, and by the proxy's own where it is not trusted", async () => {
    const trusted = await serving({ authFailuresPerMinute: 2, trustProxy: "127.0.0.0/8" });
    expect(await trusted.statuses(4, "guess", "192.0.2.1")).toEqual([401, 401, 429, 429]);
    expect(await trusted.statuses(2, "guess", "192.0.2.2")).toEqual([401, 401]);
    // what the client itself put before is not believed
    expect((await trusted.ask("guess", "198.51.100.9, 192.0.2.1")).status).toBe(429);
    await app.close();
    const bare = await serving({ authFailuresPerMinute: 2 });
    expect(await bare.statuses(2, "guess", "192.0.2.1")).toEqual([401, 401]);
    expect((await bare.ask("guess", "192.0.2.2")).status).toBe(429);
  });

  it("stand in the log by the key's name and the error's code, and never by what was sent", async () => {
    const { ask, lines, metrics } = await serving({});
    await ask("guess-me-not", "192.0.2.77");
    await ask("clinic", "192.0.2.77", "/v1/banks/b", "PUT");
    await ask("ward");
    const answered = lines.map((line) => JSON.parse(line)).filter((line) => line.msg === "request completed");
    expect(answered.map((line) => line.res)).toEqual([
      { status: 401, code: "unauthorized" },
      { status: 403, key: "clinic", code: "forbidden" },
      { status: 200, key: "ward" },
    ]);
    expect(lines.join("")).not.toMatch(/guess-me-not|192\.0\.2/);
    expect(await metrics.registry.metrics()).toContain('biovlm_auth_failures_total{reason="scope"} 1');
  });
});

it("a key beside another's Authorization, such as a gateway's, is a key", async () => {
  await serving({});
  const status = async (headers: Record<string, string>) => (await app.inject({ url: "/v1/banks", headers })).statusCode;
  expect(await status({ authorization: "Basic Z2F0ZTp3YXk=", "x-api-key": "clinic" })).toBe(200);
  expect(await status({ authorization: "Basic Z2F0ZTp3YXk=" })).toBe(401);
  // a token of our own scheme is what was meant
  expect(await status({ authorization: "Bearer guess", "x-api-key": "clinic" })).toBe(401);
});

describe("a rate", () => {
  it("is each key's own, whichever address it comes from", async () => {
    const { statuses, ask } = await serving({ ratePerMinute: 5 });
    expect(await statuses(7, "clinic")).toEqual([...times(5, 200), 429, 429]);
    expect(await statuses(5, "ward")).toEqual(times(5, 200));
    expect((await ask("ward")).status).toBe(429);
  });
});

describe("addresses", () => {
  it("of IPv6 count by the network of a subscriber, those of IPv4 by themselves, however they are written", () => {
    for (const [given, group] of [
      ["192.0.2.7", "192.0.2.7"],
      ["::ffff:192.0.2.7", "192.0.2.7"],
      ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
      ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
      ["2001:0db8:1:2::9%eth0", "2001:db8:1:2::/64"],
      ["::1", "0:0:0:0::/64"],
      ["fe80::1:2:3:4", "fe80:0:0:0::/64"],
      [undefined, "unix socket"],
    ] as const)
      expect(addressGroup(given), String(given)).toBe(group);
  });

  it("of proxies are networks, addresses or the unix socket; anything else is refused", () => {
    expect(trustedProxies(undefined)).toBeUndefined();
    const trust = trustedProxies("10.0.0.0/8, 192.0.2.7, 2001:db8::/32, unix")!;
    for (const yes of ["10.1.2.3", "192.0.2.7", "::ffff:10.0.0.1", "2001:db8:9::1", undefined]) expect(trust(yes), String(yes)).toBe(true);
    for (const no of ["11.0.0.1", "192.0.2.8", "2001:db9::1", "proxy"]) expect(trust(no), no).toBe(false);
    expect(trustedProxies("10.0.0.0/8")!(undefined)).toBe(false);
    for (const bad of ["", "true", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/x"])
      expect(() => trustedProxies(bad), bad).toThrow(expect.objectContaining({ code: "bad_option" }));
  });
});
