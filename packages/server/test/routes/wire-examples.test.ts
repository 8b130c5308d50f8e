// The protocols' own documents, on the wire: requests byte for byte in the form of the Open Inference Protocol's examples, of Triton's binary tensor
// extension and of OpenAI's embeddings reference, with our tensors in them; answers held against the objects those documents define.

import { connect } from "node:net";
import { createEngine, type Engine } from "@biovlm/engine";
import { tinyBank } from "@biovlm/testkit/tiny-bank";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, listen, servingOptions } from "../../src/index.js";
import { greyPng } from "./grey-png.js";

let engine: Engine;
let app: FastifyInstance;
let port: number;
const png = Buffer.from(greyPng(48, 40));

beforeAll(async () => {
  const bytes = await tinyBank(["chest X-ray", "head CT", "hand X-ray"]);
  const made = await createEngine({
    serve: [{ name: "mymodel", model: "tiny", bank: { name: "kinds", bytes } }],
    device: "cpu",
    threads: 1,
    pool: 0,
  });
  await made.ready;
  engine = made.engine;
  const options = servingOptions({ port: 0 });
  app = await createServer({ engine, options, version: "0.1.0" });
  port = Number(new URL(await listen(app, options)).port);
});
afterAll(async () => {
  await app?.close();
  await engine?.close(1000);
});

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Sends the bytes as they are and reads until the server closes. */
function wire(head: string, body: Buffer | string = ""): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(`${head.trim().replaceAll("\n", "\r\n")}\r\nConnection: close\r\n\r\n`);
      socket.write(body);
    });
    socket.on("data", (part) => parts.push(part));
    socket.on("error", reject).on("close", () => {
      const all = Buffer.concat(parts);
      const end = all.indexOf("\r\n\r\n");
      const [first = "", ...lines] = all.subarray(0, end).toString("latin1").split("\r\n");
      const headers = Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
      );
      resolve({ status: Number(first.split(" ")[1]), headers, body: all.subarray(end + 4) });
    });
  });
}

const text = { type: "string" };
const parameters = { type: "object", additionalProperties: { type: ["string", "number", "boolean"] } };
const list = (items: object) => ({ type: "array", items });
const object = (required: Record<string, object>, optional: Record<string, object> = {}) => ({
  type: "object",
  required: Object.keys(required),
  properties: { ...required, ...optional },
});
const tensor = object({ name: text, datatype: text, shape: list({ type: "integer" }) });
/** The objects that the documents define. */
const DEFINED = {
  error: { ...object({ error: text }), additionalProperties: false },
  serverMetadata: object({ name: text, version: text, extensions: list(text) }),
  modelMetadata: object({ name: text, platform: text, inputs: list(tensor), outputs: list(tensor) }, { versions: list(text) }),
  modelReady: object({ name: text, ready: { type: "boolean" } }),
  inference: object(
    { model_name: text, outputs: list({ ...tensor, properties: { ...tensor.properties, parameters, data: { type: "array" } } }) },
    { model_version: text, id: text, parameters },
  ),
  openaiList: object({
    object: { const: "list" },
    model: text,
    data: list(object({ object: { const: "embedding" }, index: { type: "integer" }, embedding: {} })),
    usage: object({ prompt_tokens: { type: "integer" }, total_tokens: { type: "integer" } }),
  }),
  openaiError: object({
    error: object({ message: text, type: text, param: { type: ["string", "null"] }, code: { type: ["string", "null"] } }),
  }),
} as const;
const ajv = new Ajv2020({ strict: false });
/** A reply's JSON, which must be the named object. */
function json(reply: Reply, kind: keyof typeof DEFINED, bytes = reply.body) {
  const value = JSON.parse(bytes.toString());
  expect(ajv.validate(DEFINED[kind], value), `${kind}: ${ajv.errorsText()} in ${bytes.toString().slice(0, 300)}`).toBe(true);
  return value;
}

const post = (path: string, body: Buffer | string, headers = "Content-Type: application/json") =>
  wire(`POST ${path} HTTP/1.1\nHost: localhost:8000\n${headers}\nContent-Length: ${Buffer.byteLength(body)}`, body);
const get = (path: string) => wire(`GET ${path} HTTP/1.1\nHost: localhost:8000`);

