// The protocol over gRPC with grpc-js's own client: answers are those of /v2 over HTTP, refusals have gRPC's codes, and no bytes make a fault of ours.

import { createHash } from "node:crypto";
import { EventEmitter } from "node:events";
import { connect } from "node:http2";
import { deflateSync, gzipSync } from "node:zlib";
import type { Engine } from "@biovlm/engine";
import { seeded, soak } from "@biovlm/testkit";
import * as grpc from "@grpc/grpc-js";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createMetrics, createServer, grpcServer, type ServingOptions, servingOptions } from "../../src/index.js";
import { greyPng } from "../routes/grey-png.js";
import { kindsEngine } from "../routes/kinds-engine.js";
import { type Answer, ask as askOf, clientOf, metadata, type Streamed, service } from "./grpc-client.js";
import { framed, statusOf } from "./raw-call.js";

const digest = (text: string) => createHash("sha256").update(text).digest("hex");
const keys = [{ name: "clinic", sha256: digest("secret"), scopes: ["infer"] as const }];
const png = Buffer.from(greyPng(80, 60));
const metrics = createMetrics({ processMetrics: false });
let engine: Engine;
let app: FastifyInstance;
let client: grpc.Client;

/** One call of the shared server, or of another. */
function ask(name: string, request: object, options: { key?: string; deadline?: number; from?: grpc.Client } = {}): Promise<Answer> {
  return askOf(options.from ?? client, name, request, options);
}
const image = (bytes: Buffer = png) => ({ name: "image", datatype: "BYTES", shape: ["1"], contents: { bytes_contents: [bytes] } });
const infer = (request: object, options = {}) => ask("ModelInfer", { model_name: "tiny", ...request }, options);

/** `asked` tells of each request that has come, by its path. */
async function served(
  given: Partial<ServingOptions>,
): Promise<{ readonly app: FastifyInstance; readonly client: grpc.Client; readonly asked: EventEmitter }> {
  const options = servingOptions({ maxImageBytes: 65_536, maxBodyBytes: 200_000, grpcPort: 0, drainMs: 2000, ...given });
  const asked = new EventEmitter();
  const prepare = (of: FastifyInstance) => {
    of.addHook("preHandler", async ({ url }) => void asked.emit(url));
  };
  const made = await createServer({ engine, options, version: "0.1.0", keys: () => keys, metrics, prepare });
  const where = await grpcServer(made, options);
  await made.ready();
  const address = (await where.listen()).replace(/^grpc:\/\//, "");
  return { app: made, client: clientOf(address, grpc.credentials.createInsecure()), asked };
}

beforeAll(async () => {
  engine = await kindsEngine({ observer: metrics.observer });
  ({ app, client } = await served({}));
});
afterAll(async () => {
  client?.close();
  await app?.close();
  await engine?.close(0);
});

const floats = (bytes: Buffer) => Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));

