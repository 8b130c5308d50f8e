// ModelStreamInfer with grpc-js's own client: answers in the order of the requests, refusals as words in the stream, and every bound that a call has.

import { createHash } from "node:crypto";
import { connect } from "node:http2";
import { gzipSync } from "node:zlib";
import type { Engine } from "@biovlm/engine";
import { greyPng } from "@biovlm/testkit";
import * as grpc from "@grpc/grpc-js";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type ApiKey, createMetrics, createServer, drainable, grpcServer, type ServingOptions, servingOptions } from "../../src/index.js";
import { kindsEngine } from "../routes/kinds-engine.js";
import { ask, clientOf, metadata, type Streamed, service } from "./grpc-client.js";
import { heldEngine } from "./held-engine.js";
import { framed, statusOf } from "./raw-call.js";

type Call = grpc.ClientDuplexStream<object, Streamed>;

const PATH = "/inference.GRPCInferenceService/ModelStreamInfer";
const digest = (text: string) => createHash("sha256").update(text).digest("hex");
const CLINIC: ApiKey = { name: "clinic", sha256: digest("secret"), scopes: ["infer"] };
const { status } = grpc;

const numbered = (number: number, id = String(number), bytes = 1) => ({
  ...{ model_name: "tiny", id },
  inputs: [{ name: "image", datatype: "BYTES", shape: ["1"], contents: { bytes_contents: [Buffer.alloc(bytes, number)] } }],
});
const probability = (answer: Streamed) => 256 * (answer.infer_response?.raw_output_contents[0]?.readFloatLE(0) ?? Number.NaN);

/** A stream of requests, with what has come back of it. */
function open(
  client: grpc.Client,
  { key = "secret", deadline, strict = false }: { key?: string; deadline?: number; strict?: boolean } = {},
) {
  const said = metadata(key);
  if (strict) said.set("triton_grpc_error", "true");
  const begin = Reflect.get(client, "ModelStreamInfer") as (of: grpc.Metadata, options: object) => Call;
  const call = begin.call(client, said, deadline === undefined ? {} : { deadline });
  const answers: Streamed[] = [];
  call.on("data", (answer) => answers.push(answer)).on("error", () => {});
  const ended = new Promise<grpc.StatusObject>((done) => call.on("status", done));
  const came = (count: number) => vi.waitFor(() => expect(answers.length).toBeGreaterThanOrEqual(count), { timeout: 10_000, interval: 5 });
  return { call, answers, ended, came };
}
const idsOf = (answers: readonly Streamed[]) => answers.map(({ infer_response: answer }) => answer?.id);

const held = heldEngine();
const metrics = createMetrics({ processMetrics: false });
let keys: readonly ApiKey[] = [CLINIC];
let app: FastifyInstance;
let where: string;
let client: grpc.Client;
const clients: grpc.Client[] = [];