describe("the Open Inference Protocol's examples", () => {
  it("a request in JSON: the id comes back, the named output alone, data flat or in the tensor's shape", async () => {
    const request = (data: unknown) => `{
      "id" : "42",
      "inputs" : [
        {
          "name" : "embedding",
          "shape" : [ 2, 128 ],
          "datatype" : "FP32",
          "data" : ${JSON.stringify(data)}
        }
      ],
      "outputs" : [
        {
          "name" : "probabilities"
        }
      ]
    }`;
    const rows = [0, 1].map((r) => Array.from({ length: 128 }, (_, d) => (d === r ? 1 : 0)));
    const flat = await post("/v2/models/mymodel/infer", request(rows.flat()));
    expect([flat.status, flat.headers["content-type"]]).toEqual([200, expect.stringContaining("application/json")]);
    const answer = json(flat, "inference");
    expect([answer.model_name, answer.id]).toEqual(["mymodel", "42"]);
    expect(answer.outputs.map((o: { name: string; shape: number[] }) => [o.name, o.shape])).toEqual([["probabilities", [2, 3]]]);
    expect(answer.outputs[0].data.flat()).toHaveLength(6);
    expect(json(await post("/v2/models/mymodel/versions/1/infer", request(rows)), "inference").outputs).toEqual(answer.outputs);
  });

  it("the document's own example, whose tensors we do not have, gets 400 and its error object", async () => {
    const reply = await post(
      "/v2/models/mymodel/infer",
      `{ "id" : "42", "inputs" : [ { "name" : "input0", "shape" : [ 2, 2 ], "datatype" : "UINT32", "data" : [ 1, 2, 3, 4 ] },
        { "name" : "input1", "shape" : [ 3 ], "datatype" : "BOOL", "data" : [ true ] } ], "outputs" : [ { "name" : "output0" } ] }`,
    );
    expect(reply.status).toBe(400);
    json(reply, "error");
  });

  it("metadata and health give the objects defined for them, and errors theirs", async () => {
    expect(json(await get("/v2"), "serverMetadata").extensions).toContain("binary_tensor_data");
    expect(json(await get("/v2/models/mymodel"), "modelMetadata").versions).toEqual(["1"]);
    expect(json(await get("/v2/models/mymodel/versions/1/ready"), "modelReady")).toEqual({ name: "mymodel", ready: true });
    for (const path of ["/v2/health/live", "/v2/health/ready"]) expect((await get(path)).status).toBe(200);
    for (const path of ["/v2/models/other", "/v2/models/other/ready", "/v2/models/mymodel/versions/v10"]) {
      const reply = await get(path);
      expect(reply.status, path).toBe(404);
      json(reply, "error");
    }
  });
});

describe("Triton's binary tensor extension, by its example", () => {
  it("tensors after the JSON in, an output after the JSON out, lengths in both headers", async () => {
    const element = Buffer.alloc(4);
    element.writeUInt32LE(png.length);
    const data = Buffer.concat([element, png]);
    // the example names the model in the body too, which the protocol does not ask for
    const header = `{
  "model_name" : "mymodel",
  "inputs" : [ { "name" : "image", "shape" : [ 1 ], "datatype" : "BYTES", "parameters" : { "binary_data_size" : ${data.length} } } ],
  "outputs" : [ { "name" : "probabilities", "parameters" : { "binary_data" : true } }, { "name" : "class" } ]
}`;
    const headers = `Content-Type: application/octet-stream\nInference-Header-Content-Length: ${header.length}`;
    const reply = await post("/v2/models/mymodel/infer", Buffer.concat([Buffer.from(header), data]), headers);
    expect([reply.status, reply.headers["content-type"]], reply.body.toString()).toEqual([200, "application/octet-stream"]);
    const length = Number(reply.headers["inference-header-content-length"]);
    expect(Number(reply.headers["content-length"])).toBe(length + 12);
    const answer = json(reply, "inference", reply.body.subarray(0, length));
    expect(answer.outputs[0]).toMatchObject({
      name: "probabilities",
      shape: [1, 3],
      datatype: "FP32",
      parameters: { binary_data_size: 12 },
    });
    expect(answer.outputs[0].data).toBeUndefined();
    expect(answer.outputs[1].data).toHaveLength(1);
    const row = [0, 1, 2].map((c) => reply.body.readFloatLE(length + 4 * c));
    expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 5);

    const all = header.replace(/,\s*"outputs".*/, ', "parameters" : { "binary_data_output" : true }');
    const binary = await post(
      "/v2/models/mymodel/infer",
      Buffer.concat([Buffer.from(all), data]),
      `Content-Type: application/octet-stream\nInference-Header-Content-Length: ${all.length}`,
    );
    const at = Number(binary.headers["inference-header-content-length"]);
    const { outputs } = json(binary, "inference", binary.body.subarray(0, at));
    const sizes = outputs.map((o: { parameters: { binary_data_size: number } }) => o.parameters.binary_data_size);
    expect(outputs).toHaveLength(4);
    expect(at + sizes.reduce((a: number, b: number) => a + b)).toBe(binary.body.length);
    expect(binary.body.readFloatLE(at)).toBe(row[0]);
  });
});

describe("OpenAI's embeddings, by its reference", () => {
  const ask = (body: object) =>
    post("/v1/embeddings", JSON.stringify(body), "Content-Type: application/json\nAuthorization: Bearer sk-none");

  it("a text or texts, as numbers or base64, with the list object and the usage", async () => {
    const reply = await ask({
      input: "The food was delicious and the waiter...",
      model: "mymodel",
      encoding_format: "float",
      user: "user-1234",
    });
    expect(reply.status, reply.body.toString()).toBe(200);
    const one = json(reply, "openaiList");
    expect(one.data[0].embedding).toHaveLength(128);
    const many = json(await ask({ input: ["a", "b"], model: "mymodel", encoding_format: "base64" }), "openaiList");
    expect(many.data.map((d: { index: number }) => d.index)).toEqual([0, 1]);
    expect(Buffer.from(many.data[0].embedding, "base64")).toHaveLength(512);
  });

  it("errors are its error object", async () => {
    for (const [body, status] of [
      [{ input: "x", model: "other" }, 404],
      [{ model: "mymodel" }, 400],
      [{ input: [], model: "mymodel" }, 400],
      [{ input: "x", model: "mymodel", encoding_format: "hex" }, 400],
    ] as const) {
      const reply = await ask(body);
      expect(reply.status, JSON.stringify(body)).toBe(status);
      json(reply, "openaiError");
    }
  });
});
