// A file comes into a page whole, checked, resumable; over a server that does what servers do.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type ByteStore, memoryStore } from "@biovlm/files";
import { ModelError } from "@biovlm/model";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clearStore, deliverFile, openPageStore } from "../src/index.js";

const content = new Uint8Array(9 * 2 ** 20 + 17).map((_, i) => (i * 31) ^ (i >> 11));
const sha256 = createHash("sha256").update(content).digest("hex");
const room = async () => undefined;

type Answer = (request: IncomingMessage, response: ServerResponse, from: number) => void;
let server: Server;
let url: string;
let answers: Answer[] = [];
const ranges: (string | undefined)[] = [];

const whole: Answer = (_, response, from) => {
  if (from === 0) response.writeHead(200, { "Content-Length": content.length }).end(content);
  else
    response
      .writeHead(206, { "Content-Range": `bytes ${from}-${content.length - 1}/${content.length}`, "Content-Length": content.length - from })
      .end(content.subarray(from));
};
/** breaks the connection after so many bytes */
const cutAfter =
  (bytes: number): Answer =>
  (_, response, from) => {
    response.writeHead(from === 0 ? 200 : 206, {
      "Content-Length": content.length - from,
      ...(from === 0 ? {} : { "Content-Range": `bytes ${from}-${content.length - 1}/${content.length}` }),
    });
    response.write(content.subarray(from, from + bytes), () => setTimeout(() => response.destroy(), 30));
  };
const status =
  (code: number): Answer =>
  (_, response) =>
    response.writeHead(code).end();