describe("the protocol over gRPC", () => {
  it("says who it is without a key, and what models there are with one", async () => {
    expect(await ask("ServerLive", {}, { key: "" })).toEqual({ live: true });
    expect(await ask("ServerReady", {}, { key: "" })).toEqual({ ready: true });
    expect(await ask("ServerMetadata", {}, { key: "" })).toMatchObject({ name: "biovlm", version: "0.1.0" });
    expect(await ask("ModelReady", { name: "tiny", version: "1" })).toEqual({ ready: true });
    expect(await ask("ModelMetadata", { name: "tiny" })).toMatchObject({
      versions: ["1"],
      inputs: [
        { name: "image", datatype: "BYTES", shape: ["-1"] },
        { name: "embedding", datatype: "FP32" },
      ],
    });
    const models = [{ name: "tiny", version: "1", state: "READY", reason: "" }];
    expect(await ask("RepositoryIndex", {})).toEqual({ models });
  });

  it("answers images and embeddings as /v2 does over HTTP, whichever way the elements come", async () => {
    const http = await app.inject({
      method: "POST",
      url: "/v2/models/tiny/infer",
      headers: { authorization: "Bearer secret" },
      payload: { inputs: [{ ...image(), shape: [1], contents: undefined, data: [png.toString("base64")] }] },
    });
    const [probabilities] = http.json().outputs;
    const length = Buffer.alloc(4);
    length.writeUInt32LE(png.length);
    const raw = { inputs: [{ ...image(), contents: null }], raw_input_contents: [Buffer.concat([length, png])] };
    for (const request of [
      { id: "42", inputs: [image()] },
      { id: "42", ...raw },
    ]) {
      const answer = await infer(request);
      expect(answer).toMatchObject({ model_name: "tiny", model_version: "1", id: "42", parameters: { fell_back: { bool_param: false } } });
      expect(answer.outputs.map((o) => o.name)).toEqual(["probabilities", "class", "kept", "kept_entropy"]);
      expect(answer.outputs[0]).toMatchObject({ datatype: "FP32", shape: ["1", "2"] });
      expect(floats(answer.raw_output_contents[0])).toEqual(probabilities.data.map(Math.fround));
    }
    const row = Array.from({ length: 128 }, (_, i) => (i === 3 ? 1 : 0));
    const embedding = { name: "embedding", datatype: "FP32", shape: ["1", "128"], contents: { fp32_contents: row } };
    const one = await infer({
      inputs: [embedding],
      outputs: [{ name: "probabilities", parameters: { classification: { int64_param: "1" } } }],
    });
    expect(one.raw_output_contents[0].subarray(4).toString()).toMatch(/^0\.\d{6}:[01]:(chest X-ray|head CT)$/);
  });

  it("refuses with gRPC's codes and our own beside them", async () => {
    const { status } = grpc;
    const wide = Buffer.from(greyPng(3000, 3000));
    const cases: [string, Promise<{ code: number; metadata: grpc.Metadata; details: string }>, number, string | undefined][] = [
      ["no key", infer({ inputs: [image()] }, { key: "" }), status.UNAUTHENTICATED, "unauthorized"],
      ["wrong key", ask("ModelReady", { name: "tiny" }, { key: "other" }), status.UNAUTHENTICATED, "unauthorized"],
      ["other model", ask("ModelMetadata", { name: "other" }), status.NOT_FOUND, "unknown_model"],
      ["a path", ask("ModelMetadata", { name: "../livez" }), status.INVALID_ARGUMENT, "bad_request"],
      ["a version", ask("ModelReady", { name: "tiny", version: "9" }), status.NOT_FOUND, "unknown_model"],
      ["no inputs", infer({ inputs: [] }), status.INVALID_ARGUMENT, "bad_tensor"],
      ["two raws", infer({ inputs: [image()], raw_input_contents: [png, png] }), status.INVALID_ARGUMENT, "bad_tensor"],
      ["unreadable", infer({ inputs: [image(png.subarray(0, 60))] }), status.INVALID_ARGUMENT, "unreadable_image"],
      ["no image", infer({ inputs: [image(Buffer.alloc(70_000))] }), status.RESOURCE_EXHAUSTED, "payload_too_large"],
      ["too much", infer({ inputs: [image(Buffer.alloc(250_000))] }), status.RESOURCE_EXHAUSTED, undefined],
      ["a deadline", infer({ inputs: [image(wide)] }, { deadline: Date.now() + 3 }), status.DEADLINE_EXCEEDED, undefined],
      ["a priority", infer({ inputs: [image()], parameters: { priority: { uint64_param: "3" } } }), status.INVALID_ARGUMENT, "bad_request"],
    ];
    for (const [what, pending, code, ours] of cases) {
      const error = await pending;
      expect([error.code, error.details], what).toEqual([code, expect.any(String)]);
      if (ours !== undefined) expect(error.metadata.get("biovlm-code"), what).toEqual([ours]);
    }
    const unknown = await new Promise<grpc.ServiceError | null>((done) =>
      client.makeUnaryRequest(
        "/inference.GRPCInferenceService/LogSettings",
        (b: Buffer) => b,
        (b) => b,
        Buffer.alloc(0),
        metadata(),
        (error) => done(error),
      ),
    );
    expect(unknown?.code).toBe(status.UNIMPLEMENTED);
    expect(await metrics.registry.metrics()).toMatch(
      /biovlm_request_seconds_count\{route="\/v2\/models\/:model\/infer",method="POST",status="401"\} [1-9]/,
    );
  });

  it(`makes no fault of ours of ${soak ? 10_000 : 1000} requests of damaged bytes`, { timeout: 1_800_000 }, async () => {
    const random = seeded(77);
    const { ModelInfer, ModelMetadata, RepositoryIndex } = service.service as Record<string, grpc.MethodDefinition<object, object>>;
    const sound = [
      [ModelInfer!, { model_name: "tiny", inputs: [image()], parameters: { rho: { double_param: 0.5 } }, outputs: [{ name: "class" }] }],
      [
        ModelInfer!,
        {
          model_name: "tiny",
          inputs: [{ name: "embedding", datatype: "FP32", shape: ["1", "128"] }],
          raw_input_contents: [Buffer.alloc(512, 63)],
        },
      ],
      [ModelMetadata!, { name: "tiny", version: "1" }],
      [RepositoryIndex!, { ready: true }],
    ] as const;
    const seen = new Map<number, number>();
    for (let i = 0; i < (soak ? 10_000 : 1000); i++) {
      const [method, request] = random.pick(sound);
      const bytes = Buffer.from(method.requestSerialize(request));
      // most of a message with an image is the image: damage what stands before it
      const reach = Math.min(bytes.length, random.below(4) === 0 ? bytes.length : 160);
      for (let k = random.below(6); k > 0 && reach > 0; k--) bytes[random.below(reach)] = random.below(256);
      const cut = random.below(5) === 0 ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes;
      const code = await new Promise<number>((done) =>
        client.makeUnaryRequest(
          method.path,
          (b: Buffer) => b,
          (b) => b,
          cut,
          metadata(),
          (error) => done(error?.code ?? 0),
        ),
      );
      expect([grpc.status.INTERNAL, grpc.status.UNKNOWN], `${method.path} ${cut.toString("hex").slice(0, 400)}`).not.toContain(code);
      seen.set(code, (seen.get(code) ?? 0) + 1);
    }
    for (const code of [grpc.status.OK, grpc.status.INVALID_ARGUMENT, grpc.status.NOT_FOUND])
      expect(seen.get(code) ?? 0, String(code)).toBeGreaterThan(0);
  });

  it(`answers each of ${soak ? 10_000 : 1000} damaged messages of streams, sound ones among them, and none as a fault of ours`, {
    timeout: 1_800_000,
  }, async () => {
    const random = seeded(78);
    const { ModelStreamInfer } = service.service as Record<string, grpc.MethodDefinition<object, Streamed>>;
    const serialize = (request: object) => Buffer.from(ModelStreamInfer!.requestSerialize(request));
    const embedding = { name: "embedding", datatype: "FP32", shape: ["1", "128"] };
    const sound = [
      serialize({ model_name: "tiny", inputs: [image()], parameters: { rho: { double_param: 0.5 } }, outputs: [{ name: "class" }] }),
      serialize({ model_name: "tiny", inputs: [embedding], raw_input_contents: [Buffer.alloc(512, 63)] }),
    ];
    const seen = new Map<string, number>();
    for (let left = soak ? 10_000 : 1000; left > 0; left -= 100) {
      const call = client.makeBidiStreamRequest(
        ModelStreamInfer!.path,
        (b: Buffer) => b,
        ModelStreamInfer!.responseDeserialize,
        metadata(),
      );
      const answers: Streamed[] = [];
      call.on("data", (answer) => answers.push(answer)).on("error", () => {});
      const ended = new Promise<grpc.StatusObject>((done) => call.on("status", done));
      const sent: Buffer[] = [];
      for (let i = 0; i < 100; i++) {
        const bytes = Buffer.from(random.pick(sound));
        const reach = Math.min(bytes.length, random.below(4) === 0 ? bytes.length : 160);
        for (let k = random.below(6); k > 0; k--) bytes[random.below(reach)] = random.below(256);
        const cut = random.below(5) === 0 ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes;
        sent.push(cut);
        call.write(cut);
      }
      call.end();
      expect((await ended).code).toBe(grpc.status.OK);
      expect(answers).toHaveLength(sent.length);
      for (const [i, { error_message: words }] of answers.entries()) {
        const [code = ""] = words.split(":");
        expect(code, sent[i]?.toString("hex").slice(0, 400)).not.toBe("internal");
        seen.set(code, (seen.get(code) ?? 0) + 1);
      }
    }
    for (const code of ["", "bad_request", "bad_tensor", "unknown_model"]) expect(seen.get(code) ?? 0, code).toBeGreaterThan(0);
    expect(app.callBounds.bytes.bytes).toBe(0);
  });

  it("counts a message against the budget of bodies while it comes, and ends a call that does not fit", async () => {
    const { bytes } = app.callBounds;
    const session = connect(`http://${client.getChannel().getTarget().replace(/^\w+:/, "")}`);
    session.on("error", () => {});
    const begin = (headers: Record<string, string>) => {
      const path = "/inference.GRPCInferenceService/ModelInfer";
      const call = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers", ...headers });
      call.on("error", () => {});
      const head = Buffer.alloc(5);
      head.writeUInt32BE(150_000, 1);
      call.write(head);
      return call;
    };
    const heard = (call: ReturnType<typeof begin>) =>
      new Promise<unknown[]>((done) => call.once("response", (said) => done([said["grpc-status"], said["biovlm-code"]])));
    const known = { authorization: "Bearer secret" };
    const half = begin(known);
    half.write(Buffer.alloc(50_000));
    await vi.waitFor(() => expect(bytes.bytes).toBe(50_005));
    // what stands in the way of another is not the length that it will have, but what there is of it
    bytes.hold(session, 600_000);
    const other = begin(known);
    const refused = heard(other);
    other.write(Buffer.alloc(50_000));
    expect(await refused).toEqual([String(grpc.status.RESOURCE_EXHAUSTED), "overloaded"]);
    bytes.release(session);
    half.close();
    await vi.waitFor(() => expect(bytes.bytes).toBe(0));
    // a refused call is reset: nothing more of it is read, and the connection goes on
    await vi.waitFor(() => expect(other.closed).toBe(true));
    const stranger = begin({});
    const unknown = heard(stranger);
    stranger.write(Buffer.alloc(50_000));
    expect(await unknown).toEqual([String(grpc.status.UNAUTHENTICATED), "unauthorized"]);
    expect(bytes.bytes).toBe(0);
    session.destroy();
  });

  it("takes compressed messages as large as others, and refuses what grows beyond that or is damaged", async () => {
    const { status } = grpc;
    const { ModelInfer } = service.service as Record<string, grpc.MethodDefinition<object, object>>;
    const one = (request: object) => Buffer.from(ModelInfer!.requestSerialize({ model_name: "tiny", ...request }));
    const session = connect(`http://${client.getChannel().getTarget().replace(/^\w+:/, "")}`);
    session.on("error", () => {});
    const send = (sent: Buffer, encoding: string, path = "/inference.GRPCInferenceService/ModelInfer") =>
      statusOf(session, path, sent, { "grpc-encoding": encoding, authorization: "Bearer secret" });
    const sound = one({ inputs: [image()] });
    const bomb = one({ inputs: [image(Buffer.alloc(5_000_000))] });
    const metadataOf = "/inference.GRPCInferenceService/ModelMetadata";
    expect(await send(framed(gzipSync(sound), true), "gzip")).toBe(status.OK);
    expect(await send(framed(deflateSync(sound), true), "deflate")).toBe(status.OK);
    expect(await send(framed(gzipSync(bomb), true), "gzip")).toBe(status.RESOURCE_EXHAUSTED);
    expect(await send(framed(sound, true), "gzip")).toBe(status.INVALID_ARGUMENT);
    expect(await send(framed(sound, true), "br")).toBe(status.UNIMPLEMENTED);
    expect(await send(Buffer.concat([framed(sound), framed(sound)]), "identity")).toBe(status.INVALID_ARGUMENT);
    expect(await send(framed(Buffer.alloc(70_000)), "identity", metadataOf)).toBe(status.RESOURCE_EXHAUSTED);
    expect(await send(framed(sound), "identity")).toBe(status.OK);
    expect(app.callBounds.bytes.bytes).toBe(0);
    session.destroy();
  });

  it("takes a message in whatever pieces it comes, and lets a connection send images without asking for leave", async () => {
    const { ModelInfer } = service.service as Record<string, grpc.MethodDefinition<object, object>>;
    const session = connect(`http://${client.getChannel().getTarget().replace(/^\w+:/, "")}`);
    session.on("error", () => {});
    const message = Buffer.from(ModelInfer!.requestSerialize({ model_name: "tiny", inputs: [image()] }));
    const whole = framed(message);
    for (const cuts of [[1, 2, 4], [3, 5, 6], [5], [5 + message.length - 1]]) {
      const path = "/inference.GRPCInferenceService/ModelInfer";
      const headers = { "content-type": "application/grpc", te: "trailers", authorization: "Bearer secret" };
      const call = session.request({ ":method": "POST", ":path": path, ...headers });
      const answered = new Promise<unknown>((done, failed) => {
        call.on("error", failed).on("trailers", (said) => done(said["grpc-status"]));
        call.on("response", (said) => said["grpc-status"] !== undefined && failed(new Error(String(said["grpc-message"]))));
      });
      call.resume();
      for (const [i, cut] of cuts.entries()) {
        await new Promise((sent) => call.write(whole.subarray(cuts[i - 1] ?? 0, cut), sent));
        // a frame of its own, and read as one
        await new Promise((done) => setTimeout(done, 5));
      }
      call.end(whole.subarray(cuts.at(-1)));
      expect(await answered, cuts.join(" ")).toBe("0");
    }
    // a message as large as this server takes, and several of them at once
    expect(session.remoteSettings.initialWindowSize).toBeGreaterThan(200_000);
    expect(session.state.remoteWindowSize).toBeGreaterThan(400_000);
    session.destroy();
  });

  it("ends with its app: what was asked is answered, what comes later is not", async () => {
    const other = await served({});
    const wide = Buffer.from(greyPng(1500, 1500));
    expect(await ask("ServerLive", {}, { from: other.client })).toEqual({ live: true });
    const arrived = new Promise<void>((done) => other.asked.once("/v2/models/tiny/infer", () => done()));
    const pending = infer({ inputs: [image(wide)] }, { from: other.client });
    await arrived;
    await other.app.close();
    expect((await pending).outputs).toHaveLength(4);
    const late = await ask("ServerLive", {}, { from: other.client, deadline: Date.now() + 5000 });
    expect([grpc.status.UNAVAILABLE, grpc.status.DEADLINE_EXCEEDED]).toContain(late.code);
    other.client.close();
  });

  it("has a port of its own, on an address alone", () => {
    expect(() => servingOptions({ grpcPort: 0, socket: "/run/x.sock" })).toThrow(/gRPC/);
  });

  it("says what is wrong with an address as HTTP does: in use, not of this machine, a name that nobody has", async () => {
    const refusal = async (given: Partial<ServingOptions>) => {
      const options = servingOptions({ grpcPort: 0, ...given });
      const other = await createServer({ engine, options, version: "0.1.0", keys: () => keys });
      const there = await grpcServer(other, options);
      return expect(there.listen().finally(() => other.close())).rejects;
    };
    const port = Number(client.getChannel().getTarget().split(":").at(-1));
    const used = { code: "port_in_use", message: expect.stringContaining("--grpc-port") };
    await (await refusal({ grpcPort: port })).toMatchObject(used);
    const elsewhere = { code: "bad_address", message: expect.stringContaining("--host") };
    for (const host of ["192.0.2.1", "no-such-host.invalid"]) await (await refusal({ host })).toMatchObject(elsewhere);
    if (process.getuid?.() !== 0 && process.platform === "linux") {
      const privileged = { code: "bad_address", message: expect.stringContaining("from 1024 on with --grpc-port") };
      await (await refusal({ grpcPort: 1 })).toMatchObject(privileged);
    }
  });
});
