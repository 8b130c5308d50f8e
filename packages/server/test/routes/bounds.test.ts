// What one client can make the server hold or wait for: bodies are bounded over all routes, and no request keeps the others from being answered.

import { request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { createEngine, type Engine } from "@biovlm/engine";
import { soak, withinLimit } from "@biovlm/testkit";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, servingOptions } from "../../src/index.js";
import { greyPng } from "./grey-png.js";

const MiB = 1024 * 1024;
let engine: Engine;
let app: FastifyInstance;
let port = 0;
let D = 0;

beforeAll(async () => {
  const made = await createEngine({ serve: [{ name: "tiny", model: "tiny" }], device: "cpu", threads: 1, pool: 0 });
  await made.ready;
  engine = made.engine;
  D = engine.model("tiny").embedDim;
  const options = servingOptions({ maxImageBytes: 4 * MiB, maxBodyBytes: 16 * MiB, maxInFlightBytes: 40 * MiB });
  app = await createServer({ engine, options, version: "0" });
  await app.listen({ port: 0, host: "127.0.0.1" });
  port = (app.server.address() as AddressInfo).port;
});
afterAll(async () => {
  await app?.close();
  await engine?.close(1000);
});

interface Sent {
  readonly status: number;
  readonly body: string;
  /** bytes that were taken before the answer */
  readonly written: number;
}

/** Sends a body piece by piece for as long as it is taken; resolves with the answer. */
function post(path: string, headers: Record<string, string | number>, pieces: Iterable<Uint8Array>): Promise<Sent> {
  return new Promise((resolve, reject) => {
    let written = 0;
    let answered = false;
    const request = send({ port, path, method: "POST", headers: { ...headers, connection: "close" } }, (response) => {
      answered = true;
      let body = "";
      // cut while it still came: what was said stands
      response.on("error", () => resolve({ status: response.statusCode ?? 0, body, written }));
      response.on("data", (piece) => (body += String(piece))).on("end", () => resolve({ status: response.statusCode ?? 0, body, written }));
    });
    // a refusal closes the connection under the writer
    request.on("error", (error) => (answered ? undefined : reject(error)));
    void (async () => {
      for (const piece of pieces) {
        if (answered || request.destroyed) return;
        if (!request.write(piece)) await Promise.race([new Promise((drained) => request.once("drain", drained)), delay(50)]);
        written += piece.length;
        await delay(0);
      }
      request.end();
    })();
  });
}

/** The longest that `/livez` was waited for while `work` ran, ms. */
async function longestSilence(work: Promise<unknown>): Promise<number> {
  let [longest, done] = [0, false];
  void work.then(
    () => (done = true),
    () => (done = true),
  );
  while (!done) {
    const asked = performance.now();
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
    longest = Math.max(longest, performance.now() - asked);
    await delay(5);
  }
  return longest;
}

function* form(parts: number, bytes: number): Generator<Uint8Array> {
  for (let i = 0; i < parts; i++) {
    yield Buffer.from(`--cut\r\ncontent-disposition: form-data; name="image"; filename="${i}.png"\r\ncontent-type: image/png\r\n\r\n`);
    for (let at = 0; at < bytes; at += 256 * 1024) yield Buffer.alloc(Math.min(256 * 1024, bytes - at), 1);
    yield Buffer.from("\r\n");
  }
  yield Buffer.from("--cut--\r\n");
}
const FORM = { "content-type": "multipart/form-data; boundary=cut" };