beforeAll(async () => {
  server = createServer((request, response) => {
    ranges.push(request.headers.range);
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "bytes=0-")![1]);
    (answers.shift() ?? whole)(request, response, from);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/folder/weights.safetensors?token=secret`;
});
afterAll(() => void server.close());

function deliver(script: Answer[], options: Parameters<typeof deliverFile>[1] = {}, file = {}) {
  answers = script;
  ranges.length = 0;
  return deliverFile({ url, sha256, bytes: content.length, ...file }, { room, retryDelay: 1, ...options });
}

describe("deliverFile", () => {
  it("downloads once, then takes the kept pieces without a request", async () => {
    const store = memoryStore();
    const seen: number[] = [];
    const first = await deliver([], { store, onProgress: (received) => seen.push(received) });
    expect(Buffer.compare(first.bytes, content)).toBe(0);
    expect(first).toMatchObject({ resumedAt: 0 });
    expect(first.notKept).toBeUndefined();
    expect(seen.at(-1)).toBe(content.length);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    const again = await deliver([], { store });
    expect(ranges).toEqual([]);
    expect(again.resumedAt).toBe(content.length);
    expect(Buffer.compare(again.bytes, content)).toBe(0);
  });

  it("goes on by Range where a connection broke", async () => {
    const { bytes } = await deliver([cutAfter(3_000_000), cutAfter(2_000_000), status(503)]);
    expect(Buffer.compare(bytes, content)).toBe(0);
    expect(ranges.length).toBe(4);
    expect(ranges[0]).toBeUndefined();
    for (const range of ranges.slice(1)) expect(range).toMatch(/^bytes=\d+-$/);
    expect(Number(/\d+/.exec(ranges.at(-1)!)![0])).toBeGreaterThan(3_000_000);
  });

  it("goes on after a reload from the pieces that were kept", async () => {
    const store = memoryStore();
    await expect(deliver([cutAfter(5_000_000), ...Array.from({ length: 8 }, () => status(503))], { store })).rejects.toMatchObject({
      code: "network",
    });
    const { bytes, resumedAt } = await deliver([], { store });
    expect(resumedAt).toBe(4 * 2 ** 20);
    expect(ranges).toEqual([`bytes=${4 * 2 ** 20}-`]);
    expect(Buffer.compare(bytes, content)).toBe(0);
  });

  it("starts again with a server that knows no ranges, or calls the range impossible", async () => {
    const noRanges: Answer = (_, response) => response.writeHead(200, { "Content-Length": content.length }).end(content);
    expect(Buffer.compare((await deliver([cutAfter(3_000_000), noRanges])).bytes, content)).toBe(0);
    expect(Buffer.compare((await deliver([cutAfter(3_000_000), status(416)])).bytes, content)).toBe(0);
    expect(ranges.at(-1)).toBeUndefined();
  });

  it("refuses other content, keeps nothing of it, and names no token", async () => {
    const store = memoryStore();
    const other = content.slice();
    other[5]! ^= 1;
    const wrong: Answer = (_, response) => response.writeHead(200).end(other);
    const error = await deliver([wrong], { store }).catch((e) => e);
    expect(error).toBeInstanceOf(ModelError);
    expect(error.code).toBe("integrity");
    expect(error.message).toContain('"weights.safetensors"');
    expect(error.message).not.toContain("secret");
    expect(await store.list("")).toEqual([]);
  });

  it("heals a damaged kept piece by downloading once more", async () => {
    const store = memoryStore();
    await deliver([], { store });
    const key = (await store.list(""))[1]!;
    const piece = (await store.get(key))!;
    piece[9]! ^= 1;
    await store.put(key, piece);
    const { bytes, resumedAt } = await deliver([], { store });
    expect(resumedAt).toBe(0);
    expect(Buffer.compare(bytes, content)).toBe(0);
  });

  it.each([
    ["a longer file", ((_, r) => r.writeHead(200).end(Buffer.concat([content, content]))) as Answer, "integrity"],
    ["another announced length", ((_, r) => r.writeHead(200, { "Content-Length": 3 }).end("abc")) as Answer, "integrity"],
    ["a missing file", status(404), "not_found"],
    ["a closed door", status(403), "hub_refused"],
    ["an unexpected status", status(204), "hub_protocol"],
  ])("refuses %s at once", async (_, answer, code) => {
    await expect(deliver([answer])).rejects.toMatchObject({ code });
    expect(ranges.length).toBe(1);
  });

  it("refuses a part that is not the one asked for", async () => {
    const elsewhere: Answer = (_, r) => r.writeHead(206, { "Content-Range": `bytes 0-9/${content.length}` }).end("0123456789");
    await expect(deliver([cutAfter(3_000_000), elsewhere])).rejects.toMatchObject({ code: "hub_protocol" });
  });

  it("gives up after five failures in a row, and stops at once when aborted", async () => {
    await expect(deliver(Array.from({ length: 9 }, () => status(500)))).rejects.toMatchObject({ code: "network" });
    expect(ranges.length).toBe(5);
    const stop = new AbortController();
    const reason = new Error("enough");
    const running = deliver([cutAfter(3_000_000), ...Array.from({ length: 9 }, () => status(500))], {
      signal: stop.signal,
      retryDelay: 10_000,
    });
    setTimeout(() => stop.abort(reason), 150);
    await expect(running).rejects.toBe(reason);
  });

  it("downloads without keeping where there is no room, and says so", async () => {
    const store = memoryStore();
    const { bytes, notKept } = await deliver([], { store, room: async () => 1000 });
    expect(Buffer.compare(bytes, content)).toBe(0);
    expect(notKept).toMatch(/room for 1000/);
    expect(await store.list("")).toEqual([]);
  });

  it("survives a store that fills up on the way: the pieces go, the file comes", async () => {
    const inner = memoryStore();
    let writes = 0;
    const store: ByteStore = {
      ...inner,
      put: (key, bytes) =>
        ++writes > 1
          ? Promise.reject(new ModelError("disk_full", "page store — expected room, got none. Clear it."))
          : inner.put(key, bytes),
    };
    const { bytes, notKept } = await deliver([], { store });
    expect(Buffer.compare(bytes, content)).toBe(0);
    expect(notKept).toMatch(/expected room/);
    expect(await inner.list("")).toEqual([]);
  });

  it("refuses digests and sizes that are none", async () => {
    await expect(deliver([], {}, { sha256: "abc" })).rejects.toMatchObject({ code: "bad_digest" });
    for (const bytes of [0, -1, 1.5, Number.NaN, 2 ** 40])
      await expect(deliver([], {}, { bytes })).rejects.toMatchObject({ code: "bad_argument" });
  });
});

describe("the page's store", () => {
  it("is in memory, with the reason, where there is no private file system", async () => {
    const { store, memoryOnly } = await openPageStore();
    expect(memoryOnly).toMatch(/\S/);
    await store.put("files/a/0000", Uint8Array.of(1));
    await store.put("checkpoint/b", Uint8Array.of(2));
    expect(await clearStore(store, "files/")).toBe(1);
    expect(await store.list("")).toEqual(["checkpoint/b"]);
  });
});
