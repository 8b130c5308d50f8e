// The contract: every operation × status that /openapi.json documents is provoked on a running server, with the documented media type and a body that
// fits the documented schema; and no answer given here is undocumented. A status nobody can provoke does not belong in the document.

import { createHash } from "node:crypto";
import { createEngine, deferredEngine, type Engine, EngineError } from "@biovlm/engine";
import { tinyBank } from "@biovlm/testkit/tiny-bank";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMetrics, createServer, servingOptions } from "../../src/index.js";
import { greyPng } from "./grey-png.js";

interface Call {
  readonly method: "GET" | "POST" | "PUT";
  readonly url: string;
  readonly headers?: Record<string, string>;
  readonly payload?: Buffer | string | object;
  /** which server: one that serves, one that is closing, one that allows a single request a minute, one without keys, one whose model is not opened yet, one whose memory is too small */
  readonly on?: "serving" | "closing" | "rationed" | "keyless" | "opening" | "crowded";
}
type Response = { readonly description?: string; readonly content?: Record<string, { schema?: object }> };
type Document = { readonly paths: Record<string, Record<string, { responses: Record<string, Response> }>> };

const digest = (text: string) => createHash("sha256").update(text).digest("hex");
const keys = [
  { name: "clinic", sha256: digest("infer-key"), scopes: ["infer"] as const },
  { name: "operator", sha256: digest("admin-key"), scopes: ["admin"] as const },
];
const infer = { authorization: "Bearer infer-key" };
const wrong = { authorization: "Bearer wrong" };
const admin = { authorization: "Bearer admin-key" };
const png = Buffer.from(greyPng(80, 60));
const base64 = png.toString("base64");
// small on the wire, some tens of milliseconds to decode: a deadline of one is missed every time
const slow = Buffer.from(greyPng(3000, 3000));
const big = Buffer.alloc(300_000);
const json = { "content-type": "application/json" };
const engines: Engine[] = [];
const apps = {} as Record<"serving" | "closing" | "rationed" | "keyless" | "opening" | "crowded", FastifyInstance>;
let bank: Buffer;
let document: Document;

beforeAll(async () => {
  bank = Buffer.from(await tinyBank(["chest X-ray", "head CT"]));
  for (const name of ["serving", "closing", "rationed", "keyless"] as const) {
    const metrics = createMetrics({ processMetrics: false });
    const { engine, ready } = await createEngine({
      serve: [
        { name: "tiny", model: "tiny", bank: { name: "kinds", bytes: bank } },
        { name: "spare", model: "tiny" },
      ],
      device: "cpu",
      threads: 1,
      pool: 0,
      observer: metrics.observer,
    });
    await ready;
    if (name === "closing") await engine.close(0);
    engines.push(engine);
    const options = servingOptions({
      maxImages: 2,
      maxImageBytes: 65_536,
      maxBodyBytes: 250_000,
      ...(name === "rationed" ? { ratePerMinute: 1, authFailuresPerMinute: 1 } : { authFailuresPerMinute: 0 }),
    });
    const app = await createServer({ engine, options, version: "0.1.0", keys: name === "keyless" ? [] : keys, metrics });
    await app.ready();
    if (name === "rationed") {
      for (const headers of [infer, admin, wrong]) await app.inject({ url: "/v1/models", headers });
    }
    apps[name] = app;
  }
  const { engine: unopened } = deferredEngine(() => Promise.reject(new Error("never asked")));
  apps.opening = await createServer({ engine: unopened, options: servingOptions(), version: "0.1.0", keys });
  const [serving] = engines;
  const refused = () => Promise.reject(new EngineError("model_too_large", "model tiny — expected a smaller one, got this. Serve another."));
  const crowded = { load: refused, classify: refused, embedTexts: refused, compileBank: refused };
  const small = new Proxy(serving!, { get: (of, name) => Reflect.get(name in crowded ? crowded : of, name) });
  const bound = new Proxy(small, {
    get(of, name) {
      const value: unknown = Reflect.get(of, name);
      return typeof value === "function" ? value.bind(serving) : value;
    },
  });
  apps.crowded = await createServer({ engine: bound, options: servingOptions(), version: "0.1.0", keys });
  document = (await apps.serving.inject({ url: "/openapi.json" })).json();
}, 60_000);
afterAll(async () => {
  for (const app of Object.values(apps)) await app.close();
  for (const engine of engines) await engine.close(0);
});

