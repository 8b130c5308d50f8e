// What clients that were not written for this server send: other names of types, no type, keys in another header, slashes, methods, compressed bodies,
// token arrays, addresses. Each is answered rightly, or refused in words that say what to send.

import { createHash } from "node:crypto";
import { deflateSync, gzipSync } from "node:zlib";
import type { Engine } from "@biovlm/engine";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, servingOptions } from "../../src/index.js";
import { greyPng } from "./grey-png.js";
import { kindsEngine } from "./kinds-engine.js";

const digest = (text: string) => createHash("sha256").update(text).digest("hex");
const keys = [
  { name: "clinic", sha256: digest("secret"), scopes: ["infer"] as const },
  { name: "operator", sha256: digest("operator"), scopes: ["infer", "admin"] as const },
];
const authorization = "Bearer secret";
const png = Buffer.from(greyPng(80, 60));
let engine: Engine;
let app: FastifyInstance;

beforeAll(async () => {
  engine = await kindsEngine();
  app = await createServer({ engine, options: servingOptions({ maxImageBytes: 65_536, maxBodyBytes: 200_000 }), version: "0.1.0", keys });
  await app.ready();
});
afterAll(async () => {
  await app?.close();
  await engine?.close(0);
});

type Method = "GET" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "QUERY";
const ask = (method: Method, url: string, payload?: Buffer | object, headers: Record<string, string> = {}) =>
  // its types do not know QUERY
  app.inject({
    method: method as Exclude<Method, "QUERY">,
    url,
    headers: { authorization, ...headers },
    ...(payload === undefined ? {} : { payload }),
  });
const embed = (body: object) => ask("POST", "/v1/embeddings", { model: "tiny", ...body });
const infer = (body: object) => ask("POST", "/v2/models/tiny/infer", body);
const image = { name: "image", shape: [1], datatype: "BYTES", data: [png.toString("base64")] };

describe("names of models", () => {
  it("are listed as KServe and Triton list them, and one is retrieved as OpenAI's clients do", async () => {
    expect((await ask("GET", "/v2/models")).json()).toEqual({ models: ["tiny"] });
    const ready = { name: "tiny", version: "1", state: "READY", reason: "" };
    expect((await ask("POST", "/v2/repository/index")).json()).toEqual([ready]);
    expect((await ask("POST", "/v2/repository/index", { ready: true })).json()).toEqual([ready]);
    // as curl -d sends it
    const form = { authorization, "content-type": "application/x-www-form-urlencoded" };
    const index = await app.inject({ method: "POST", url: "/v2/repository/index", headers: form, payload: '{"ready":true}' });
    expect(index.json()).toEqual([ready]);
    expect((await ask("GET", "/v1/models/tiny")).json()).toEqual({ id: "tiny", object: "model", created: 0, owned_by: "biovlm" });
    const none = await ask("GET", "/v1/models/other");
    expect([none.statusCode, none.json().error.code, none.json().error.message]).toEqual([
      404,
      "unknown_model",
      expect.stringContaining("expected one of tiny"),
    ]);
  });
});

