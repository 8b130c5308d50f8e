// Downloads from a hub that behaves, and from one that cuts, lies, corrupts and misleads: the right file or a clean error, never anything else.

import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BiovlmError } from "@biovlm/files";
import { cases, type FakeHub, type FakeHubOptions, seeded, startFakeHub } from "@biovlm/testkit";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { fetchSnapshot, type SnapshotOptions } from "../../src/node/hub/hub-snapshot.js";
import { hubSettings, openModelStore, pullModel } from "../../src/node/index.js";
import { smallModel } from "./small-model.js";

const REPO = "owner/model";
const base = mkdtempSync(join(tmpdir(), "biovlm-hub-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const random = seeded(5);
const weights = Uint8Array.from({ length: 200_000 }, () => random.below(256));
const files = {
  "open_clip_config.json": new TextEncoder().encode("{}"),
  "tokenizer.json": new Uint8Array(9000).fill(0x20),
  "open_clip_pytorch_model.bin": weights,
};

let hub: FakeHub;
let home = "";
let count = 0;
const start = async (options: Partial<FakeHubOptions> = {}) => {
  hub = await startFakeHub({ repo: REPO, files, ...options });
  return hub;
};
beforeEach(() => {
  home = join(base, String(count++));
});
afterEach(() => hub?.close());

const settings = () => ({ ...hubSettings({ env: {}, platform: "linux", home }), endpoint: hub.endpoint, cache: join(home, "hub") });
const pull = (options: Partial<SnapshotOptions> = {}) =>
  fetchSnapshot(REPO, { settings: settings(), lockFile: join(home, "lock.json"), backoffMs: 1, stallMs: 500, answerMs: 2000, ...options });
const blobs = () => join(home, "hub", "models--owner--model", "blobs");
const failure = (work: Promise<unknown>): Promise<BiovlmError> =>
  work.then(
    () => expect.fail("it succeeded"),
    (error) => error,
  );
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe("a pull from a hub", () => {
  it("brings the files into the Hugging Face cache, verified, and locks them", async () => {
    await start();
    const snapshot = await pull();
    expect(snapshot).toMatchObject({ commit: hub.commit, from: "hub", weights: "open_clip_pytorch_model.bin" });
    const place = join(home, "hub", "models--owner--model");
    expect(readFileSync(join(place, "refs", "main"), "utf8")).toBe(hub.commit);
    for (const [name, bytes] of Object.entries(files)) {
      const linked = join(place, "snapshots", hub.commit, name);
      expect(lstatSync(linked).isSymbolicLink()).toBe(true);
      expect(readFileSync(linked)).toEqual(Buffer.from(bytes));
      expect(snapshot.files.find((file) => file.path === name)).toMatchObject({ size: bytes.length, sha256: sha256(bytes) });
    }
    expect(readdirSync(blobs())).toContain(sha256(weights));
    const lock = JSON.parse(readFileSync(join(home, "lock.json"), "utf8"));
    expect(lock.models[REPO]).toMatchObject({ commit: hub.commit });
    expect(lock.models[REPO].files["open_clip_pytorch_model.bin"]).toEqual({ size: weights.length, sha256: sha256(weights) });
  });

  it("asks for no bytes that the cache has, and for none at all offline", async () => {
    await start();
    await pull();
    const before = hub.requests.length;
    await pull();
    expect(hub.requests.slice(before).filter((request) => request.method === "GET")).toEqual([]);
    const again = hub.requests.length;
    const snapshot = await pull({ settings: { ...settings(), offline: true } });
    expect(snapshot.from).toBe("cache");
    expect(hub.requests.length).toBe(again);
  });

  it("says what is missing offline", async () => {
    await start();
    expect((await failure(pull({ settings: { ...settings(), offline: true } }))).code).toBe("offline");
  });

  it("R18: sends the token to the hub and never to where it redirects", async () => {
    await start({ requireToken: "hf_canary" });
    expect((await failure(pull())).code).toBe("hub_refused");
    await pull({ settings: { ...settings(), token: "hf_canary" } });
    expect(hub.requests.some((request) => request.server === "cdn")).toBe(true);
    expect(hub.leaks).toEqual([]);
    expect(readFileSync(join(home, "lock.json"), "utf8")).not.toContain("canary");
  });

  it("refuses other content than the lock file's, until it is told to lock anew", async () => {
    await start();
    await pull();
    await hub.close();
    const changed = { ...files, "open_clip_pytorch_model.bin": weights.map((byte) => byte ^ 1) };
    await start({ files: changed });
    expect((await failure(pull())).code).toBe("lock_mismatch");
    await hub.close();
    await start({ files: changed, commit: "f".repeat(40) });
    // the locked commit is asked for, and this hub does not know it
    expect((await failure(pull())).code).toBe("not_found");
    expect((await failure(pull({ revision: "main" }))).code).toBe("lock_mismatch");
    const snapshot = await pull({ updateLock: true, revision: "main" });
    expect(snapshot.commit).toBe("f".repeat(40));
    expect(await pull()).toMatchObject({ commit: "f".repeat(40) });
  });

  it("holds pins given by hand", async () => {
    await start();
    expect((await failure(pull({ weightsSha256: "0".repeat(64) }))).code).toBe("lock_mismatch");
    expect((await failure(pull({ weightsSha256: "abc" }))).code).toBe("bad_digest");
    expect((await failure(pull({ pins: { "tokenizer.json": sha256(weights) } }))).code).toBe("lock_mismatch");
    expect((await failure(pull({ pins: { "../x": sha256(weights) } }))).code).toBe("bad_path");
    await pull({ weightsSha256: `sha256:${sha256(weights)}`, revision: hub.commit });
  });

  it("invents no digest: without one from the hub a pin is needed", async () => {
    await start({ metadata: (_, headers) => ({ ...headers, "x-linked-etag": headers["x-linked-etag"] && '"not-a-digest"' }) });
    expect((await failure(pull())).code).toBe("no_digest");
    const pins = { "open_clip_pytorch_model.bin": sha256(weights), "tokenizer.json": sha256(files["tokenizer.json"]) };
    await pull({ pins });
    expect(existsSync(join(blobs(), sha256(weights)))).toBe(true);
  });

  it("says what is wrong with a repository, a revision, a gate, headers and addresses", async () => {
    await start();
    expect((await failure(fetchSnapshot("owner/none", { settings: settings() }))).code).toBe("not_found");
    expect((await failure(pull({ revision: "none" }))).code).toBe("not_found");
    for (const repo of ["", "a", "../b", "a/../b", "a/b/c", "https://x/y", "a/b\0", "a b/c", `a/${"b".repeat(100)}`]) {
      expect((await failure(fetchSnapshot(repo, { settings: settings() }))).code).toBe("bad_name");
    }
    for (const revision of ["", "../main", "a\nb", "/main", "x".repeat(201)]) {
      expect((await failure(pull({ revision }))).code).toBe("bad_name");
    }
    expect((await failure(pull({ settings: { ...settings(), endpoint: "ftp://x" } }))).code).toBe("bad_argument");
    expect((await failure(pull({ settings: { ...settings(), endpoint: "http://127.0.0.1:1" }, retries: 0 }))).code).toBe("network");
    await hub.close();
    await start({ metadata: (_, headers) => ({ ...headers, "x-repo-commit": undefined }) });
    expect((await failure(pull())).code).toBe("hub_protocol");
    await hub.close();
    await start({ files: { "open_clip_config.json": files["open_clip_config.json"] } });
    expect((await failure(pull())).code).toBe("not_found");
    expect(existsSync(join(home, "lock.json"))).toBe(false);
  });

  it("refuses lock files that are damaged or that name paths outside", async () => {
    await start();
    const entry = (path: string) => ({
      format: "biovlm-lock/1",
      models: { [REPO]: { commit: hub.commit, files: { [path]: { size: 1, sha256: "0".repeat(64) } } } },
    });
    const bad: [unknown, string][] = [
      ["", "malformed_manifest"],
      [[], "malformed_manifest"],
      [{ format: "biovlm-lock/9", models: {} }, "malformed_manifest"],
      [entry("../../x"), "bad_path"],
      [entry("/etc/passwd"), "bad_path"],
      [entry("a\\b"), "bad_path"],
      [{ format: "biovlm-lock/1", models: { "../x": { commit: hub.commit, files: {} } } }, "bad_name"],
    ];
    for (const [content, code] of bad) {
      rmSync(home, { recursive: true, force: true });
      await pull({ lockFile: undefined });
      writeFileSync(join(home, "lock.json"), typeof content === "string" ? content : JSON.stringify(content));
      expect((await failure(pull())).code).toBe(code);
    }
  });
});

describe("a pull from a hub that misbehaves (R25)", () => {
  it("finishes with the right bytes after connections cut at random places", async () => {
    await start();
    let resumed = 0;
    for (let i = 0; i < cases(100); i++) {
      rmSync(home, { recursive: true, force: true });
      const cuts = Array.from({ length: 1 + random.below(4) }, () => random.below(60_000));
      hub.misbehave((_, nth) => (nth < cuts.length ? { cutAt: cuts[nth]! } : undefined));
      const from = hub.requests.length;
      await pull({ lockFile: undefined });
      resumed += hub.requests.slice(from).filter((request) => request.headers.range !== undefined).length;
      expect(sha256(readFileSync(join(blobs(), sha256(weights))))).toBe(sha256(weights));
    }
    expect(resumed).toBeGreaterThan(0);
  });

  it("gives up cleanly where every connection is cut at once, and continues in the next run", async () => {
    await start();
    hub.misbehave((path, nth) => (path.endsWith(".bin") ? { cutAt: nth === 0 ? 100_000 : 0 } : undefined));
    expect((await failure(pull({ retries: 2 }))).code).toBe("network");
    expect(existsSync(join(blobs(), sha256(weights)))).toBe(false);
    hub.misbehave(undefined);
    const from = hub.requests.length;
    await pull();
    expect(hub.requests.slice(from).find((request) => request.headers.range !== undefined)?.headers.range).toBe("bytes=100000-");
    expect(sha256(readFileSync(join(blobs(), sha256(weights))))).toBe(sha256(weights));
  });

  const bad = (nth: number, fault: ReturnType<NonNullable<FakeHubOptions["fault"]>>) => (path: string, n: number) =>
    path.endsWith(".bin") ? (n < nth ? { cutAt: 50_000 } : n === nth ? fault : undefined) : undefined;

  it.each([
    ["ignores the range and sends the whole file", { range: "ignore" }],
    ["answers with another range than asked for", { range: "wrong_start" }],
    ["names another total", { range: "wrong_total" }],
    ["sends bytes of another place under the right range", { range: "wrong_bytes" }],
    ["sends 206 without a range", { range: "no_header" }],
    ["answers 416", { status: 416 }],
    ["answers 503 once", { status: 503, retryAfter: 0 }],
    ["flips a bit behind the resumed place", { corruptAt: 150_000 }],
    ["sends a shorter file", { extra: -1000 }],
    ["sends a longer file", { extra: 1000 }],
    ["falls silent", { stallAt: 10_000 }],
  ] as const)("recovers when, on resuming, the server %s", async (_, fault) => {
    await start();
    hub.misbehave(bad(1, fault));
    await pull({ stallMs: 100 });
    expect(sha256(readFileSync(join(blobs(), sha256(weights))))).toBe(sha256(weights));
  });

  it.each([
    ["flips a bit each time", { corruptAt: 150_000 }, "integrity"],
    ["sends a longer file each time", { extra: 10 }, "integrity"],
    ["sends a web page", { html: true }, "hub_protocol"],
    ["answers 500 each time", { status: 500 }, "network"],
    ["answers 403", { status: 403 }, "hub_refused"],
    ["answers 416 each time", { status: 416 }, "hub_protocol"],
    ["sends nothing", { stallAt: 0 }, "network"],
  ] as const)("says so and leaves no file when the server %s", async (_, fault, code) => {
    await start();
    hub.misbehave((path) => (path.endsWith(".bin") ? fault : undefined));
    expect((await failure(pull({ retries: 2, stallMs: 60 }))).code).toBe(code);
    expect(existsSync(join(blobs(), sha256(weights)))).toBe(false);
    expect(existsSync(join(home, "lock.json"))).toBe(false);
    if ("corruptAt" in fault) expect(readdirSync(join(home, "hub", "models--owner--model")).includes("quarantine")).toBe(true);
    hub.misbehave(undefined);
    await pull();
    expect(sha256(readFileSync(join(blobs(), sha256(weights))))).toBe(sha256(weights));
  });

  it("finds a cached file that was damaged since, and fetches it again", async () => {
    await start();
    await pull();
    const blob = join(blobs(), sha256(weights));
    writeFileSync(
      blob,
      weights.map((byte, i) => (i === 777 ? byte ^ 4 : byte)),
    );
    expect((await failure(pull({ settings: { ...settings(), offline: true } }))).code).toBe("integrity");
    await pull();
    expect(sha256(readFileSync(blob))).toBe(sha256(weights));
  });

  it("stops at an abort with the signal's reason, and keeps what came", async () => {
    await start();
    hub.misbehave(() => ({ slowMs: 20 }));
    const control = new AbortController();
    const reason = new Error("enough");
    const result = failure(pull({ signal: control.signal, onProgress: ({ received }) => received > 60_000 && control.abort(reason) }));
    expect(await result).toBe(reason);
    expect(readdirSync(blobs()).some((name) => name.endsWith(".biovlm-incomplete"))).toBe(true);
    expect(readdirSync(join(home, "hub", ".locks", "models--owner--model"))).toEqual([]);
  });
});

describe("pulling a model into the store", () => {
  const model = smallModel({ words: 4000 });

  it("makes a stored model that names its source, once", async () => {
    await start({ files: model });
    const store = openModelStore(home);
    const pulled = await pullModel(store, REPO, { settings: settings() });
    expect(pulled).toMatchObject({ name: "model", fresh: true });
    expect(pulled.manifest.source).toEqual({
      kind: "hub",
      repo: REPO,
      commit: hub.commit,
      file: "model.safetensors",
      sha256: sha256(model["model.safetensors"]!),
    });
    expect(await pullModel(store, REPO, { settings: settings() })).toMatchObject({
      fresh: false,
      manifest: { digest: pulled.manifest.digest },
    });
    expect(existsSync(store.folders.lockFile)).toBe(true);
  });

  it("mends a stored model that was damaged, from the cache", async () => {
    await start({ files: model });
    const store = openModelStore(home);
    const { folder } = await pullModel(store, REPO, { settings: settings(), copy: true });
    writeFileSync(join(folder, "vocab.txt"), "damaged");
    expect(await pullModel(store, REPO, { settings: { ...settings(), offline: true } })).toMatchObject({ fresh: true });
    await store.verify("model");
  });

  it("does not put a changed repository over a model unasked", async () => {
    await start({ files: model });
    const store = openModelStore(home);
    await pullModel(store, REPO, { settings: settings() });
    await hub.close();
    await start({ files: smallModel({ seed: 2 }), commit: "e".repeat(40) });
    const options = { settings: settings(), updateLock: true, revision: "main" };
    expect((await failure(pullModel(store, REPO, options))).code).toBe("already_exists");
    expect((await pullModel(store, REPO, { ...options, replace: true })).manifest.source).toMatchObject({ commit: "e".repeat(40) });
  });
});
