// One download for models and data: resumed after cuts, refused when it is another file, never under its name before its digest is right.

import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FilesError } from "../src/index.js";
import { type DownloadJob, download } from "../src/node/index.js";

const BODY = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) % 256);
const hex = (kind: string, bytes: Uint8Array = BODY) => createHash(kind).update(bytes).digest("hex");

type Answer = (request: IncomingMessage, response: ServerResponse, turn: number) => void;
let folder = "";
let server: Server | undefined;
let url = "";
let ranges: (string | undefined)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "biovlm-download-"));
  ranges = [];
});
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function serve(answer: Answer): Promise<void> {
  server = createServer((request, response) => {
    ranges.push(request.headers.range);
    answer(request, response, ranges.length);
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const part = () => join(folder, "file.bin.biovlm-incomplete");
const partBytes = () => (existsSync(part()) ? statSync(part()).size : 0);

/** Calls `then` once more than `before` bytes of the part are kept: a busy machine takes its time to read what was sent. */
function onceKept(before: number, then: () => void): void {
  if (partBytes() > before) then();
  else if (existsSync(folder)) setTimeout(onceKept, 5, before, then);
}

/** Serves ranges as a sound server does; `length` false leaves the size untold. */
const sound =
  (bytes: Uint8Array = BODY, length = true): Answer =>
  (request, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    if (start >= bytes.length && start > 0) return void response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    const size = length ? { "content-length": bytes.length - start } : {};
    if (start === 0) response.writeHead(200, size);
    else response.writeHead(206, { ...size, "content-range": `bytes ${start}-${bytes.length - 1}/${length ? bytes.length : "*"}` });
    response.end(bytes.subarray(start));
  };

const job = (more: Partial<DownloadJob> = {}): DownloadJob => ({
  label: "the file",
  target: join(folder, "file.bin"),
  expected: { size: BODY.length, digest: { kind: "sha256", hex: hex("sha256") } },
  quarantine: join(folder, "quarantine"),
  advice: { space: "choose another disk", source: "try another mirror" },
  request: (headers, signal) =>
    fetch(url, { headers, signal }).catch((cause: unknown) => {
      throw new FilesError("network", "no answer. Try again.", { cause });
    }),
  retries: 3,
  backoffMs: 1,
  stallMs: 300,
  ...more,
});
const unsized = (maxBytes = BODY.length) => ({ expected: { maxBytes, digest: { kind: "md5" as const, hex: hex("md5") } } });
const got = () => readFileSync(join(folder, "file.bin"));

describe.each([
  ["of known size", () => ({})],
  ["of a size that only the server knows", () => unsized()],
])("a download %s", (_, kind) => {
  it("arrives whole in one request, tells its progress, and leaves the file alone in its folder", async () => {
    await serve(sound());
    const seen: (number | undefined)[] = [];
    expect(await download(job({ ...kind(), onProgress: (received, total) => seen.push(received, total) }))).toEqual({
      requests: 1,
      resumedFrom: 0,
    });
    expect([got().equals(BODY), readdirSync(folder)]).toEqual([true, ["file.bin"]]);
    expect(seen.slice(-2)).toEqual([BODY.length, BODY.length]);
  });

  it("goes on where the connection was cut", async () => {
    await serve((request, response, turn) => {
      if (turn > 2) return sound()(request, response, turn);
      const start = Number(/\d+/.exec(request.headers.range ?? "0")?.[0] ?? 0);
      response.writeHead(start === 0 ? 200 : 206, {
        "content-length": BODY.length - start,
        ...(start === 0 ? {} : { "content-range": `bytes ${start}-${BODY.length - 1}/${BODY.length}` }),
      });
      response.write(BODY.subarray(start, start + 70_000), () => onceKept(start, () => response.destroy()));
    });
    const { requests } = await download(job(kind()));
    expect([requests, got().equals(BODY)]).toEqual([3, true]);
    expect(ranges[0]).toBeUndefined();
    expect(ranges.slice(1).every((range) => /^bytes=[1-9]\d*-$/.test(range ?? ""))).toBe(true);
  });

  it("goes on with what an earlier run left, and needs no request where all of it is there", async () => {
    await serve(sound());
    writeFileSync(part(), BODY.subarray(0, 1000));
    expect((await download(job(kind()))).resumedFrom).toBe(1000);
    expect([ranges, got().equals(BODY)]).toEqual([["bytes=1000-"], true]);
    rmSync(join(folder, "file.bin"));
    writeFileSync(part(), BODY);
    expect(await download(job(kind()))).toEqual({ requests: 0, resumedFrom: BODY.length });
  });

  it("begins again where the part is of another file, or the server lies about ranges", async () => {
    await serve((request, response, turn) => {
      if (turn === 1) response.writeHead(206, { "content-range": "bytes 5-9/10" }).end("01234");
      else sound()(request, response, turn);
    });
    writeFileSync(part(), new Uint8Array(500));
    await download(job(kind()));
    expect([ranges, got().equals(BODY)]).toEqual([["bytes=500-", undefined], true]);
  });

  it("of another file is refused after a second look, kept apart, and never gets the name", async () => {
    await serve(sound(BODY.map((byte) => byte ^ 1)));
    await expect(download(job(kind()))).rejects.toMatchObject({
      code: "integrity",
      message: expect.stringContaining("try another mirror"),
    });
    expect([ranges.length, existsSync(join(folder, "file.bin")), readdirSync(join(folder, "quarantine")).length]).toEqual([2, false, 1]);
  });

  it("of a web page in the file's place is refused at once", async () => {
    await serve((_request, response) => void response.writeHead(200, { "content-type": "text/html" }).end("<p>sign in</p>"));
    await expect(download(job(kind()))).rejects.toMatchObject({ code: "hub_protocol", message: expect.stringContaining("a web page") });
  });

  it("that brings nothing new is given up after the tries, and keeps its part for the next run", async () => {
    await serve((_request, response, turn) => {
      if (turn > 1) return void response.writeHead(503).end();
      response.writeHead(200, { "content-length": BODY.length });
      response.write(BODY.subarray(0, 5000), () => onceKept(0, () => response.destroy()));
    });
    await expect(download(job(kind()))).rejects.toMatchObject({ code: "network" });
    expect(readFileSync(part()).length).toBeGreaterThan(0);
  });

  it("that stalls is cut and tried again", async () => {
    await serve((request, response, turn) => {
      if (turn > 1) return sound()(request, response, turn);
      response.writeHead(200, { "content-length": BODY.length });
      response.write(BODY.subarray(0, 10));
    });
    expect((await download(job(kind()))).requests).toBe(2);
  });

  it("stops with the caller's reason, and keeps its part", async () => {
    const stop = new AbortController();
    await serve((_request, response) => {
      response.writeHead(200, { "content-length": BODY.length });
      response.write(BODY.subarray(0, 5000), () => onceKept(0, () => stop.abort(new Error("enough"))));
    });
    await expect(download(job({ ...kind(), signal: stop.signal }))).rejects.toThrow("enough");
    expect(existsSync(part())).toBe(true);
  });
});

describe("a download whose size only the server knows", () => {
  it("needs no length told", async () => {
    await serve(sound(BODY, false));
    await download(job(unsized()));
    expect(got().equals(BODY)).toBe(true);
  });

  it("is refused when it is told, or turns out, to be larger than the bound, and leaves nothing", async () => {
    for (const told of [true, false]) {
      await serve(sound(BODY, told));
      await expect(download(job(unsized(1000)))).rejects.toMatchObject({ code: "too_large" });
      expect(readdirSync(folder)).toEqual([]);
      server?.close();
    }
  });
});