describe("bodies", () => {
  it("of a form without a length are refused once all its parts together are more than a body may be", async () => {
    const { status, written } = await post("/v1/classify", FORM, form(60, 3 * MiB));
    expect(status).toBe(413);
    expect(written).toBeLessThan(60 * MiB);
  });

  it("of a declared length beyond the limit are refused before a byte of them is read", async () => {
    const asked = [
      ["/v1/classify", { ...FORM, "content-length": 600 * MiB }],
      ["/v1/classify", { "content-type": "image/png", "content-length": 5 * MiB }],
      ["/v1/classify", { "content-type": "application/json", "content-length": 17 * MiB }],
      ["/v2/models/tiny/infer", { "content-type": "application/octet-stream", "content-length": 17 * MiB }],
    ] as const;
    for (const [path, headers] of asked) {
      const { status, body } = await post(path, headers, [Buffer.alloc(16)]);
      expect([path, status, body.includes("payload_too_large") || body.includes("at most")]).toEqual([path, 413, true]);
    }
  });

  it.each([
    ["images as they come", "image/png", "/v1/classify", 13, 3],
    ["a form twice, for its parts", FORM["content-type"], "/v1/classify", 8, 3],
    ["tensors three times, for what they are unpacked to", "application/octet-stream", "/v2/models/tiny/infer", 8, 5],
    ["JSON three times, for its text and its values", "application/json", "/v1/embeddings", 8, 5],
  ])(
    "of all requests together have one budget that holds %s: what does not fit is told to come again",
    async (_, type, path, count, over) => {
      const held = Array.from({ length: count }, () => {
        const headers = { "content-type": type, "content-length": 4 * MiB, "inference-header-content-length": 10 };
        const request = send({ port, path, method: "POST", headers });
        request.on("error", () => {});
        const answer = new Promise<{ status: number; retry: string | undefined }>((resolve) =>
          request.on("response", (response) => {
            response.on("error", () => {}).resume();
            resolve({ status: response.statusCode ?? 0, retry: response.headers["retry-after"] });
          }),
        );
        request.write(Buffer.alloc(16));
        return { request, answer };
      });
      // which of them came first is the network's to say, and when the machine's
      const refused: { status: number; retry: string | undefined }[] = [];
      for (const { answer } of held) void answer.then((each) => refused.push(each));
      await expect.poll(() => refused.length, { interval: 20, timeout: 30_000 }).toBe(over);
      // nor is another one refused
      await delay(500);
      for (const { request } of held) request.destroy();
      expect(refused.map(({ status }) => status)).toEqual(Array.from({ length: over }, () => 429));
      expect(refused.every(({ retry }) => retry !== undefined)).toBe(true);
      await delay(200);
      const png = Buffer.from(greyPng(40, 30));
      const again = await post("/v1/classify?classes=a&classes=b", { "content-type": "image/png", "content-length": png.length }, [png]);
      expect(again.status).not.toBe(429);
    },
  );
});

describe("JSON", () => {
  it.each([
    [
      "texts that are many characters together",
      ["x".repeat(3_000_000), "y".repeat(2_000_000)],
      /at most 4194304 characters together, got 5000000/,
    ],
    ["millions of short texts", Array.from({ length: 2_000_000 }, () => "a"), /at most 100000 values/],
  ])("of %s is refused, and others are answered meanwhile", async (_, input, message) => {
    const body = Buffer.from(JSON.stringify({ model: "tiny", input }));
    const answer = post("/v1/embeddings", { "content-type": "application/json", "content-length": body.length }, [body]);
    withinLimit("silence beside JSON, ms", await longestSilence(answer), 250, soak);
    expect([(await answer).status, (await answer).body]).toEqual([400, expect.stringMatching(message)]);
  });
});

describe("tensors", () => {
  const json = (datatype: string, shape: readonly number[], data: string) =>
    Buffer.from(`{"inputs":[{"name":"embedding","datatype":"${datatype}","shape":[${shape.join(",")}],"data":[${data}]}]}`);
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => (i % 7) / 8).join(",");

  it.each([
    ["UINT8 of an image, as users send it", () => json("UINT8", [1, 512, 512, 3], numbers(512 * 512 * 3)), [400, 413]],
    ["UINT8 beside a short shape", () => json("UINT8", [4], numbers(300_000)), [400]],
    ["FP32 embeddings in JSON beyond the limit", () => json("FP32", [20_000, 128], numbers(20_000 * 128)), [413]],
    ["a list that is none", () => Buffer.from('{"inputs":[{"name":"embedding","datatype":"FP32","shape":[1],"data":{"a":1}}]}'), [400]],
  ])("of %s are refused, and others are answered meanwhile", async (_, make, statuses) => {
    const body = make();
    const answer = post("/v2/models/tiny/infer", { "content-type": "application/json", "content-length": body.length }, [body]);
    withinLimit("silence beside a tensor, ms", await longestSilence(answer), 250, soak);
    expect(statuses).toContain((await answer).status);
  });

  it("of many rows in binary are answered right, and others are answered meanwhile", async () => {
    const n = 20_000;
    const header = Buffer.from(
      JSON.stringify({
        parameters: { classes: '["a","b"]', binary_data_output: true },
        inputs: [{ name: "embedding", datatype: "FP32", shape: [n, D], parameters: { binary_data_size: n * D * 4 } }],
      }),
    );
    const rows = Buffer.from(Float32Array.from({ length: n * D }, (_, i) => Math.sin(i)).buffer);
    const body = Buffer.concat([header, rows]);
    const headers = {
      "content-type": "application/octet-stream",
      "content-length": body.length,
      "inference-header-content-length": header.length,
    };
    const answer = post("/v2/models/tiny/infer", headers, [body]);
    withinLimit("silence beside 20 000 rows, ms", await longestSilence(answer), 250, soak);
    const { status, body: said } = await answer;
    // the served model has no bank of its own: the question is refused only where that is so
    expect([200, 400, 404]).toContain(status);
    if (status === 200) expect(said).toContain(`"shape":[${n},2]`);
  });
});
