// The HTTP routes over the real engine in this process, with the embedded model: what each answers, and with which errors.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createEngine, type Engine } from "@biovlm/engine";
import { dicomElement, dicomFile, golden, greyPng as greyBits } from "@biovlm/testkit";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMetrics, createServer, servingOptions } from "../../src/index.js";
import { greyPng } from "./grey-png.js";
import { kindsBank } from "./kinds-bank.js";

const CLASSES = ["chest X-ray", "head CT"];
const key = (text: string) => createHash("sha256").update(text).digest("hex");
const keys = [
  { name: "clinic", sha256: key("infer-key"), scopes: ["infer"] as const },
  { name: "operator", sha256: key("admin-key"), scopes: ["admin"] as const },
];
const infer = { authorization: "Bearer infer-key" };

let engine: Engine;
let app: FastifyInstance;
let png: Buffer;
let bank: Uint8Array;

beforeAll(async () => {
  const { writeBank } = await import("@biovlm/model");
  bank = writeBank(
    await kindsBank(CLASSES, [
      ["lungs and ribs", "dark lungs"],
      ["skull ring", "grey brain"],
    ]),
  );
  const metrics = createMetrics({ processMetrics: false });
  const made = await createEngine({
    serve: [{ name: "tiny", model: "tiny", bank: { name: "kinds", bytes: bank } }],
    device: "cpu",
    threads: 1,
    pool: 0,
    observer: metrics.observer,
  });
  await made.ready;
  engine = made.engine;
  app = await createServer({
    engine,
    options: servingOptions({ maxImages: 4, maxImageBytes: 65_536, maxBodyBytes: 1_000_000 }),
    version: "0.1.0",
    keys,
    metrics,
  });
  await app.ready();
  png = Buffer.from(greyPng(80, 60));
});
afterAll(async () => {
  await app?.close();
  await engine?.close(1000);
});

const classify = (payload: Buffer | object, headers: Record<string, string> = {}, query = "") =>
  app.inject({ method: "POST", url: `/v1/classify${query}`, headers: { ...infer, ...headers }, payload });