describe("paths and methods", () => {
  it("may have a slash too many", async () => {
    for (const url of ["/v1/models/", "//v1/models", "/v2//models/tiny/", "/livez/"])
      expect((await ask("GET", url)).statusCode, url).toBe(200);
    expect((await ask("POST", "/v1/classify/", png, { "content-type": "image/png" })).statusCode).toBe(200);
    expect((await app.inject("/v1/models/")).statusCode).toBe(401);
  });

  it("of another method are 405 with Allow, in the form of the route's family; unknown paths are 404", async () => {
    const cases: [Method, string, string, string][] = [
      ["GET", "/v1/classify", "POST", "problem"],
      ["DELETE", "/v1/banks/kinds", "GET, HEAD, PUT", "problem"],
      ["POST", "/v2/models/tiny", "GET, HEAD", "protocol"],
      ["PUT", "/v2/models/tiny/infer/", "POST", "protocol"],
      ["DELETE", "/v1/embeddings", "POST", "openai"],
      ["OPTIONS", "/v1/classify?x=1", "POST", "problem"],
      // of which Fastify would want a media type first
      ["QUERY", "/v2/models/tiny", "GET, HEAD", "protocol"],
      ["QUERY", "/livez", "GET, HEAD", "problem"],
    ];
    for (const [method, url, allow, form] of cases) {
      const reply = await ask(method, url);
      expect([reply.statusCode, reply.headers["allow"]], `${method} ${url}`).toEqual([405, allow]);
      const said = reply.json();
      const code = form === "openai" ? said.error.code : form === "protocol" ? said.error.split(":")[0] : said.code;
      expect(code, url).toBe("method_not_allowed");
    }
    for (const url of ["/v1/nothing", "/v2/models/tiny/versions", "/v2x"]) expect((await ask("GET", url)).statusCode, url).toBe(404);
  });

  it("that are too long or cannot be read get the documented form, after the key and without the name", async () => {
    const long = `/v2/models/${"PATIENT-DOE-".repeat(30)}/versions/1`;
    expect((await app.inject(long)).statusCode).toBe(401);
    for (const url of [long, "/v2/models/PATIENT-DOE/versions/%ff", "/v2/models/PATIENT%ZZ"]) {
      const reply = await ask("GET", url);
      expect([reply.statusCode, Object.keys(reply.json())], url).toEqual([400, ["error"]]);
      expect(reply.body).not.toContain("PATIENT");
    }
    expect((await ask("GET", "/v1/banks/%ff")).json()).toMatchObject({ code: "bad_request", status: 400 });
  });
});

describe("keys", () => {
  it("come with any case of Bearer, or as X-API-Key; a wrong Authorization is not helped by the other", async () => {
    const status = async (headers: Record<string, string>) => (await app.inject({ url: "/v1/models", headers })).statusCode;
    for (const scheme of ["bearer", "BEARER", "Bearer  "]) expect(await status({ authorization: `${scheme} secret` }), scheme).toBe(200);
    expect(await status({ "x-api-key": "secret" })).toBe(200);
    expect(await status({ "x-api-key": "other" })).toBe(401);
    expect(await status({ "x-api-key": "secret", authorization: "Bearer other" })).toBe(401);
    expect(await status({ authorization: "Basic secret" })).toBe(401);
  });
});

describe("bodies", () => {
  it("have the names that clients give their types, or none: the content says what they are", async () => {
    const types = ["image/jpg", "image/x-png", "IMAGE/PNG", "binary/octet-stream", "application/octet-stream", ""];
    const first = (await ask("POST", "/v1/classify", png, { "content-type": "image/png" })).json().results;
    for (const type of types) {
      const reply = await ask("POST", "/v1/classify", png, type === "" ? {} : { "content-type": type });
      expect([reply.statusCode, reply.json().results], type).toEqual([200, first]);
    }
    const upload = await ask("PUT", "/v1/banks/x", Buffer.from("x"));
    expect(upload.statusCode).toBe(403);
  });

  it("of another type are refused with the types that the route takes", async () => {
    const reply = await ask("POST", "/v1/classify", png, { "content-type": "text/plain" });
    expect(reply.statusCode).toBe(415);
    expect(reply.json().detail).toMatch(/expected one of image\/png, image\/jpeg, .*multipart\/form-data, application\/json/);
    const openai = await ask("POST", "/v1/embeddings", Buffer.from("x"), { "content-type": "text/plain" });
    expect([openai.statusCode, openai.json().error.message]).toEqual([415, expect.stringContaining("expected one of application/json")]);
  });

  it("are inflated from gzip and deflate, within the limits of what is not compressed", async () => {
    const plain = (await ask("POST", "/v1/classify", png, { "content-type": "image/png" })).json().results;
    for (const [encoding, squeeze] of [
      ["gzip", gzipSync],
      ["deflate", deflateSync],
      ["x-gzip", gzipSync],
    ] as const) {
      const reply = await ask("POST", "/v1/classify", squeeze(png), { "content-type": "image/png", "content-encoding": encoding });
      expect([reply.statusCode, reply.json().results], encoding).toEqual([200, plain]);
    }
    const json = gzipSync(JSON.stringify({ model: "tiny", input: "a chest X-ray" }));
    const embedded = await ask("POST", "/v1/embeddings", json, { "content-type": "application/json", "content-encoding": "gzip" });
    expect(embedded.statusCode).toBe(200);
    // a megabyte of nothing in a kilobyte
    for (const [url, type] of [
      ["/v1/classify", "image/png"],
      ["/v1/embeddings", "application/json"],
      ["/v2/models/tiny/infer", "application/octet-stream"],
    ] as const) {
      const bomb = await ask("POST", url, gzipSync(Buffer.alloc(1 << 20, 32)), { "content-type": type, "content-encoding": "gzip" });
      expect(bomb.statusCode, url).toBe(413);
    }
    for (const body of [png, gzipSync(png).subarray(0, 40)]) {
      const damaged = await ask("POST", "/v1/classify", body, { "content-type": "image/png", "content-encoding": "gzip" });
      expect([damaged.statusCode, damaged.json().code]).toEqual([400, "bad_request"]);
    }
    const unknown = await ask("POST", "/v1/classify", png, { "content-type": "image/png", "content-encoding": "br" });
    expect([unknown.statusCode, unknown.json().detail]).toEqual([415, expect.stringContaining("gzip, deflate or none")]);
  });
});