/** How a family of guarded routes is refused whatever it does. */
function refusals(call: Call): Record<number, Call> {
  return {
    401: { ...call, headers: { ...call.headers, authorization: "Bearer wrong" } },
    403: { ...call, headers: { ...call.headers, "sec-fetch-site": "cross-site" }, on: "keyless" },
    429: { ...call, on: "rationed" },
    503: { ...call, on: "opening" },
  };
}

function inference(url: string, elsewhere: string): Record<number, Call> {
  const one = { name: "image", shape: [1], datatype: "BYTES" };
  const call = (payload: Call["payload"], headers: Record<string, string> = {}): Call => ({
    method: "POST",
    url,
    headers: { ...infer, ...json, ...headers },
    payload: payload!,
  });
  const sound = call({ inputs: [{ ...one, data: [base64] }] });
  return {
    200: sound,
    ...refusals(sound),
    400: call({ inputs: [] }),
    404: { ...sound, url: elsewhere },
    408: call({ inputs: [{ ...one, data: [slow.toString("base64")] }] }, { "x-deadline-ms": "1" }),
    413: call(big),
    415: { ...sound, headers: { ...infer, "content-type": "text/plain" } },
    422: call({ inputs: [{ ...one, data: [png.subarray(0, 60).toString("base64")] }] }),
    503: { ...sound, on: "closing" },
    507: { ...sound, on: "crowded" },
  };
}

function modelRoutes(path: string, elsewhere: string, bad: string): Record<string, Record<number, Call>> {
  const get = (url: string): Call => ({ method: "GET", url, headers: infer });
  const at = (suffix: string) => {
    const sound = get(`${path}${suffix}`);
    return { 200: sound, ...refusals(sound), 400: get(`${bad}${suffix}`), 404: get(`${elsewhere}${suffix}`) };
  };
  return {
    "": at(""),
    "/ready": { ...at("/ready"), 503: { ...get(`${path}/ready`), on: "closing" } },
    "/infer": inference(`${path}/infer`, `${elsewhere}/infer`),
  };
}