async function served(given: Partial<ServingOptions> = {}, engine: Engine = held.engine) {
  const options = servingOptions({ maxImageBytes: 65_536, maxBodyBytes: 200_000, grpcPort: 0, drainMs: 5000, drainDelayMs: 0, ...given });
  let drain = async () => {};
  const prepare = (of: FastifyInstance) => {
    drain = drainable(of, engine, options).drain;
  };
  const made = await createServer({ engine, options, version: "0.1.0", keys: () => keys, metrics, prepare });
  const there = await grpcServer(made, options);
  await made.ready();
  const host = (await there.listen()).replace(/^grpc:\/\//, "");
  const other = clientOf(host, grpc.credentials.createInsecure());
  clients.push(other);
  return { app: made, host, client: other, drain };
}
const answeredSoFar = async () => {
  const text = await metrics.registry.metrics();
  return Number(
    /biovlm_request_seconds_count\{route="\/v2\/models\/:model\/infer",method="POST",status="200"\} (\d+)/.exec(text)?.[1] ?? 0,
  );
};

beforeAll(async () => {
  ({ app, host: where, client } = await served());
});
beforeEach(() => {
  keys = [CLINIC];
  held.hold(false);
});
afterAll(async () => {
  for (const one of clients) one.close();
  await app?.close();
});

describe("a stream of requests", () => {
  it("is answered in the order of the requests, whichever is ready first, and ends with OK once the client has no more", async () => {
    held.hold(true);
    const { call, answers, ended, came } = open(client);
    for (let i = 1; i <= 20; i++) call.write(numbered(i));
    await vi.waitFor(() => expect(held.waiting.size).toBe(20));
    for (let i = 20; i > 3; i--) held.answer(i);
    held.answer(1);
    await came(1);
    call.end();
    held.answer(3);
    held.answer(2);
    expect((await ended).code).toBe(status.OK);
    expect(idsOf(answers)).toEqual(Array.from({ length: 20 }, (_, i) => String(i + 1)));
    expect(answers.map(probability)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    for (const { error_message, infer_response } of answers) {
      expect(error_message).toBe("");
      expect(infer_response?.parameters["triton_final_response"]).toMatchObject({ bool_param: true });
    }
    expect(app.callBounds.bytes.bytes).toBe(0);
  });

  it("answers a request that is refused with words and its id, and goes on", async () => {
    const { call, answers, ended } = open(client);
    const wrong: [object, RegExp, string][] = [
      [{ ...numbered(1), model_name: "no/model" }, /^bad_request: model — /, "1"],
      [{ ...numbered(2), model_version: "7" }, /^unknown_model: model version — /, "2"],
      [{ ...numbered(3), inputs: [] }, /^bad_tensor: infer request — /, "3"],
      [{ ...numbered(4), parameters: { priority: { int64_param: "3" } } }, /^bad_request: parameter priority — /, "4"],
      [{ ...numbered(5), outputs: [{ name: "nothing" }] }, /^bad_tensor: infer request — output "nothing"/, "5"],
      [numbered(6, "6", 70_000), /^payload_too_large: image — /, "6"],
    ];
    for (const [request] of wrong) {
      call.write(request);
      call.write({ ...numbered(9, "sound"), parameters: { triton_enable_empty_final_response: { bool_param: true } } });
    }
    call.end();
    expect((await ended).code).toBe(status.OK);
    expect(idsOf(answers)).toEqual(wrong.flatMap(([, , id]) => [id, "sound"]));
    for (const [i, [, words]] of wrong.entries()) {
      expect(answers[2 * i]?.error_message).toMatch(words);
      expect(answers[2 * i]?.infer_response?.outputs).toEqual([]);
      expect(answers[2 * i + 1]?.error_message).toBe("");
    }
  });

  it("ends at the first refusal with its status where the client asked for that, behind the answers before it", async () => {
    held.hold(true);
    const { call, answers, ended } = open(client, { strict: true });
    call.write(numbered(1));
    call.write({ ...numbered(2), outputs: [{ name: "nothing" }] });
    call.write(numbered(3));
    await vi.waitFor(() => expect(held.waiting.size).toBe(3));
    held.answer(2);
    held.answer(1);
    expect(await ended).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect((await ended).metadata.get("biovlm-code")).toEqual(["bad_tensor"]);
    expect(idsOf(answers)).toEqual(["1"]);
    await vi.waitFor(() => expect(held.left).toContain(3));
  });

  it("is refused without a key before a message is read, and counted; a key that is gone is refused at the next message", async () => {
    for (const key of ["", "other"]) {
      const { ended } = open(client, { key });
      expect((await ended).code, key).toBe(status.UNAUTHENTICATED);
    }
    expect(await metrics.registry.metrics()).toMatch(/infer",method="POST",status="401"\} [2-9]/);
    const { call, answers, ended, came } = open(client);
    call.write(numbered(1));
    await came(1);
    keys = [{ ...CLINIC, sha256: digest("another") }];
    call.write(numbered(2));
    expect((await ended).code).toBe(status.UNAUTHENTICATED);
    expect(answers).toHaveLength(1);
    keys = [{ ...CLINIC, sha256: digest("admin-only"), scopes: [] }];
    expect((await open(client, { key: "admin-only" }).ended).code).toBe(status.PERMISSION_DENIED);
  });

  it("counts each request by rate and in the metrics", async () => {
    const { client: other, app: limited } = await served({ ratePerMinute: 3 });
    const before = await answeredSoFar();
    const { call, answers, ended } = open(other);
    for (let i = 1; i <= 5; i++) call.write(numbered(i));
    call.end();
    expect((await ended).code).toBe(status.OK);
    expect(answers.map(({ error_message: words }) => words.split(":")[0])).toEqual(["", "", "", "rate_limited", "rate_limited"]);
    expect((await answeredSoFar()) - before).toBe(3);
    await limited.close();
  });

  it("has at most 64 images on their way and holds the client back, whatever it sends and whether it reads the answers", async () => {
    held.hold(true);
    const { call, answers, ended, came } = open(client);
    call.pause();
    for (let i = 0; i < 500; i++) call.write(numbered(i % 250, String(i), 20_000));
    call.end();
    await vi.waitFor(() => expect(held.waiting.size).toBeGreaterThan(2));
    await new Promise((done) => setTimeout(done, 100));
    // of a quarter of four bodies at three times their length; few, and not all, of what was sent
    expect(held.most()).toBeLessThanOrEqual(4);
    expect(app.callBounds.bytes.bytes).toBeLessThanOrEqual(200_000);
    // somebody else is answered meanwhile
    const other = ask(client, "ModelInfer", numbered(255));
    await vi.waitFor(() => expect(held.waiting.has(255)).toBe(true));
    held.answer(255);
    expect((await other).outputs).toHaveLength(4);
    held.hold(false);
    for (const answer of held.waiting.values()) answer();
    call.resume();
    await came(500);
    expect((await ended).code).toBe(status.OK);
    expect(idsOf(answers)).toEqual(Array.from({ length: 500 }, (_, i) => String(i)));
    held.hold(true);
    const small = open(client);
    for (let i = 0; i < 200; i++) small.call.write(numbered(i));
    await vi.waitFor(() => expect(held.waiting.size).toBe(64));
    await new Promise((done) => setTimeout(done, 50));
    expect(held.most()).toBe(64);
    held.answer(0);
    await vi.waitFor(() => expect(held.waiting.has(64)).toBe(true));
    expect(held.waiting.size).toBe(64);
    small.call.cancel();
    await vi.waitFor(() => expect(held.waiting.size).toBe(0));
  });

  it("stops what it asked where the client leaves, and at its deadline", async () => {
    held.hold(true);
    const gone = open(client);
    for (let i = 1; i <= 3; i++) gone.call.write(numbered(i));
    await vi.waitFor(() => expect(held.waiting.size).toBe(3));
    held.left.length = 0;
    gone.call.cancel();
    await vi.waitFor(() => expect(held.left.sort()).toEqual([1, 2, 3]));
    const late = open(client, { deadline: Date.now() + 300 });
    late.call.write(numbered(4));
    expect((await late.ended).code).toBe(status.DEADLINE_EXCEEDED);
    await vi.waitFor(() => expect(held.left).toContain(4));
    await vi.waitFor(() => expect(app.callBounds.bytes.bytes).toBe(0));
  });

  it("ends with UNAVAILABLE where the server stops, once what was taken is answered; one that is silent keeps nobody", async () => {
    held.hold(true);
    const other = await served();
    const silent = open(other.client);
    const { call, answers, ended } = open(other.client);
    for (let i = 1; i <= 10; i++) call.write(numbered(i));
    await vi.waitFor(() => expect(held.waiting.size).toBe(10));
    const closed = other.drain();
    expect((await silent.ended).code).toBe(status.UNAVAILABLE);
    for (const answer of [...held.waiting.values()]) answer();
    expect((await ended).code).toBe(status.UNAVAILABLE);
    expect((await ended).metadata.get("biovlm-code")).toEqual(["not_ready"]);
    expect(idsOf(answers)).toEqual(Array.from({ length: 10 }, (_, i) => String(i + 1)));
    await closed;
  });

  it("takes messages in whatever pieces they come, compressed ones too, and refuses the damaged one by one", async () => {
    const { ModelInfer } = service.service as Record<string, grpc.MethodDefinition<object, object>>;
    const bytes = (request: object) => Buffer.from(ModelInfer!.requestSerialize(request));
    const session = connect(`http://${where}`).on("error", () => {});
    const send = (sent: Buffer, headers: Record<string, string> = {}) =>
      statusOf(session, PATH, sent, { authorization: "Bearer secret", ...headers });
    const sound = bytes(numbered(7));
    const many = Buffer.concat(Array.from({ length: 300 }, () => framed(sound)));
    const before = await answeredSoFar();
    expect(await send(many)).toBe(status.OK);
    expect((await answeredSoFar()) - before).toBe(300);
    const gzip = { "grpc-encoding": "gzip" };
    expect(await send(Buffer.concat([framed(gzipSync(sound), true), framed(sound), framed(gzipSync(sound), true)]), gzip)).toBe(status.OK);
    expect((await answeredSoFar()) - before).toBe(303);
    // a message that cannot be read, or inflates to nothing or too much, is the fault of itself alone
    const damaged = [
      framed(Buffer.from([0x0f])),
      framed(sound, true),
      framed(gzipSync(bytes(numbered(1, "1", 900_000))), true),
      framed(sound),
    ];
    expect(await send(Buffer.concat(damaged), gzip)).toBe(status.OK);
    expect((await answeredSoFar()) - before).toBe(304);
    expect(await send(framed(sound, true), { "grpc-encoding": "br" })).toBe(status.UNIMPLEMENTED);
    expect(await send(Buffer.concat([framed(sound), framed(Buffer.alloc(250_000))]))).toBe(status.RESOURCE_EXHAUSTED);
    expect(await send(framed(sound).subarray(0, 20))).toBe(status.INVALID_ARGUMENT);
    expect(await send(Buffer.alloc(0))).toBe(status.OK);
    await vi.waitFor(() => expect(app.callBounds.bytes.bytes).toBe(0));
    session.destroy();
  });

  it.each(["ModelInfer", "ModelStreamInfer"])("does not wait for ever for the rest of a message: %s", async (method) => {
    const other = await served({ requestTimeoutMs: 200 });
    const session = connect(`http://${other.host}`).on("error", () => {});
    const path = `/inference.GRPCInferenceService/${method}`;
    const headers = { "content-type": "application/grpc", te: "trailers", authorization: "Bearer secret" };
    const call = session.request({ ":method": "POST", ":path": path, ...headers }).on("error", () => {});
    const said = new Promise<unknown>((done) => {
      for (const event of ["response", "trailers"])
        call.on(event, (heard) => heard["grpc-status"] !== undefined && done(heard["grpc-status"]));
    });
    call.resume().write(framed(Buffer.alloc(50_000)).subarray(0, 20_000));
    await vi.waitFor(() => expect(other.app.callBounds.bytes.bytes).toBeGreaterThan(19_000));
    expect(await said).toBe(String(status.DEADLINE_EXCEEDED));
    await vi.waitFor(() => expect(other.app.callBounds.bytes.bytes).toBe(0));
    session.destroy();
    await other.app.close();
  });

  it("is silent for longer than a request may take where nothing of a message is missing", async () => {
    const other = await served({ requestTimeoutMs: 200 });
    const { call, ended, came } = open(other.client);
    call.write(numbered(1));
    await came(1);
    await new Promise((done) => setTimeout(done, 500));
    call.write(numbered(2));
    await came(2);
    call.end();
    expect((await ended).code).toBe(status.OK);
    await other.app.close();
  });

  it("passes over a message for which others leave no room, says so, and goes on", async () => {
    const { bytes } = app.callBounds;
    const others = {};
    bytes.hold(others, 700_000);
    const { call, answers, ended, came } = open(client);
    call.write(numbered(1, "1", 60_000));
    call.write(numbered(2, "2"));
    await came(2);
    expect(answers[0]?.error_message).toMatch(/^overloaded: bytes in flight — /);
    expect(answers[1]?.error_message).toBe("");
    bytes.release(others);
    call.write(numbered(3, "3", 60_000));
    call.end();
    expect((await ended).code).toBe(status.OK);
    expect(answers[2]?.error_message).toBe("");
  });

  it("is one of so many at once, and makes room where it ends", async () => {
    const all = Array.from({ length: 16 }, () => open(client));
    for (const { call } of all) call.write(numbered(1));
    await Promise.all(all.map(({ came }) => came(1)));
    expect((await open(client).ended).code).toBe(status.RESOURCE_EXHAUSTED);
    all[0]!.call.end();
    await all[0]!.ended;
    await vi.waitFor(async () => {
      const again = open(client);
      again.call.write(numbered(1));
      again.call.end();
      expect((await again.ended).code).toBe(status.OK);
    });
  });
});

describe("a stream to a model", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await kindsEngine({});
  });
  afterAll(() => engine?.close(0));

  it("has the answers of single calls", async () => {
    const other = await served({}, engine);
    const png = (i: number) => Buffer.from(greyPng(40 + i, 60, 8, (at) => (at * (i + 3)) % 256));
    const request = (i: number) => ({
      ...{ model_name: "tiny", id: String(i) },
      inputs: [{ name: "image", datatype: "BYTES", shape: ["1"], contents: { bytes_contents: [png(i)] } }],
    });
    const { call, answers, ended } = open(other.client);
    for (let i = 0; i < 8; i++) call.write(request(i));
    call.end();
    expect((await ended).code).toBe(status.OK);
    for (const [i, answer] of answers.entries()) {
      const alone = await ask(other.client, "ModelInfer", request(i));
      expect(answer.infer_response?.raw_output_contents).toEqual(alone.raw_output_contents);
      expect(answer.infer_response?.outputs).toEqual(alone.outputs);
    }
    expect(answers).toHaveLength(8);
    await other.app.close();
  });
});