describe("POST /v1/embeddings", () => {
  it("refuses what it would answer with something else than was meant, and says what to send", async () => {
    const cases: [object, RegExp][] = [
      [{ input: "https://example.org/a.png" }, /never fetched/],
      [{ input: ["fine", "s3://bucket/a.png"] }, /input 1 .*never fetched/],
      [{ input: "" }, /got nothing/],
      [{ input: ["fine", " \n"] }, /input 1 .*got nothing/],
      [{ input: [1, 2, 3] }, /check_embedding_ctx_length=False/],
      [{ input: [[1, 2], [3]] }, /check_embedding_ctx_length=False/],
      [{ input: "x", truncate: "NONE" }, /truncate — expected true or END/],
      [{ input: "x", normalize: false }, /normalize — expected true/],
      [{ input: "x", instruction: "find" }, /expected only model, input, .*truncate/],
    ];
    for (const [body, message] of cases) {
      const reply = await embed(body);
      expect([reply.statusCode, reply.json().error.message], JSON.stringify(body)).toEqual([400, expect.stringMatching(message)]);
    }
  });

  it("takes options of other servers that change nothing here, texts that only mention an address, and images of any type", async () => {
    const plain = (await embed({ input: "see https://example.org for a chest X-ray" })).json().data[0].embedding;
    const options = { truncate: true, normalize: true, input_type: "query", user: "someone" };
    const same = await embed({ input: "see https://example.org for a chest X-ray", ...options });
    expect(same.json().data[0].embedding).toEqual(plain);
    const row = async (type: string) =>
      (await embed({ input: `data:${type};base64,${png.toString("base64")}` })).json().data[0].embedding as number[];
    expect(await row("application/octet-stream")).toEqual(await row("image/png"));
  });

  it("tells OpenAI's clients not to repeat what missed its deadline", async () => {
    const slow = `data:image/png;base64,${Buffer.from(greyPng(3000, 3000)).toString("base64")}`;
    const reply = await ask("POST", "/v1/embeddings", { model: "tiny", input: slow }, { "x-deadline-ms": "1" });
    expect([reply.statusCode, reply.headers["x-should-retry"]]).toEqual([408, "false"]);
  });
});