/** Operation → status → the request that gets it. */
function provokers(): Record<string, Record<number, Call>> {
  const open = (url: string): Record<number, Call> => ({ 200: { method: "GET", url } });
  const listed = (url: string): Record<number, Call> => {
    const call: Call = { method: "GET", url, headers: infer };
    return { 200: call, ...refusals(call) };
  };
  const classify = (payload: Buffer | object, type = "image/png", query = "", headers = {}): Call => ({
    method: "POST",
    url: `/v1/classify?model=tiny${query.replace("?", "&")}`,
    headers: { ...infer, "content-type": type, ...headers },
    payload,
  });
  const embed = (payload: object | Buffer, headers = {}): Call => ({
    method: "POST",
    url: "/v1/embeddings",
    headers: { ...infer, ...json, ...headers },
    payload,
  });
  const upload = (payload: Buffer, type = "application/octet-stream", url = "/v1/banks/more"): Call => ({
    method: "PUT",
    url,
    headers: { ...admin, "content-type": type },
    payload,
  });
  const compile = (payload: object | Buffer | string, url = "/v1/banks/kinds/compile", type = "application/json"): Call => ({
    method: "POST",
    url,
    headers: { ...admin, "content-type": type },
    payload,
  });
  const index = (payload: object | Buffer | string, type = "application/json"): Call => ({
    method: "POST",
    url: "/v2/repository/index",
    headers: { ...infer, "content-type": type },
    payload,
  });
  /** Loading and unloading a name that nothing else here asks. */
  const change = (what: string): Record<number, Call> => {
    const call = (payload: Call["payload"], headers: Record<string, string> = {}): Call => ({
      method: "POST",
      url: `/v2/repository/models/spare/${what}`,
      headers: { ...admin, ...json, ...headers },
      payload: payload!,
    });
    return {
      200: call({}),
      ...refusals(call({})),
      400: call({ parameters: { config: "{}" } }),
      403: call({}, infer),
      404: { ...call({}), url: `/v2/repository/models/other/${what}` },
      408: call({}, { "x-deadline-ms": "0" }),
      413: call(big),
      415: call("x", { "content-type": "text/plain" }),
    };
  };
  const text = { model: "tiny", input: "a chest X-ray" };
  const uri = (bytes: Buffer) => `data:image/png;base64,${bytes.toString("base64")}`;
  const classes = { classes: ["chest X-ray", "head CT"] };
  const of = modelRoutes("/v2/models/tiny", "/v2/models/other", "/v2/models/..%2fetc");
  const versioned = modelRoutes("/v2/models/tiny/versions/1", "/v2/models/tiny/versions/9", "/v2/models/..%2fetc/versions/1");
  const { 429: _unrationed, 503: _always, ...metricsRefused } = refusals({ method: "GET", url: "/metrics" });
  const bankRead = listed("/v1/banks/kinds");
  return {
    "get /livez": open("/livez"),
    "get /readyz": { ...open("/readyz"), 503: { method: "GET", url: "/readyz", on: "closing" } },
    "get /metrics": {
      200: { method: "GET", url: "/metrics", headers: infer },
      ...metricsRefused,
      429: { method: "GET", url: "/metrics", headers: wrong, on: "rationed" },
    },
    "get /v2": open("/v2"),
    "get /v2/health/live": open("/v2/health/live"),
    "get /v2/health/ready": { ...open("/v2/health/ready"), 503: { method: "GET", url: "/v2/health/ready", on: "closing" } },
    "get /v2/models/{model}": of[""]!,
    "get /v2/models/{model}/ready": of["/ready"]!,
    "post /v2/models/{model}/infer": of["/infer"]!,
    "get /v2/models/{model}/versions/{version}": versioned[""]!,
    "get /v2/models/{model}/versions/{version}/ready": versioned["/ready"]!,
    "post /v2/models/{model}/versions/{version}/infer": versioned["/infer"]!,
    "post /v1/classify": {
      200: classify(png),
      ...refusals(classify(png)),
      400: classify(png, "image/png", "?rho=0"),
      404: classify(png, "image/png", "?bank=other"),
      408: classify(slow, "image/png", "", { "x-deadline-ms": "1" }),
      413: classify(big),
      415: classify(Buffer.from("8BPS, no image that is read"), "image/png"),
      422: classify(png.subarray(0, 60)),
      503: { ...classify(png), on: "closing" },
      507: { ...classify(png), on: "crowded" },
    },
    "post /v1/embeddings": {
      200: embed(text),
      ...refusals(embed(text)),
      400: embed({ model: "tiny", input: [[1, 2]] }),
      404: embed({ model: "other", input: "x" }),
      408: embed({ model: "tiny", input: uri(slow) }, { "x-deadline-ms": "1" }),
      413: embed(big),
      415: embed(Buffer.from("x"), { "content-type": "text/plain" }),
      422: embed({ model: "tiny", input: uri(png.subarray(0, 60)) }),
      503: { ...embed(text), on: "closing" },
      507: { ...embed(text), on: "crowded" },
    },
    "get /v1/models": listed("/v1/models"),
    "get /v1/models/{model}": {
      ...listed("/v1/models/tiny"),
      400: { method: "GET", url: "/v1/models/..%2fx", headers: infer },
      404: { method: "GET", url: "/v1/models/other", headers: infer },
    },
    "get /v2/models": listed("/v2/models"),
    "post /v2/repository/index": {
      200: index({}),
      ...refusals(index({})),
      400: index({ ready: "no" }),
      413: index(big),
      415: index("x", "text/plain"),
    },
    "post /v2/repository/models/{model}/unload": change("unload"),
    "post /v2/repository/models/{model}/load": {
      ...change("load"),
      507: { method: "POST", url: "/v2/repository/models/spare/load", headers: { ...admin, ...json }, payload: {}, on: "crowded" },
    },
    "get /v1/banks": listed("/v1/banks"),
    "get /v1/served": listed("/v1/served"),
    "get /v1/banks/{name}": {
      ...bankRead,
      400: { ...bankRead[200]!, url: "/v1/banks/..%2fx" },
      404: { ...bankRead[200]!, url: "/v1/banks/other" },
    },
    "put /v1/banks/{name}": {
      200: upload(bank),
      ...refusals(upload(bank)),
      400: upload(bank.subarray(0, 500)),
      403: { ...upload(bank), headers: { ...infer, "content-type": "application/octet-stream" } },
      413: upload(big),
      415: upload(bank, "text/plain"),
    },
    "post /v1/banks/{name}/compile": {
      200: compile(classes),
      ...refusals(compile(classes)),
      400: compile({ classes: [] }),
      403: { ...compile(classes), headers: { ...infer, ...json } },
      404: compile(classes, "/v1/banks/other/compile"),
      413: compile(big),
      415: compile("x", "/v1/banks/kinds/compile", "text/plain"),
      503: { ...compile(classes), on: "closing" },
      507: { ...compile(classes), on: "crowded" },
    },
  };
}

