// The store: what comes in is whole and named, what is damaged is found before use, and no name or bundle reaches outside.

import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BiovlmError } from "@biovlm/files";
import { cases, seeded } from "@biovlm/testkit";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { type ModelStore, openModelStore } from "../../src/node/index.js";
import { findDamage } from "../../src/node/store/model-verify.js";
import { smallModel, writeFiles } from "./small-model.js";

const base = mkdtempSync(join(tmpdir(), "biovlm-store-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

let home = "";
let store: ModelStore;
let count = 0;
beforeEach(() => {
  home = join(base, String(count++), "home");
  store = openModelStore(home);
});
const beside = (name: string) => join(home, "..", name);
const failure = (work: Promise<unknown>): Promise<BiovlmError> =>
  work.then(
    () => expect.fail("it succeeded"),
    (error) => error,
  );
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const source = (options = {}) => writeFiles(beside(`source-${JSON.stringify(options).replace(/\W/g, "")}`), smallModel(options));

describe("the model store", () => {
  it("takes in a folder, lists it, opens it and lets it go", async () => {
    expect(await store.list()).toEqual([]);
    const model = await store.importFrom(source(), { name: "mine", licence: "MIT" });
    expect(model.folder).toBe(join(home, "models", "mine"));
    expect(model.manifest).toMatchObject({ name: "mine", licence: "MIT", source: { kind: "file", file: "model.safetensors" } });
    expect(model.manifest.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(readdirSync(model.folder).sort()).toEqual(["biovlm-model.json", "model.safetensors", "open_clip_config.json", "vocab.txt"]);
    expect(await store.list()).toEqual([model]);
    expect(await store.open("mine")).toEqual(model);
    expect(await store.verify("mine")).toEqual(model);
    await store.remove("mine");
    expect(await store.list()).toEqual([]);
    expect((await failure(store.open("mine"))).code).toBe("not_found");
    expect((await failure(store.remove("mine"))).code).toBe("not_found");
    expect(readdirSync(join(home, "staging"))).toEqual([]);
  });

  it("gives the same digest for the same weights in any file, and another for others", async () => {
    const digests: string[] = [];
    const files = [
      {},
      { dtype: "F16" },
      { prefix: "module." },
      { prefix: "module.model." },
      { torch: true },
      { torch: true, dtype: "F16" },
    ];
    for (const options of files) {
      digests.push((await store.importFrom(source(options), { name: `m${digests.length}` })).manifest.digest);
    }
    expect(new Set(digests).size).toBe(1);
    expect((await store.importFrom(source({ seed: 2 }), { name: "other" })).manifest.digest).not.toBe(digests[0]);
    // what was converted lies there as float32 in BiomedCLIP's names
    expect(statSync(join(home, "models", "m1", "model.safetensors")).size).toBe(
      statSync(join(home, "models", "m2", "model.safetensors")).size,
    );
    expect(readdirSync(join(home, "models", "m4")).filter((name) => /safetensors|bin/.test(name))).toEqual(["model.safetensors"]);
  });

  it("takes in a weights file with what lies beside it, and names it after the file", async () => {
    const folder = source();
    cpSync(join(folder, "model.safetensors"), join(folder, "best epoch.safetensors"));
    expect((await store.importFrom(join(folder, "best epoch.safetensors"))).name).toBe("best-epoch");
  });

  it("links instead of copying where asked, and then sees what others do to the file", async () => {
    const folder = source();
    const model = await store.importFrom(folder, { name: "linked", link: true });
    const [own, theirs] = [statSync(join(model.folder, "model.safetensors")), statSync(join(folder, "model.safetensors"))];
    expect(own.ino).toBe(theirs.ino);
    const bytes = readFileSync(join(folder, "model.safetensors"));
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(join(folder, "model.safetensors"), bytes);
    expect((await failure(store.open("linked"))).code).toBe("integrity");
  });

  it("refuses a name that is taken, and replaces only when told", async () => {
    const first = await store.importFrom(source(), { name: "m" });
    expect((await failure(store.importFrom(source({ seed: 2 }), { name: "m" }))).code).toBe("already_exists");
    expect(await store.open("m")).toEqual(first);
    const second = await store.importFrom(source({ seed: 2 }), { name: "m", replace: true });
    expect(await store.open("m")).toEqual(second);
    expect(second.manifest.digest).not.toBe(first.manifest.digest);
    expect(readdirSync(join(home, "models"))).toEqual([".replaced", "m"]);
    expect(readdirSync(join(home, "models", ".replaced"))).toEqual([]);
    expect((await failure(store.importFrom(source(), { name: "tiny" }))).code).toBe("bad_name");
  });

  it("says what is missing or wrong in a source, and stays as it was", async () => {
    await store.importFrom(source(), { name: "there" });
    const sound = smallModel();
    const broken = (files: Record<string, Uint8Array | undefined>) => {
      const kept = Object.entries({ ...sound, ...files }).filter((entry): entry is [string, Uint8Array] => entry[1] !== undefined);
      return writeFiles(beside(`broken${count++}`), Object.fromEntries(kept));
    };
    const text = (value: string) => new TextEncoder().encode(value);
    const bad: [string, string][] = [
      [beside("nowhere"), "not_found"],
      [broken({ "model.safetensors": undefined }), "missing_file"],
      [broken({ "open_clip_config.json": undefined }), "missing_file"],
      [broken({ "vocab.txt": undefined }), "missing_file"],
      [broken({ "open_clip_config.json": text("{") }), "malformed_config"],
      [broken({ "model.safetensors": text("not weights at all") }), "malformed_safetensors"],
      [broken({ "model.safetensors": sound["model.safetensors"]!.slice(0, -9) }), "malformed_safetensors"],
      [join(broken({}), "vocab.txt"), "unsupported_format"],
      [broken({ "model.safetensors": undefined, "a.safetensors": text("a"), "b.bin": text("b") }), "bad_argument"],
    ];
    for (const [path, code] of bad) expect(await failure(store.importFrom(path, { name: "new" })), path).toMatchObject({ code });
    expect((await store.list()).map((model) => model.name)).toEqual(["there"]);
    expect(readdirSync(join(home, "staging"))).toEqual([]);
  });

  it("lists a folder whose manifest is damaged with its problem, and passes over what is no model", async () => {
    await store.importFrom(source(), { name: "a" });
    await store.importFrom(source(), { name: "b" });
    writeFileSync(join(home, "models", "b", "biovlm-model.json"), "{}");
    mkdirSync(join(home, "models", "empty"));
    writeFileSync(join(home, "models", "file"), "");
    const listed = await store.list();
    expect(listed.map((model) => model.name)).toEqual(["a", "b"]);
    expect(listed[1]).toMatchObject({ problem: { code: "malformed_manifest" } });
  });

  it("brings back the old model when a process died between setting it aside and putting the new one there", async () => {
    const model = await store.importFrom(source(), { name: "m" });
    mkdirSync(join(home, "models", ".replaced"), { recursive: true });
    cpSync(model.folder, join(home, "models", ".replaced", "m"), { recursive: true });
    rmSync(model.folder, { recursive: true });
    expect((await store.list()).map((entry) => entry.name)).toEqual(["m"]);
    expect(await store.open("m")).toEqual(model);
  });

  it("stops at an abort and leaves nothing", async () => {
    const reason = new Error("enough");
    const control = new AbortController();
    const work = store.importFrom(source(), { name: "m", signal: control.signal, onProgress: () => control.abort(reason) });
    expect(await failure(work)).toBe(reason);
    expect(await store.list()).toEqual([]);
    expect(readdirSync(join(home, "staging"))).toEqual([]);
  });
});

describe("a damaged model (R7)", () => {
  it("is found before use wherever a bit flipped, a file was cut or zeroed, and goes to quarantine", async () => {
    const model = await store.importFrom(source(), { name: "m" });
    const kept = beside("kept");
    cpSync(model.folder, kept, { recursive: true });
    const random = seeded(7);
    const names = readdirSync(kept);
    const damages: ((path: string) => void)[] = [];
    for (let i = 0; i < cases(200); i++) {
      damages.push((path) => {
        const bytes = readFileSync(path);
        bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
        writeFileSync(path, bytes);
      });
    }
    for (let i = 0; i < cases(20, 4); i++) damages.push((path) => truncateSync(path, random.below(statSync(path).size)));
    damages.push((path) => {
      const bytes = readFileSync(path);
      writeFileSync(path, bytes.fill(0, bytes.length >> 1));
    });
    damages.push((path) => rmSync(path));
    let found = 0;
    for (const [i, damage] of damages.entries()) {
      for (const check of ["open", "verify"] as const) {
        if (!existsSync(model.folder)) cpSync(kept, model.folder, { recursive: true });
        const path = join(model.folder, i < 2 ? "model.safetensors" : random.pick(names));
        const { mtime, atime } = statSync(path);
        damage(path);
        if (existsSync(path)) utimesSync(path, atime, mtime);
        const error = await failure(store[check]("m"));
        // without a manifest it is no model any more
        const gone = path.endsWith("biovlm-model.json") && !existsSync(path) && existsSync(model.folder);
        expect(error.code, `${path}: ${error.message}`).toBe(gone ? "not_found" : "integrity");
        if (error.code === "integrity") {
          found++;
          expect(existsSync(model.folder)).toBe(false);
          expect(error.message).toContain(join(home, "quarantine"));
        } else rmSync(model.folder, { recursive: true });
      }
    }
    expect(found).toBeGreaterThanOrEqual(2 * damages.length - 2);
  });

  it("does not take a link or a folder for a file of the model", async () => {
    const model = await store.importFrom(source(), { name: "m" });
    const path = join(model.folder, "model.safetensors");
    cpSync(path, beside("same"));
    rmSync(path);
    symlinkSync(beside("same"), path);
    expect((await failure(store.open("m"))).code).toBe("integrity");
  });

  it("hashes a large file once, and again whenever its stamp differs; a full check always", async () => {
    const folder = beside("large");
    const path = join(folder, "model.safetensors");
    writeFiles(folder, { "model.safetensors": new Uint8Array(70_000_000) });
    const digest = sha256(readFileSync(path));
    const manifest = {
      name: "m",
      digest: "",
      files: [{ path: "model.safetensors", size: 70_000_000, sha256: digest }],
      source: { kind: "file" as const, file: "x", sha256: digest },
      created: "",
    };
    const hashed: string[] = [];
    const check = (full = false) =>
      findDamage(folder, manifest, beside("stamps.json"), { full, onProgress: (file) => hashed.push(file.path) });
    expect(await check()).toEqual([]);
    expect(await check()).toEqual([]);
    expect(hashed).toHaveLength(1);
    expect(await check(true)).toEqual([]);
    expect(hashed).toHaveLength(2);
    const { atime, mtime } = statSync(path);
    const bytes = readFileSync(path);
    bytes[69_999_999] = 1;
    writeFileSync(path, bytes);
    utimesSync(path, atime, mtime);
    expect(await check()).toMatchObject([{ path: "model.safetensors" }]);
    bytes[69_999_999] = 0;
    writeFileSync(path, bytes);
    writeFileSync(beside("stamps.json"), "damaged");
    expect(await check()).toEqual([]);
  });
});

describe("names (R6)", () => {
  it("that are no names touch no file", async () => {
    const parts = [
      "..",
      "/",
      "\\",
      "\0",
      "~",
      "%2e%2e",
      "C:",
      "$HOME",
      "`id`",
      ";",
      "|",
      "\n",
      "\u202e",
      "..\u2215",
      "con ",
      " ",
      "\u0000",
      "file://",
      "a/b",
      ".a",
      "-a",
      "é",
    ];
    const random = seeded(6);
    let refused = 0;
    while (refused < cases(500)) {
      const name = Array.from({ length: 1 + random.below(6) }, () => random.pick(parts)).join(random.pick(["", "a", "/"]));
      if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) continue;
      for (const work of [
        store.get(name),
        store.open(name),
        store.verify(name),
        store.remove(name),
        store.exportBundle(name, beside("x")),
      ]) {
        expect(await failure(work)).toMatchObject({ code: "bad_name" });
      }
      refused++;
    }
    for (const name of [
      "",
      "a".repeat(65),
      "..",
      5 as unknown as string,
      undefined as unknown as string,
      { toString: () => "a" } as unknown as string,
    ]) {
      expect(await failure(store.get(name))).toMatchObject({ code: "bad_name" });
    }
    expect(existsSync(home)).toBe(false);
    expect(await failure(store.importFrom(source(), { name: "../x" }))).toMatchObject({ code: "bad_name" });
    expect(readdirSync(join(home, "..")).filter((name) => name.includes("x"))).toEqual([]);
  });
});
