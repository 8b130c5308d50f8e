// Hubs that are not the hub: mirrors with a name and a password, with digests of another kind, sign-in pages in between, blobs on another disk.

import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startFakeHub } from "@biovlm/testkit";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { fetchSnapshot, type SnapshotOptions } from "../../src/node/hub/hub-snapshot.js";
import { netrcAuthorization } from "../../src/node/hub/netrc.js";
import { hubSettings } from "../../src/node/index.js";

const REPO = "owner/model";
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const base = mkdtempSync(join(tmpdir(), "biovlm-mirror-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const weights = new Uint8Array(9000).fill(7);
const files: Record<string, Uint8Array> = {
  "open_clip_config.json": new TextEncoder().encode("{}"),
  "open_clip_pytorch_model.bin": weights,
};
const digest = (kind: string, bytes: Uint8Array) => createHash(kind).update(bytes).digest("hex");

let server: Server | undefined;
let home = "";
let count = 0;
beforeEach(() => {
  home = join(base, String(count++));
  mkdirSync(home, { recursive: true });
});
afterEach(async () => {
  await new Promise<unknown>((done) => (server === undefined ? done(0) : server.close(done)));
  server = undefined;
});

async function mirror(answer: RequestListener): Promise<string> {
  server = createServer(answer);
  await new Promise<void>((done) => server!.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/artifactory/api/hf`;
}

/** A mirror that answers files itself, with these headers. */
const plain =
  (headers: (bytes: Uint8Array) => Record<string, string>): RequestListener =>
  (request, response) => {
    const bytes = files[request.url!.split("/").at(-1)!];
    if (bytes === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { "content-length": String(bytes.length), ...headers(bytes) });
    response.end(request.method === "HEAD" ? undefined : bytes);
  };

const pull = (endpoint: string, options: Partial<SnapshotOptions> = {}) =>
  fetchSnapshot(REPO, {
    settings: { ...hubSettings({ env: {}, platform: "linux", home }), endpoint, cache: join(home, "hub") },
    backoffMs: 1,
    retries: 0,
    ...options,
  });

describe("a mirror", () => {
  it("with a name and a password is asked with those of netrc for its host, and no other", async () => {
    const seen = new Set<string | undefined>();
    const commit = plain((bytes) => ({ "x-repo-commit": COMMIT, etag: `"${digest("sha256", bytes)}"` }));
    const endpoint = await mirror((request, response) => {
      seen.add(request.headers.authorization);
      if (request.headers.authorization !== `Basic ${btoa("reader:pass#word")}`) return void response.writeHead(401).end();
      commit(request, response);
    });
    await expect(pull(endpoint)).rejects.toMatchObject({ code: "hub_refused" });
    writeFileSync(
      join(home, ".netrc"),
      "# ours\nmachine other.test login a password b\nmachine 127.0.0.1\n  login reader\n  password pass#word\n",
    );
    expect(await pull(endpoint)).toMatchObject({ commit: COMMIT, from: "hub" });
    expect(seen).toEqual(new Set([undefined, `Basic ${btoa("reader:pass#word")}`]));
  });

  it("may name digests of the file itself: Artifactory's are believed, its ETag is taken for none of git's", async () => {
    const headers = (bytes: Uint8Array) => ({ etag: `"${digest("sha1", bytes)}"`, "x-checksum-sha1": digest("sha1", bytes) });
    const withoutSha256 = await mirror(plain(headers));
    await expect(pull(withoutSha256, { revision: COMMIT })).rejects.toMatchObject({ code: "no_digest" });
    await new Promise((done) => server!.close(done));
    const whole = await mirror(plain((bytes) => ({ ...headers(bytes), "x-checksum-sha256": digest("sha256", bytes) })));
    const snapshot = await pull(whole, { revision: COMMIT });
    expect(snapshot.files.find(({ path }) => path.endsWith(".bin"))?.sha256).toBe(digest("sha256", weights));
  });

  it("whose ETag is 40 digits of something unsaid is refused with the way out, and a pin is one", async () => {
    const endpoint = await mirror(plain((bytes) => ({ etag: `"${digest("sha1", bytes)}"` })));
    await expect(pull(endpoint, { revision: COMMIT })).rejects.toMatchObject({
      code: "integrity",
      message: expect.stringContaining("--sha256"),
    });
    const pins = Object.fromEntries(Object.entries(files).map(([path, bytes]) => [path, digest("sha256", bytes)]));
    expect(await pull(endpoint, { revision: COMMIT, pins })).toMatchObject({ commit: COMMIT });
  });

  it("that is a network's sign-in page is called one", async () => {
    const endpoint = await mirror(
      (_request, response) => void response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<html>"),
    );
    await expect(pull(endpoint)).rejects.toMatchObject({ code: "hub_protocol", message: expect.stringContaining("got a web page") });
  });
});

it("reads a cache whose blobs lie on another disk, behind a link", async () => {
  const hub = await startFakeHub({ repo: REPO, files });
  try {
    await pull(hub.endpoint);
    const blobs = join(home, "hub", "models--owner--model", "blobs");
    const disk = join(home, "disk");
    renameSync(blobs, disk);
    symlinkSync(disk, blobs);
    const offline = {
      ...hubSettings({ env: {}, platform: "linux", home }),
      endpoint: hub.endpoint,
      cache: join(home, "hub"),
      offline: true,
    };
    expect(await pull(hub.endpoint, { settings: offline })).toMatchObject({ from: "cache", commit: hub.commit });
    expect(await pull(hub.endpoint)).toMatchObject({ from: "hub", commit: hub.commit });
  } finally {
    await hub.close();
  }
});

it("finds a machine in a netrc file among macros, comments and a default that is not ours", async () => {
  const path = join(home, "netrc");
  const of = (text: string, host: string) => {
    writeFileSync(path, text);
    return netrcAuthorization(path, host);
  };
  const text =
    "default login anyone password x\nmacdef init\nmachine hub.test login no password no\n\nmachine HUB.test account z login a password b";
  expect(await of(text, "hub.test")).toBe(`Basic ${btoa("a:b")}`);
  expect(await of(text, "other.test")).toBeUndefined();
  expect(await of("machine hub.test login a\nmachine other.test password b", "hub.test")).toBeUndefined();
  expect(await of("machine hub.test login a password b machine hub.test.evil password c", "hub.test")).toBe(`Basic ${btoa("a:b")}`);
  expect(await netrcAuthorization(join(home, "none"), "hub.test")).toBeUndefined();
});
