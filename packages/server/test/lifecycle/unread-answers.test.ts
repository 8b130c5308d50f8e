// Clients that ask and do not read: what their answers hold is bounded, and given back.

import { type AddressInfo, connect, type Socket } from "node:net";
import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, expect, it } from "vitest";
import { BytesInFlight, boundBodies } from "../../src/lifecycle/bytes-in-flight.js";
import { boundAnswers } from "../../src/lifecycle/unread-answers.js";
import { replyWith, serverError } from "../../src/replies.js";

const MiB = 1024 * 1024;
const LARGE = "x".repeat(16 * MiB);
let app: FastifyInstance;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await app.close();
});

async function serving(patienceMs: number, bytesPerSecond?: number): Promise<BytesInFlight> {
  const bytes = new BytesInFlight(40 * MiB);
  app = Fastify({ forceCloseConnections: true }) as unknown as FastifyInstance;
  boundBodies(app, bytes, MiB);
  boundAnswers(app, bytes, patienceMs, bytesPerSecond);
  app.setErrorHandler((error, request, reply) => replyWith(serverError(error), "problem", request, reply));
  app.post("/large", { config: { scope: "infer", errors: "problem" } }, async (_request, reply) =>
    reply.header("inference-header-content-length", "7").type("text/plain").send(LARGE),
  );
  app.get("/open", { config: { errors: "problem" } }, async () => LARGE);
  await app.listen({ port: 0, host: "127.0.0.1" });
  return bytes;
}

/** Asks and reads nothing. */
function unread(path = "/large", method = "POST"): Socket {
  const socket = connect((app.server.address() as AddressInfo).port, "127.0.0.1");
  socket.pause().on("error", () => {});
  socket.write(`${method} ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`);
  sockets.push(socket);
  return socket;
}

const ask = () => app.inject({ method: "POST", url: "/large", payload: {} });

it("large answers count until they are read, the next one is told to come again, and all is given back", async () => {
  const bytes = await serving(60_000);
  const two = [unread(), unread()];
  await expect.poll(() => bytes.bytes, { timeout: 10_000 }).toBeGreaterThan(32 * MiB);
  const refused = await ask();
  expect([refused.statusCode, refused.json().code, refused.headers["retry-after"]]).toEqual([429, "overloaded", "1"]);
  expect(refused.headers["inference-header-content-length"]).toBeUndefined();
  // one is read, the other's client leaves
  two[0]!.resume();
  two[1]!.destroy();
  await expect.poll(() => bytes.bytes, { timeout: 10_000 }).toBe(0);
  const answered = await ask();
  expect([answered.statusCode, answered.payload.length]).toEqual([200, LARGE.length]);
  expect(bytes.bytes).toBe(0);
});

it("a connection whose reader takes nothing in time ends", async () => {
  const bytes = await serving(100, 1e9);
  const socket = unread();
  const ended = new Promise((done) => socket.once("close", done));
  await expect.poll(() => bytes.bytes, { timeout: 10_000 }).toBeGreaterThan(0);
  await expect.poll(() => bytes.bytes, { timeout: 10_000 }).toBe(0);
  socket.resume();
  await ended;
});

it("what needs no key takes none of the room", async () => {
  const bytes = await serving(60_000);
  const socket = unread("/open", "GET");
  socket.once("readable", () => {});
  await expect.poll(() => socket.readableLength, { timeout: 10_000 }).toBeGreaterThan(0);
  expect(bytes.bytes).toBe(0);
});
