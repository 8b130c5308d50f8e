// What no route sees, on a socket: it is answered in the form of other problems, says nothing of what came, and ends its connection.

import { type AddressInfo, connect } from "node:net";
import Fastify, { type FastifyInstance } from "fastify";
import { afterAll, beforeAll, expect, it } from "vitest";
import { answerUnread } from "../../src/lifecycle/unread-requests.js";

let app: FastifyInstance;
beforeAll(async () => {
  app = Fastify({
    clientErrorHandler: answerUnread,
    http: { maxHeaderSize: 16_384, headersTimeout: 100, requestTimeout: 100, connectionsCheckingInterval: 20 },
  }) as unknown as FastifyInstance;
  app.get("/", async () => "here");
  app.get("/begun", (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, { "content-length": 100 });
    reply.raw.write("a part");
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
});
afterAll(() => app.close());

/** All that is answered until the server ends the connection: to these bytes, and to `then` once there was an answer. */
function said(bytes: string, then?: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect((app.server.address() as AddressInfo).port, "127.0.0.1", () => socket.write(bytes));
    socket.on("data", (data: Buffer) => {
      if (text === "" && then !== undefined) socket.write(then);
      text += data.toString();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}

it.each([
  ["headers beyond the limit", `GET /?patient=${"DOE".repeat(8000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 431, "headers_too_large"],
  ["headers that do not come to an end", "GET / HTTP/1.1\r\nhost: DOE\r\n", 408, "deadline_exceeded"],
  ["what is no HTTP", "\x16\x03\x01 DOE\r\n\r\n", 400, "bad_request"],
  ["a method that is none", "DOE / HTTP/1.1\r\nhost: x\r\n\r\n", 400, "bad_request"],
])("answers %s with a problem", async (_, bytes, status, code) => {
  const [head = "", body = ""] = (await said(bytes)).split("\r\n\r\n");
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(head).toMatch(/^content-type: application\/problem\+json/m);
  expect(head).toMatch(/^connection: close$/m);
  expect(JSON.parse(body)).toMatchObject({ status, code, type: `urn:biovlm:error:${code}` });
  expect(body).not.toContain("DOE");
});

it("answers so on a connection that has had its answers before, and adds nothing to one that has begun", async () => {
  const late = await said("GET / HTTP/1.1\r\nhost: x\r\n\r\n", "DOE\r\n\r\n");
  expect(late).toMatch(/^HTTP\/1.1 200 [\s\S]*hereHTTP\/1.1 400 [\s\S]*"code":"bad_request"/);
  const begun = await said("GET /begun HTTP/1.1\r\nhost: x\r\n\r\n", "DOE\r\n\r\n");
  expect(begun).toMatch(/^HTTP\/1.1 200 /);
  expect(begun).not.toContain("bad_request");
});