describe("parameters of the protocol", () => {
  it("that mean something are kept: class_count ranks classes, timeout is a deadline in microseconds", async () => {
    const plain = (await infer({ inputs: [image] })).json().outputs[0].data as number[];
    const reply = await infer({ inputs: [image], outputs: [{ name: "probabilities", parameters: { classification: 5 } }] });
    const order = plain[0]! >= plain[1]! ? [0, 1] : [1, 0];
    expect(reply.json().outputs[0]).toEqual({
      name: "probabilities",
      datatype: "BYTES",
      shape: [1, 2],
      data: order.map((c) => `${plain[c]!.toFixed(6)}:${c}:${["chest X-ray", "head CT"][c]}`),
    });
    const slow = { ...image, data: [Buffer.from(greyPng(3000, 3000)).toString("base64")] };
    const late = await infer({ inputs: [slow], parameters: { timeout: 1000 } });
    expect([late.statusCode, late.json().error]).toEqual([408, expect.stringContaining("deadline")]);
    expect((await infer({ inputs: [image], parameters: { timeout: 20_000_000, priority: 0, sequence_id: 0 } })).statusCode).toBe(200);
  });

  it("that nothing here can honour are refused", async () => {
    for (const [parameters, message] of [
      [{ priority: 1 }, /priority .*order/],
      [{ sequence_id: 7, sequence_start: true }, /sequence_id/],
      [{ rh0: 0.5 }, /expected only classes, rho, prevalence, timeout/],
      [{ timeout: -1 }, /timeout/],
    ] as const) {
      const reply = await infer({ inputs: [image], parameters });
      expect([reply.statusCode, reply.json().error], JSON.stringify(parameters)).toEqual([400, expect.stringMatching(message)]);
    }
    for (const parameters of [{ classification: 2 }, { shared_memory_region: "x", shared_memory_byte_size: 8 }, { binary_data: 1 }]) {
      const reply = await infer({ inputs: [image], outputs: [{ name: "kept", parameters }] });
      expect(reply.statusCode, JSON.stringify(parameters)).toBe(400);
    }
  });
});

describe("/openapi.json", () => {
  it("says of every operation how it is called, who may and where, as the linters of such documents ask", async () => {
    const document = (await app.inject("/openapi.json")).json();
    expect(document.servers.length).toBeGreaterThan(0);
    expect(document.info.license.identifier ?? document.info.license.url).toBeTruthy();
    const schemes = Object.keys(document.components.securitySchemes);
    const known = new Set<string>(document.tags.map((tag: { name: string }) => tag.name));
    const names: string[] = [];
    type Operation = {
      operationId: string;
      summary: string;
      tags: string[];
      security: Record<string, unknown>[];
      responses: Record<string, unknown>;
      parameters?: { in: string; name: string }[];
    };
    for (const [path, operations] of Object.entries<Record<string, Operation>>(document.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        const where = `${method} ${path}`;
        names.push(operation.operationId);
        expect(operation.operationId, where).toMatch(/^[a-z][A-Za-z]+$/);
        expect(operation.summary, where).toBeTruthy();
        for (const tag of operation.tags) expect(known, where).toContain(tag);
        const guarded = "401" in operation.responses;
        expect(operation.security, where).toHaveLength(guarded ? schemes.length : 0);
        for (const scheme of operation.security.flatMap(Object.keys)) expect(schemes, where).toContain(scheme);
        const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
        const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === "path").map(({ name }) => name);
        expect(declared.sort(), where).toEqual(inPath.sort());
      }
    }
    expect(new Set(names).size).toBe(names.length);
    // a body is called needed where nothing is answered without one
    const { paths } = document;
    for (const [path, operation] of [
      ["/v2/repository/index", "/v2/repository/index"],
      ["/v2/repository/models/{model}/load", "/v2/repository/models/tiny/load"],
      ["/v2/repository/models/{model}/unload", undefined],
    ] as const) {
      expect(paths[path].post.requestBody.required, path).toBe(false);
      if (operation !== undefined)
        expect((await ask("POST", operation, undefined, { authorization: "Bearer operator" })).statusCode, path).toBe(200);
    }
    expect(paths["/v2/models/{model}/infer"].post.requestBody.required).toBe(true);
    const taken = paths["/v2/repository/models/{model}/load"].post.requestBody.content["application/json"].schema;
    expect(taken.properties.parameters.additionalProperties).toBe(false);
    const { schema } = paths["/v1/classify"].post.parameters.find(({ name }: { name: string }) => name === "prevalence");
    for (const right of ["train", "benign=0.7,malignant=.2,normal=1e-1", "a, b=c = 0.5 , d=0.5"])
      expect(right).toMatch(new RegExp(schema.pattern));
    for (const wrong of ["0", "benign", "benign=most"]) expect(wrong).not.toMatch(new RegExp(schema.pattern));
  });
});
