// Clients of gRPC that ask and do not read: what their answers hold counts, and is given back when their time is over.

import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import type * as grpc from "@grpc/grpc-js";
import type { FastifyInstance } from "fastify";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { createServer, grpcServer, servingOptions } from "../../src/index.js";
import { service } from "./grpc-client.js";
import { heldEngine } from "./held-engine.js";
import { framed, statusOf } from "./raw-call.js";

const SERVICE = "/inference.GRPCInferenceService/";
const CANCEL = 8;
const RESOURCE_EXHAUSTED = 8;
/** A request costs some 9 000 bytes, its answer 15 000. */
const IMAGES = 1000;
const held = heldEngine();
let app: FastifyInstance;
/** bytes that may be held at once */
let room: number;
let session: ClientHttp2Session;
let reader: ClientHttp2Session;
let server: Awaited<ReturnType<typeof grpcServer>>;

beforeAll(async () => {
  const options = servingOptions({ ...{ grpcPort: 0, drainMs: 100, drainDelayMs: 0 }, ...{ maxImages: IMAGES, requestTimeoutMs: 400 } });
  room = options.maxInFlightBytes;
  app = await createServer({ engine: held.engine, options, version: "0.1.0" });
  server = await grpcServer(app, options);
  await app.ready();
  // nothing of an answer may come: this client reads none
  const url = (await server.listen()).replace(/^grpc:/, "http:");
  session = connect(url, { settings: { initialWindowSize: 0 } }).on("error", () => {});
  reader = connect(url).on("error", () => {});
});
afterEach(() => held.hold(false));
afterAll(async () => {
  session?.destroy();
  reader?.destroy();
  await app?.close();
});

const request = () => {
  const { ModelInfer } = service.service as Record<string, grpc.MethodDefinition<object, object>>;
  const images = Array.from({ length: IMAGES }, (_, i) => Buffer.from([i % 256]));
  const inputs = [{ name: "image", datatype: "BYTES", shape: [String(IMAGES)], contents: { bytes_contents: images } }];
  return framed(Buffer.from(ModelInfer!.requestSerialize({ model_name: "tiny", inputs })));
};
const headers = { "content-type": "application/grpc", te: "trailers" };
function call(method: string): ClientHttp2Stream {
  const made = session.request({ ":method": "POST", ":path": `${SERVICE}${method}`, ...headers });
  made.on("error", () => {}).resume();
  return made;
}
const resetOf = (stream: ClientHttp2Stream) => new Promise<number>((done) => stream.once("close", () => done(stream.rstCode)));

it.each(["ModelInfer", "ModelStreamInfer"])("an answer of %s that is not taken counts, and ends with the call's time", async (method) => {
  const { bytes } = app.callBounds;
  held.hold(true);
  const asked = call(method);
  const reset = resetOf(asked);
  asked.write(request());
  if (method === "ModelInfer") asked.end();
  await vi.waitFor(() => expect(held.waiting.size).toBe(1));
  const before = bytes.bytes;
  held.answer(0);
  // what was asked is given back once it is answered, and what is held then is the answer
  await vi.waitFor(() => expect(bytes.bytes).toBeGreaterThan(4096));
  expect(bytes.bytes).not.toBe(before);
  expect(await reset).toBe(CANCEL);
  await vi.waitFor(() => expect(bytes.bytes).toBe(0));
});

it.each(["ModelInfer", "ModelStreamInfer"])("%s has no answer where there is no room for one, and says so", async (method) => {
  const { bytes } = app.callBounds;
  held.hold(true);
  const status = statusOf(reader, `${SERVICE}${method}`, request(), {});
  await vi.waitFor(() => expect(held.waiting.size).toBe(1));
  const others = {};
  bytes.hold(others, room - 10_000);
  held.answer(0);
  expect(await status).toBe(RESOURCE_EXHAUSTED);
  bytes.release(others);
  await vi.waitFor(() => expect(bytes.bytes).toBe(0));
});

it("a stream that is read goes on for longer than an answer's time", async () => {
  const reading = reader.request({ ":method": "POST", ":path": `${SERVICE}ModelStreamInfer`, ...headers });
  let came = 0;
  reading.on("data", (piece: Buffer) => {
    came += piece.length;
  });
  reading.write(request());
  await vi.waitFor(() => expect(came).toBeGreaterThan(4096));
  const first = came;
  await new Promise((done) => setTimeout(done, 900));
  reading.end(request());
  await new Promise((done) => reading.once("close", done));
  expect(came).toBe(2 * first);
});
