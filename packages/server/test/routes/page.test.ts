// The page at `/`: only what was in the folder, isolated and kept from talking elsewhere, beside the routes of the server.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine, type Engine } from "@biovlm/engine";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, pageFiles, servingOptions } from "../../src/index.js";

const folder = mkdtempSync(join(tmpdir(), "biovlm-page-"));
const dist = join(folder, "dist");
let engine: Engine;
let app: FastifyInstance;
let plain: FastifyInstance;
let url: string;

beforeAll(async () => {
  mkdirSync(join(dist, "assets"), { recursive: true });
  writeFileSync(join(dist, "index.html"), "<!doctype html><title>page</title>");
  writeFileSync(join(dist, "assets", "index-abc.js"), "export {};");
  writeFileSync(join(dist, "server.json"), '{"answers":false}');
  writeFileSync(join(dist, "core.wasm"), Buffer.from([0, 0x61, 0x73, 0x6d]));
  writeFileSync(join(folder, "secret.txt"), "canary-7f3a");
  symlinkSync(join(folder, "secret.txt"), join(dist, "link.txt"));
  const made = await createEngine({ serve: [{ name: "tiny", model: "tiny" }], device: "cpu", threads: 1, pool: 0 });
  await made.ready;
  engine = made.engine;
  const parts = {
    engine,
    options: servingOptions({ port: 0 }),
    version: "0.1.0",
    keys: [{ name: "k", sha256: "0".repeat(64), scopes: ["infer"] as const }],
  };
  app = await createServer({ ...parts, page: await pageFiles(dist) });
  plain = await createServer(parts);
  url = await app.listen({ port: 0, host: "127.0.0.1" });
}, 30_000);
afterAll(async () => {
  await app.close();
  await plain.close();
  await engine.close(0);
  rmSync(folder, { recursive: true, force: true });
});

/** A request line as it stands: fetch would tidy the path first. */
function raw(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { port, hostname } = new URL(url);
    const socket = connect(Number(port), hostname, () => socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`));
    let text = "";
    socket.on("data", (part) => {
      text += part.toString("latin1");
    });
    socket.on("close", () => resolve(text)).on("error", reject);
  });
}

describe("the page at /", () => {
  it("comes without a key, isolated, with a policy that names no other origin; hashed files are kept for ever", async () => {
    const index = await fetch(`${url}/`);
    expect([index.status, index.headers.get("content-type"), await index.text()]).toEqual([
      200,
      "text/html; charset=utf-8",
      "<!doctype html><title>page</title>",
    ]);
    expect(index.headers.get("cross-origin-opener-policy")).toBe("same-origin");
    expect(index.headers.get("cross-origin-embedder-policy")).toBe("require-corp");
    const policy = index.headers.get("content-security-policy")!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe-inline|'unsafe-eval'|https?:|\*/);
    expect(index.headers.get("cache-control")).toBe("no-cache");
    const script = await fetch(`${url}/assets/index-abc.js`);
    expect(script.headers.get("cache-control")).toContain("immutable");
    expect((await fetch(`${url}/core.wasm`)).headers.get("content-type")).toBe("application/wasm");
    const again = await fetch(`${url}/`, { headers: { "if-none-match": index.headers.get("etag")! } });
    expect(again.status).toBe(304);
    expect((await fetch(`${url}/`, { method: "HEAD" })).status).toBe(200);
    const part = await fetch(`${url}/assets/index-abc.js`, { headers: { range: "bytes=0-5" } });
    expect([part.status, await part.text()]).toEqual([206, "export"]);
  });

  it("gives nothing that is not a file of the folder, whatever the path says", async () => {
    const paths = [
      "/../secret.txt",
      "/..%2fsecret.txt",
      "/%2e%2e/secret.txt",
      "/assets/../../secret.txt",
      "/assets/..\\..\\secret.txt",
      "//secret.txt",
      "/link.txt",
      "/./../secret.txt",
      "/assets%2f..%2f..%2fsecret.txt",
      "/secret.txt%00.js",
      "/%",
      "/index.html/",
      "/assets/",
      `${folder}/secret.txt`,
    ];
    for (const path of paths) {
      const answer = await raw(path);
      expect(answer, path).toMatch(/^HTTP\/1\.1 (400|404) /);
      expect(answer, path).not.toContain("canary-7f3a");
    }
  });

  it("says that this server answers, whether it wants a key and what it takes, where the page alone says that nobody does", async () => {
    const said = await fetch(`${url}/server.json`);
    expect([said.status, said.headers.get("cache-control")]).toEqual([200, "no-store"]);
    const { maxImages, maxImageBytes, maxBodyBytes } = servingOptions();
    // no name of a model or a bank: those are behind the key
    expect(await said.json()).toEqual({ answers: true, key: true, limits: { maxImages, maxImageBytes, maxBodyBytes } });
    expect((await fetch(`${url}/v1/served`)).status).toBe(401);
    expect((await plain.inject({ url: "/server.json" })).statusCode).toBe(404);
  });

  it("takes no other method, and leaves the server's routes and their keys as they are", async () => {
    expect((await fetch(`${url}/`, { method: "POST", body: "x" })).status).toBe(405);
    expect((await fetch(`${url}/v1/banks`)).status).toBe(401);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
  });

  it("is a line of text where the page is not installed", async () => {
    const reply = await plain.inject({ url: "/" });
    expect([reply.statusCode, reply.body]).toEqual([200, expect.stringContaining("Research use only")]);
    expect((await plain.inject({ url: "/index.html" })).statusCode).toBe(404);
  });
});
