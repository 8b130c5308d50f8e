// What one client with a key can make the built server hold: many large bodies at once, in every form a body has. The most that each of its processes
// ever held is the kernel's figure. With BIOVLM_SOAK=1 every attack and the limit; elsewhere the cheapest of them.

import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { request as send } from "node:http";
import { connect } from "node:http2";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { dicomElement, dicomFile, greyElements, soak, withinLimit } from "@biovlm/testkit";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { ENVIRONMENT, folder } from "./call.js";
import { compile, main } from "./program.js";

const MiB = 2 ** 20;
const LIMIT_MIB = 600;
const place = folder("memory");
let server: ChildProcess;

beforeAll(compile, 300_000);
afterEach(() => void server?.kill("SIGKILL"));

async function serve(): Promise<{ readonly port: number; readonly grpc: string }> {
  const keys = join(place, "keys.json");
  const sha256 = createHash("sha256").update("secret").digest("hex");
  writeFileSync(keys, JSON.stringify([{ name: "client", sha256, scopes: ["infer"] }]));
  const words = ["--dataset", "busi", "--device", "cpu", "--threads", "1", "--port", "0", "--grpc-port", "0", "--log-level", "silent"];
  server = spawn(process.execPath, [main, "serve", ...words, "--keys-file", keys], {
    ...{ cwd: place, stdio: ["ignore", "ignore", "pipe"] },
    env: { ...process.env, ...ENVIRONMENT, NODE_OPTIONS: "" },
  });
  let said = "";
  for await (const piece of server.stderr ?? []) {
    said += String(piece);
    if (/^ready: /m.test(said)) break;
  }
  return { port: Number(/http:\/\/[\d.]+:(\d+)/.exec(said)?.[1]), grpc: /grpc:\/\/([\d.:]+)/.exec(said)?.[1] ?? "" };
}

/** The most that a process ever held, MiB. */
const most = (pid: number | string | undefined) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

function* zeros(bytes: number): Generator<Uint8Array> {
  const piece = Buffer.alloc(MiB / 4, 65);
  for (let at = 0; at < bytes; at += piece.length) yield piece.subarray(0, Math.min(piece.length, bytes - at));
}
function* repeated(head: string, item: string, bytes: number, tail: string): Generator<Uint8Array> {
  yield Buffer.from(head);
  const piece = Buffer.from(item.repeat(65_536));
  for (let at = 0; at < bytes; at += piece.length) yield piece;
  yield Buffer.from(tail);
}
function* form(parts: number, bytes: number): Generator<Uint8Array> {
  for (let i = 0; i < parts; i++) {
    yield Buffer.from(`--cut\r\ncontent-disposition: form-data; name="image"; filename="${i}.png"\r\ncontent-type: image/png\r\n\r\n`);
    yield* zeros(bytes);
    yield Buffer.from("\r\n");
  }
  yield Buffer.from("--cut--\r\n");
}

/** Sends for as long as it is taken; 0 where the connection was cut before the answer was read. */
function post(port: number, path: string, headers: Record<string, string | number>, pieces: Iterable<Uint8Array>): Promise<number> {
  return new Promise((resolve) => {
    const all = { authorization: "Bearer secret", connection: "close", ...headers };
    const request = send({ port, path, method: "POST", headers: all }, (response) => {
      const done = () => resolve(response.statusCode ?? 0);
      response.on("error", done).on("close", done).resume();
    });
    request.setMaxListeners(0).on("error", () => resolve(0));
    request.on("socket", (socket) => socket.on("error", () => {}));
    void (async () => {
      for (const piece of pieces) {
        if (request.destroyed || request.writableEnded) return;
        if (!request.write(piece)) await Promise.race([once(request, "drain"), once(request, "close"), wait(2000)]).catch(() => {});
      }
      request.end();
    })();
  });
}

/** One call with a message of so many bytes; the status of gRPC, or -1 where the connection ended. */
function grpcCall(
  to: string,
  bytes: number,
  headers: Record<string, string>,
  pieces: Iterable<Uint8Array> = zeros(bytes),
): Promise<number> {
  return new Promise((resolve) => {
    const session = connect(`http://${to}`).on("error", () => resolve(-1));
    const path = "/inference.GRPCInferenceService/ModelInfer";
    const call = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers", ...headers });
    const end = (status: unknown) => {
      resolve(Number(status ?? -1));
      session.destroy();
    };
    let status: unknown;
    const heard = (said: object) => {
      status = Reflect.get(said, "grpc-status") ?? status;
    };
    call.on("response", heard).on("trailers", heard);
    call.on("close", () => end(status)).on("error", () => end(status));
    call.resume();
    const head = Buffer.alloc(5);
    head.writeUInt8("grpc-encoding" in headers ? 1 : 0);
    head.writeUInt32BE(bytes, 1);
    call.write(head);
    void (async () => {
      for (const piece of pieces) {
        if (call.destroyed || call.closed) return;
        if (!call.write(piece)) await Promise.race([once(call, "drain"), once(call, "close"), wait(2000)]).catch(() => {});
      }
      call.end();
    })();
  });
}