describe("POST /v1/classify", () => {
  it("answers a raw image, and the same by base64 and by a form with two files", async () => {
    const raw = await classify(png, { "content-type": "image/png" });
    expect(raw.statusCode).toBe(200);
    const answer = raw.json();
    expect(answer.classes).toEqual(CLASSES);
    expect(answer.results[0].sha256).toBe(key(png as unknown as string));
    expect(answer.results[0].predictions.reduce((s: number, p: { probability: number }) => s + p.probability, 0)).toBeCloseTo(1, 5);
    expect(answer.results[0].kept).toHaveLength(1);
    expect(answer.bank.digest).toMatch(/^sha256:/);
    expect(answer.notice).toMatch(/Research use only/);
    const json = await classify({ images: [png.toString("base64")] });
    expect(json.json().results).toEqual(answer.results);
    const boundary = "----x";
    const part = (name: string) =>
      Buffer.concat([
        Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="f"; filename="${name}"\r\ncontent-type: image/png\r\n\r\n`),
        png,
        Buffer.from("\r\n"),
      ]);
    const form = Buffer.concat([
      part("a.png"),
      part("b.png"),
      Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="explain"\r\n\r\ntrue\r\n--${boundary}--\r\n`),
    ]);
    const two = await classify(form, { "content-type": `multipart/form-data; boundary=${boundary}` });
    expect(two.statusCode).toBe(200);
    expect(two.json().results).toHaveLength(2);
    expect(two.json().results[1].predictions).toEqual(answer.results[0].predictions);
    expect(two.json().results[0].prompts).toHaveLength(2);
  });

  it("says how each image was shown, and no tag of a patient", async () => {
    const ramp = Uint8Array.from({ length: 2 * 32 * 32 }, (_, i) => (i % 2 === 0 ? i >> 3 : 0));
    const names = ["Nobody^Nowhere", "PATIENT-4711"];
    const dicom = dicomFile("1.2.840.10008.1.2.1", [
      dicomElement("00080016", "UI", "1.2.840.10008.5.1.4.1.1.2"),
      dicomElement("00080060", "CS", "CT"),
      dicomElement("00100010", "PN", names[0]!),
      dicomElement("00100020", "LO", names[1]!),
      dicomElement("00180015", "CS", "CHEST"),
      dicomElement("00280002", "US", 1),
      dicomElement("00280004", "CS", "MONOCHROME1"),
      dicomElement("00280010", "US", 32),
      dicomElement("00280011", "US", 32),
      dicomElement("00280100", "US", 16),
      dicomElement("00280101", "US", 12),
      dicomElement("00280102", "US", 11),
      dicomElement("00280103", "US", 0),
      dicomElement("00281050", "DS", "120"),
      dicomElement("00281051", "DS", "90"),
      dicomElement("00281052", "DS", "0"),
      dicomElement("00281053", "DS", "1"),
      dicomElement("60000010", "US", 32),
      dicomElement("7FE00010", "OW", ramp),
    ]);
    const twelve = greyBits(16, 16, 16, (i) => i);
    const images = [dicom, twelve, png].map((bytes) => Buffer.from(bytes).toString("base64"));
    const reply = await classify({ images });
    expect(reply.statusCode, reply.body).toBe(200);
    const [ct, png16, plain] = reply.json().results;
    expect(ct.dicom).toEqual({
      ...{ frame: 1, frames: 1, modality: "CT", syntax: "1.2.840.10008.1.2.1", inverted: true },
      window: { center: 120, width: 90, source: "file" },
      notes: ["an overlay is not drawn"],
    });
    expect(png16.notes).toEqual([expect.stringContaining("16")]);
    expect([ct.notes, png16.dicom, plain.notes, plain.dicom]).toEqual([undefined, undefined, undefined, undefined]);
    for (const name of names) expect(reply.body).not.toContain(name);
    const { rows } = JSON.parse(readFileSync(golden("tiff-pages.json"), "utf8")) as { rows: { bytes: string }[] };
    const paged = await classify(Buffer.from(rows[0]?.bytes ?? "", "base64"), { "content-type": "image/tiff" });
    // as the command line's --json says it
    expect(paged.json().results[0]).toMatchObject({ page: { frame: 2, frames: 3 }, notes: ["page 2 of 3"] });
    const documented = (await app.inject({ method: "GET", url: "/openapi.json", headers: infer })).body;
    for (const key of [...Object.keys(ct.dicom), "page"]) expect(documented).toContain(`"${key}":`);
  });

  it("gives each fault its status and stable code, as problem+json (R16)", async () => {
    const cases: [Promise<Awaited<ReturnType<typeof classify>>>, number, string][] = [
      [classify(Buffer.from("8BPS, no image that is read"), { "content-type": "image/png" }), 415, "unsupported_format"],
      [classify(png.subarray(0, 60), { "content-type": "image/png" }), 422, "unreadable_image"],
      [classify(Buffer.alloc(70_000), { "content-type": "image/png" }), 413, "payload_too_large"],
      [classify(Buffer.alloc(1_100_000), { "content-type": "image/png" }), 413, "payload_too_large"],
      [classify({ images: Array.from({ length: 5 }, () => png.toString("base64")) }), 413, "too_many_images"],
      [classify(Buffer.from("{"), { "content-type": "application/json" }), 400, "bad_json"],
      [classify(Buffer.from('{"images":[],"images":[]}'), { "content-type": "application/json" }), 400, "bad_json"],
      [classify(Buffer.from(`${"[".repeat(5000)}`), { "content-type": "application/json" }), 400, "bad_json"],
      [classify(Buffer.from('{"images":[NaN]}'), { "content-type": "application/json" }), 400, "bad_json"],
      [classify(Buffer.from('{"__proto__":{"polluted":1},"images":["AA=="]}'), { "content-type": "application/json" }), 400, "bad_json"],
      [classify({ images: ["https://example.org/a.png"] }), 400, "bad_tensor"],
      [classify({ images: [png.toString("base64")], tpo: 3 }), 400, "bad_request"],
      [classify(png, { "content-type": "image/png" }, "?model=other"), 404, "unknown_model"],
      [classify(png, { "content-type": "image/png" }, "?bank=other"), 404, "unknown_bank"],
      [classify(png, { "content-type": "image/png" }, "?classes=cat"), 400, "bad_classes"],
      [classify(png, { "content-type": "image/png" }, "?rho=0"), 400, "bad_request"],
      [classify(png, { "content-type": "text/plain" }), 415, "unsupported_media_type"],
      [classify(png, { "content-type": "image/png", "content-encoding": "br" }), 415, "unsupported_media_type"],
    ];
    for (const [pending, status, code] of cases) {
      const reply = await pending;
      expect([reply.statusCode, reply.json().code], reply.body).toEqual([status, code]);
      expect(reply.headers["content-type"]).toContain("application/problem+json");
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe("keys", () => {
  it("refuses every guarded route without one, before the body is read, and admin routes with an infer key", async () => {
    for (const [method, url] of [
      ["POST", "/v1/classify"],
      ["POST", "/v1/embeddings"],
      ["GET", "/v1/models"],
      ["GET", "/v1/banks"],
      ["GET", "/v1/banks/kinds"],
      ["PUT", "/v1/banks/kinds"],
      ["POST", "/v1/banks/kinds/compile"],
      ["GET", "/v2/models/tiny"],
      ["POST", "/v2/models/tiny/infer"],
      ["GET", "/metrics"],
    ] as const) {
      for (const headers of [{}, { authorization: "Bearer wrong" }, { authorization: "Basic infer-key" }]) {
        const reply = await app.inject({
          method,
          url,
          headers: { ...headers, "content-type": "application/json" },
          ...(method === "GET" ? {} : { payload: "{ not json" }),
        });
        expect(reply.statusCode, `${method} ${url}`).toBe(401);
      }
    }
    const forbidden = await app.inject({
      method: "PUT",
      url: "/v1/banks/new",
      headers: { ...infer, "content-type": "application/octet-stream" },
      payload: Buffer.from(bank),
    });
    expect([forbidden.statusCode, forbidden.json().code]).toEqual([403, "forbidden"]);
  });

  it("leaves health open, and refuses an address beyond loopback without keys", async () => {
    for (const url of ["/livez", "/readyz", "/v2", "/v2/health/live", "/v2/health/ready"])
      expect((await app.inject(url)).statusCode, url).toBe(200);
    await expect(createServer({ engine, options: servingOptions({ host: "0.0.0.0" }), version: "0" })).rejects.toMatchObject({
      code: "bad_option",
    });
  });
});

describe("the Open Inference Protocol", () => {
  const post = (payload: Buffer | object, headers: Record<string, string> = {}) =>
    app.inject({
      method: "POST",
      url: "/v2/models/tiny/infer",
      headers: { ...infer, "content-type": "application/json", ...headers },
      payload,
    });

  it("describes the model, and answers images in JSON and in binary alike", async () => {
    const metadata = (await app.inject({ url: "/v2/models/tiny", headers: infer })).json();
    expect(metadata.inputs.map((i: { name: string }) => i.name)).toEqual(["image", "embedding"]);
    const json = await post({ id: "7", inputs: [{ name: "image", shape: [1], datatype: "BYTES", data: [png.toString("base64")] }] });
    expect(json.statusCode, json.body).toBe(200);
    const body = json.json();
    expect(body.id).toBe("7");
    const probabilities = body.outputs.find((o: { name: string }) => o.name === "probabilities");
    expect(probabilities.shape).toEqual([1, 2]);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(png.length);
    const header = Buffer.from(
      JSON.stringify({
        inputs: [{ name: "image", shape: [1], datatype: "BYTES", parameters: { binary_data_size: png.length + 4 } }],
        outputs: [{ name: "probabilities", parameters: { binary_data: true } }],
      }),
    );
    const binary = await post(Buffer.concat([header, length, png]), {
      "inference-header-content-length": String(header.length),
      "content-type": "application/octet-stream",
    });
    expect(binary.statusCode, binary.body).toBe(200);
    // Triton's Python client names no content type
    const untyped = await app.inject({
      method: "POST",
      url: "/v2/models/tiny/infer",
      headers: { ...infer, "inference-header-content-length": String(header.length) },
      payload: Buffer.concat([header, length, png]),
    });
    expect([untyped.statusCode, untyped.rawPayload.equals(binary.rawPayload)], untyped.body).toEqual([200, true]);
    const at = Number(binary.headers["inference-header-content-length"]);
    expect(binary.rawPayload.readFloatLE(at)).toBeCloseTo(probabilities.data[0], 6);
    expect(JSON.parse(binary.rawPayload.subarray(0, at).toString()).outputs).toHaveLength(1);
  });

  it("answers ready-made embeddings as it answers their image", async () => {
    const embedded = (
      await app.inject({
        method: "POST",
        url: "/v1/embeddings",
        headers: infer,
        payload: { model: "tiny", input: `data:image/png;base64,${png.toString("base64")}` },
      })
    ).json();
    const row = embedded.data[0].embedding as number[];
    const byImage = (await post({ inputs: [{ name: "image", shape: [1], datatype: "BYTES", data: [png.toString("base64")] }] })).json();
    const byRow = (await post({ inputs: [{ name: "embedding", shape: [1, row.length], datatype: "FP32", data: row }] })).json();
    const of = (body: { outputs: { name: string; data: number[] }[] }) => body.outputs.find((o) => o.name === "probabilities")!.data;
    expect(of(byRow)[0]).toBeCloseTo(of(byImage)[0]!, 5);
  });

  it("says what is wrong as {error}, with 400 or 404", async () => {
    for (const [payload, status] of [
      [{ inputs: [] }, 400],
      [{ inputs: [{ name: "image", shape: [2], datatype: "BYTES", data: ["AA=="] }] }, 400],
      [{ inputs: [{ name: "embedding", shape: [1, 3], datatype: "FP32", data: [1, 2, 3] }] }, 400],
      [{ inputs: [{ name: "image", shape: [1], datatype: "INT64", data: [1] }] }, 400],
      [{}, 400],
    ] as const) {
      const reply = await post(payload);
      expect(reply.statusCode, reply.body).toBe(status);
      expect(typeof reply.json().error).toBe("string");
    }
    expect((await app.inject({ url: "/v2/models/none", headers: infer })).statusCode).toBe(404);
    expect((await app.inject({ url: "/v2/models/..%2f..%2fetc", headers: infer })).statusCode).toBe(400);
  });
});

describe("embeddings and banks", () => {
  it("gives texts and images in OpenAI's shape, as numbers and as base64", async () => {
    const ask = (payload: object) => app.inject({ method: "POST", url: "/v1/embeddings", headers: infer, payload });
    const floats = (await ask({ model: "tiny", input: ["a chest X-ray", "a hand"] })).json();
    expect(floats.data).toHaveLength(2);
    expect(Math.hypot(...floats.data[0].embedding)).toBeCloseTo(1, 4);
    const base64 = (await ask({ model: "tiny", input: "a chest X-ray", encoding_format: "base64" })).json();
    const bytes = Buffer.from(base64.data[0].embedding, "base64");
    expect(bytes.readFloatLE(0)).toBeCloseTo(floats.data[0].embedding[0], 6);
    const wrong = await ask({ model: "other", input: "x" });
    expect([wrong.statusCode, wrong.json().error.code]).toEqual([404, "unknown_model"]);
    expect((await ask({ model: "tiny", input: [[1, 2]] })).statusCode).toBe(400);
    expect((await ask({ model: "tiny", input: "x", dimensions: 7 })).statusCode).toBe(400);
  });

  it("takes an uploaded bank with an admin key, answers with it by name, and refuses a damaged one", async () => {
    const admin = { authorization: "Bearer admin-key", "content-type": "application/octet-stream" };
    const put = await app.inject({ method: "PUT", url: "/v1/banks/second", headers: admin, payload: Buffer.from(bank) });
    expect(put.statusCode, put.body).toBe(200);
    expect((await app.inject({ url: "/v1/banks", headers: infer })).json().banks.map((b: { name: string }) => b.name)).toContain("second");
    expect((await classify(png, { "content-type": "image/png" }, "?bank=second")).json().bank.name).toBe("second");
    const { readBank, writeBank } = await import("@biovlm/model");
    const given = readBank(bank);
    const imagenet = Buffer.from(writeBank({ ...given, options: { ...given.options, normalisation: "imagenet" } }));
    const served = (await app.inject({ url: "/v1/served", headers: infer })).json();
    const list = (await app.inject({ url: "/v1/banks", headers: infer })).json().banks as { name: string; digest: string }[];
    expect(served.models).toHaveLength(1);
    expect(served.models[0]).toMatchObject({ name: "tiny", model: "tiny", device: "cpu", digest: engine.model("tiny").modelDigest });
    const told = (served.models[0].banks as { name: string; digest: string; own: boolean }[]).map(({ name, digest, own }) => [
      name,
      digest,
      own,
    ]);
    expect(told.sort()).toEqual(list.map(({ name, digest }) => [name, digest, name === "kinds"]).sort());
    const other = await app.inject({ method: "PUT", url: "/v1/banks/imagenet", headers: admin, payload: imagenet });
    expect([other.statusCode, other.json().code, other.json().detail]).toEqual([400, "bad_bank", expect.stringContaining("ImageNet")]);
    const torn = await app.inject({ method: "PUT", url: "/v1/banks/torn", headers: admin, payload: Buffer.from(bank.subarray(0, 500)) });
    expect([torn.statusCode, torn.json().code]).toEqual([400, "bad_bank"]);
    expect((await app.inject({ method: "PUT", url: "/v1/banks/..%2Fx", headers: admin, payload: Buffer.from(bank) })).statusCode).toBe(400);
  });
});

describe("banks that keep how their images were shown", () => {
  it("are listed with it, at /v1/banks and at /v1/served", async () => {
    const { readBank, writeBank } = await import("@biovlm/model");
    const plain = readBank(bank);
    const kept = writeBank({ ...plain, options: { ...plain.options, range: "bits=12", ultrasoundRegion: true, volumes: true } });
    const made = await createEngine({
      serve: [{ name: "tiny", model: "tiny", bank: { name: "kinds", bytes: kept }, banks: [{ name: "plain", bytes: bank }] }],
      ...{ device: "cpu", threads: 1, pool: 0, range: "bits=12", ultrasoundRegion: true },
    });
    await made.ready;
    const other = await createServer({ engine: made.engine, options: servingOptions(), version: "0" });
    const said = { range: "bits=12", ultrasound_region: true, volumes: true };
    const ask = async (url: string) => (await other.inject(url)).json();
    expect(await ask("/v1/banks/kinds")).toMatchObject(said);
    expect((await ask("/v1/served")).models[0].banks).toMatchObject([{ name: "kinds", ...said }, { name: "plain" }]);
    for (const name of Object.keys(said)) expect(await ask("/v1/banks/plain")).not.toHaveProperty(name);
    await other.close();
    await made.engine.close(0);
  });
});

describe("documents", () => {
  it("lists every route with its statuses at /openapi.json, and metrics count the answers", async () => {
    const document = (await app.inject("/openapi.json")).json();
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(["/v1/classify", "/v1/embeddings", "/v2/models/{model}/infer", "/v1/banks/{name}", "/readyz"]),
    );
    expect(Object.keys(document.paths["/v1/classify"].post.responses)).toEqual(
      expect.arrayContaining(["200", "400", "401", "404", "413", "415", "422", "429", "503"]),
    );
    const metrics = (await app.inject({ url: "/metrics", headers: infer })).body;
    expect(metrics).toMatch(/biovlm_/);
  });
});