async function ask({ on = "serving", method, url, headers = {}, payload }: Call) {
  return apps[on].inject({ method, url, headers, ...(payload === undefined ? {} : { payload: payload as Buffer }) });
}

describe("the contract", () => {
  it("is the document's own list: every operation and status has a request, and nothing more", () => {
    const documented = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(
        ([method, { responses }]) => [`${method} ${path}`, Object.keys(responses).map(Number).sort()] as const,
      ),
    );
    expect(documented.length).toBeGreaterThanOrEqual(19);
    const provoked = Object.entries(provokers()).map(([operation, calls]) => [operation, Object.keys(calls).map(Number).sort()]);
    expect(Object.fromEntries(provoked)).toEqual(Object.fromEntries(documented));
  });

  it("holds for every operation × status: the status, the media type and the body's schema", async () => {
    const ajv = new Ajv2020({ strict: false });
    let count = 0;
    for (const [operation, calls] of Object.entries(provokers())) {
      const [method, path] = operation.split(" ") as [string, string];
      for (const [status, call] of Object.entries(calls)) {
        const reply = await ask(call);
        const where = `${operation} → ${status}: ${reply.body.slice(0, 300)}`;
        expect(reply.statusCode, where).toBe(Number(status));
        const { content } = document.paths[path]![method]!.responses[status]!;
        const type = String(reply.headers["content-type"]).split(";")[0]!;
        expect(Object.keys(content ?? {}), where).toContain(type);
        const schema = content![type]!.schema;
        if (/json/.test(type)) expect(ajv.validate(schema ?? {}, reply.json()), `${where} ${ajv.errorsText()}`).toBe(true);
        if (status === "429" || status === "503") expect(/readyz/.test(path) || reply.headers["retry-after"], where).toBeTruthy();
        if (status === "401") expect(reply.headers["www-authenticate"], where).toMatch(/^Bearer/);
        count++;
      }
    }
    console.log(`contract: ${count} operation × status pairs provoked`);
    expect(count).toBeGreaterThan(90);
  });

  it("R20: asks a key of every operation but probes and the server's name, whatever the method", async () => {
    const all = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { responses }]) => ({ operation: `${method} ${path}`, guarded: "401" in responses })),
    );
    expect(
      all
        .filter((o) => !o.guarded)
        .map((o) => o.operation)
        .sort(),
    ).toEqual(["get /livez", "get /readyz", "get /v2", "get /v2/health/live", "get /v2/health/ready"].sort());
    let count = 0;
    for (const path of new Set(all.filter((o) => o.guarded).map((o) => o.operation.split(" ")[1]!))) {
      const url = path.replace("{model}", "tiny").replace("{version}", "1").replace("{name}", "kinds");
      for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] as const) {
        for (const headers of [{}, { authorization: "Bearer wrong" }, { authorization: "Bearer " }, { authorization: "Basic infer-key" }]) {
          const reply = await apps.serving.inject({ method: method as "GET", url, headers });
          expect([401, 404, 405], `${method} ${url} ${reply.statusCode}`).toContain(reply.statusCode);
          if (all.some((o) => o.operation === `${method.toLowerCase()} ${path}`)) expect(reply.statusCode, `${method} ${url}`).toBe(401);
          count++;
        }
      }
    }
    console.log(`keys: ${count} calls without one refused`);
  });

  it("leaves probes unrationed: a busy server does not look dead", async () => {
    for (const url of ["/livez", "/readyz", "/v2/health/live", "/v2/health/ready", "/metrics"]) {
      for (let i = 0; i < 3; i++) expect((await ask({ method: "GET", url, headers: infer, on: "rationed" })).statusCode, url).toBe(200);
    }
  });
});