const KNOWN = { authorization: "Bearer secret" };
/** Calls for answers about the served model, with one input and its contents: a field that repeats as often as the bytes allow. */
function listed(to: string, count: number, contents: string, bytes: number): Promise<number[]> {
  const field = (tag: number, length: number) => {
    const head = [tag];
    for (let left = length; ; left >>>= 7) {
      head.push(left > 127 ? (left & 127) | 128 : left);
      if (left <= 127) return Buffer.from(head);
    }
  };
  const item = Buffer.from(contents, "hex");
  const piece = Buffer.concat(Array.from({ length: 65_536 }, () => item));
  const repeats = Math.ceil(bytes / piece.length);
  const length = repeats * piece.length;
  const named = Buffer.concat([field(10, 5), Buffer.from("image"), field(18, 5), Buffer.from("BYTES"), field(26, 1), Buffer.from([1])]);
  const input = Buffer.concat([named, field(42, length)]);
  const head = Buffer.concat([field(10, 4), Buffer.from("tiny"), field(42, input.length + length), input]);
  return times(count, () =>
    grpcCall(
      to,
      head.length + length,
      KNOWN,
      (function* () {
        yield head;
        for (let i = 0; i < repeats; i++) yield piece;
      })(),
    ),
  );
}

/** A connection with 50 streams of requests that each send 30 MB in messages of 100 kB, and read nothing; the statuses that came all the same. */
async function flooded(to: string): Promise<number> {
  const session = connect(`http://${to}`, { settings: { initialWindowSize: 0 } }).on("error", () => {});
  // the model's name, one image, and an element as long as it says
  const named = Buffer.from("0a0474696e792a110a05696d616765120542595445531a01013aa08d069c860100", "hex");
  const message = Buffer.concat([named, Buffer.alloc(100_000 - 4, 65)]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  const piece = Buffer.concat([head, message]);
  let worst = -1;
  const streams = Array.from({ length: 50 }, () => {
    const path = "/inference.GRPCInferenceService/ModelStreamInfer";
    const call = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers", ...KNOWN });
    const heard = (said: object) => {
      worst = Math.max(worst, Number(Reflect.get(said, "grpc-status") ?? -1));
    };
    call
      .on("response", heard)
      .on("trailers", heard)
      .on("error", () => {});
    return (async () => {
      for (let sent = 0; sent < 30e6 && !call.destroyed && !call.closed; sent += piece.length) {
        if (call.write(piece)) continue;
        const goes = [once(call, "drain"), once(call, "close"), wait(2000, "held back")];
        if ((await Promise.race(goes).catch(() => {})) === "held back") return;
      }
    })();
  });
  await Promise.all(streams);
  session.destroy();
  return worst;
}

/** DICOM up to its pixels: frames of side × side bytes. */
function framesHead(frames: number, side: number): Buffer {
  const file = dicomFile("1.2.840.10008.1.2.1", [
    dicomElement("00080016", "UI", "1.2.840.10008.5.1.4.1.1.3.1"),
    ...greyElements({ rows: side, columns: side, frames }),
    dicomElement("7FE00010", "OB", new Uint8Array(0)),
  ]);
  const head = Buffer.from(file);
  head.writeUInt32LE(frames * side * side, head.length - 4);
  return head;
}

const times = <T>(count: number, make: (i: number) => Promise<T>) => Promise.all(Array.from({ length: count }, (_, i) => make(i)));
const FORM = { "content-type": "multipart/form-data; boundary=cut" };
const JSON_TYPE = { "content-type": "application/json" };
const BYTES = { "content-type": "application/octet-stream", "inference-header-content-length": "100" };
const INFER = "/v2/models/tiny/infer";
type Attack = (to: { readonly port: number; readonly grpc: string }) => Promise<readonly number[]>;

const ATTACKS: [string, Attack][] = [
  ["eight forms of 900 MB without a length", ({ port }) => times(8, () => post(port, "/v1/classify", FORM, form(60, 15 * MiB)))],
  [
    "images of 60 MB",
    ({ port }) => times(32, () => post(port, "/v1/classify", { "content-type": "image/png", "content-length": 60 * MiB }, zeros(60 * MiB))),
  ],
  [
    "images of 16 MB",
    ({ port }) => times(32, () => post(port, "/v1/classify", { "content-type": "image/png", "content-length": 16 * MiB }, zeros(16 * MiB))),
  ],
  [
    "tensors of 30 million numbers in JSON",
    ({ port }) => times(8, () => post(port, INFER, JSON_TYPE, repeated('{"inputs":[{"name":"embedding","data":[', "0,", 60e6, "0]}]}"))),
  ],
  ["tensors without a length", ({ port }) => times(32, () => post(port, INFER, BYTES, zeros(60 * MiB)))],
  ["tensors with one", ({ port }) => times(32, () => post(port, INFER, { ...BYTES, "content-length": 60 * MiB }, zeros(60 * MiB)))],
  [
    "millions of empty elements",
    ({ port }) => {
      const size = 60e6;
      const input = { name: "image", datatype: "BYTES", shape: [size / 4], parameters: { binary_data_size: size } };
      const head = Buffer.from(JSON.stringify({ inputs: [input] }));
      const headers = { ...BYTES, "inference-header-content-length": head.length, "content-length": head.length + size };
      const pieces = () => [head, ...Array.from({ length: 60 }, () => Buffer.alloc(size / 60))];
      return times(4, () => post(port, INFER, headers, pieces()));
    },
  ],
  [
    "files of 60 MB that are all frames",
    ({ port }) => {
      const head = framesHead(60_000, 32);
      const headers = { "content-type": "application/dicom", "content-length": head.length + 60_000 * 1024 };
      const pieces = () => [head, ...Array.from({ length: 60 }, () => Buffer.alloc(1_024_000))];
      return times(32, (i) => post(port, `/v1/classify?${i % 2 === 0 ? "frame=all" : "volumes=true"}`, headers, pieces()));
    },
  ],
  [
    "one long text",
    ({ port }) => times(4, () => post(port, "/v1/embeddings", JSON_TYPE, repeated('{"model":"tiny","input":"', "a", 60e6, '"}'))),
  ],
  ["images in JSON", ({ port }) => times(4, () => post(port, "/v1/classify", JSON_TYPE, repeated('{"images":["', "A", 60e6, '"]}')))],
  [
    "millions of short texts",
    ({ port }) => times(4, () => post(port, "/v1/embeddings", JSON_TYPE, repeated('{"model":"tiny","input":[', '"a",', 60e6, '"a"]}'))),
  ],
  [
    "millions of objects",
    ({ port }) => times(4, () => post(port, "/v1/classify", JSON_TYPE, repeated('{"images":[', "{},", 60e6, "{}]}"))),
  ],
  [
    "compressed zeros",
    ({ port }) => {
      const bomb = gzipSync(Buffer.alloc(900 * MiB));
      return times(16, () => post(port, INFER, { ...JSON_TYPE, "content-encoding": "gzip", "content-length": bomb.length }, [bomb]));
    },
  ],
  ["messages of 60 MB over gRPC", ({ grpc }) => times(16, () => grpcCall(grpc, 60 * MiB, KNOWN))],
  [
    "compressed zeros over gRPC",
    ({ grpc }) => {
      const bomb = gzipSync(Buffer.alloc(60 * MiB));
      return times(16, () => grpcCall(grpc, bomb.length, { ...KNOWN, "grpc-encoding": "gzip" }, [bomb]));
    },
  ],
  ["millions of empty elements over gRPC", ({ grpc }) => listed(grpc, 4, "4200", 60e6)],
  ["millions of numbers one by one over gRPC", ({ grpc }) => listed(grpc, 4, "350000803f", 60e6)],
  ["millions of whole numbers over gRPC", ({ grpc }) => listed(grpc, 4, "1801", 60e6)],
  ["streams over gRPC that flood and read no answer", ({ grpc }) => times(8, () => flooded(grpc))],
  ["messages of 60 MB over gRPC without a key", ({ grpc }) => times(16, () => grpcCall(grpc, 60 * MiB, {}))],
];

describe.skipIf(process.platform !== "linux")("the memory of a server", () => {
  it.each(soak ? ATTACKS : ATTACKS.slice(1, 2))("holds against %s", { timeout: 300_000 }, async (what, attack) => {
    const to = await serve();
    const statuses = await attack(to);
    const { pid } = server;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(/\s+/).filter(Boolean);
    const held = most(pid);
    if (soak)
      console.log(
        `${what}: ${held.toFixed(0)} MiB, encoder ${children.map((child) => most(child).toFixed(0))} MiB; ${[...statuses].sort((a, b) => a - b).join(" ")}`,
      );
    // nothing of it is an answer, nothing a fault
    for (const status of statuses) expect([200, 500, 13, 2]).not.toContain(status);
    expect((await fetch(`http://127.0.0.1:${to.port}/livez`)).status).toBe(200);
    withinLimit("the most held, MiB", held, LIMIT_MIB);
  });
});
