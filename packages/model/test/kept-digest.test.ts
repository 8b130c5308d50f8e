// A model's digest from one start to the next: not computed again while its file is as it was, and never that of another content.

import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { memoryStore } from "@biovlm/files";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readModel } from "../src/backbone.js";
import { loadModel } from "../src/index.js";
import { fileDigest } from "../src/node/kept-digest.js";
import { openFileSource, openWeightsFile } from "../src/node/weights-file.js";

const files = resolve(import.meta.dirname, "../../model-tiny/files");
const scratch = mkdtempSync(join(tmpdir(), "kept-digest-"));
const texts = {
  "open_clip_config.json": readFileSync(join(files, "open_clip_config.json"), "utf8"),
  "tokenizer.json": readFileSync(join(files, "tokenizer.json"), "utf8"),
};
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** The digest, and the bytes that were hashed for it. */
async function digestOf(path: string, kept?: ReturnType<typeof memoryStore>) {
  const opened = openWeightsFile(path);
  let hashed = 0;
  const sha256 = (offset: number, length: number) => {
    hashed += length;
    return opened.source.sha256(offset, length);
  };
  const read = readModel(opened.weights, texts);
  const digest = await fileDigest({ ...opened, source: { ...opened.source, sha256 } }, read, { kept, above: 0 });
  opened.close();
  return { digest, hashed };
}

function changeLastByte(path: string): void {
  const bytes = readFileSync(path);
  const file = openSync(path, "r+");
  writeSync(file, Uint8Array.of(bytes.at(-1)! ^ 1), 0, 1, bytes.length - 1);
}

describe("a model's digest", () => {
  const path = join(scratch, "model.safetensors");
  const later = (ms: number) => vi.setSystemTime(Date.now() + ms);
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"] });
    copyFileSync(join(files, "model.safetensors"), path);
  });
  afterEach(() => vi.useRealTimers());

  it("by pieces of the file is that of the weights in memory, and is kept while the file is as it was", async () => {
    const { digest } = await loadModel({ weights: readFileSync(path), texts }, { name: "tiny" });
    later(60_000);
    const kept = memoryStore();
    const first = await digestOf(path, kept);
    expect(first.digest).toBe(digest);
    expect(first.hashed).toBeGreaterThan(1e6);
    expect(await digestOf(path, kept)).toEqual({ digest, hashed: 0 });
    expect(await digestOf(path)).toEqual(first);
  });

  it("leaves others their turns while a large file is hashed", async () => {
    const large = join(scratch, "large.bin");
    const bytes = Buffer.alloc(40_000_000, 7);
    writeFileSync(large, bytes);
    const source = openFileSource(large);
    let turns = 0;
    let next: NodeJS.Immediate;
    const count = () => {
      turns++;
      next = setImmediate(count);
    };
    next = setImmediate(count);
    const digest = await source.sha256(1, bytes.length - 1);
    clearImmediate(next);
    source.close();
    expect(digest).toBe(createHash("sha256").update(bytes.subarray(1)).digest("hex"));
    expect(turns).toBeGreaterThan(3);
  });

  it("is computed again for other bytes of the same size and time of change", async () => {
    later(60_000);
    const kept = memoryStore();
    const { digest } = await digestOf(path, kept);
    const { atime, mtime } = statSync(path);
    changeLastByte(path);
    utimesSync(path, atime, mtime);
    const changed = await digestOf(path, kept);
    expect(changed.digest).not.toBe(digest);
    expect(changed).toEqual(await digestOf(path));
  });

  it("is not kept of a file that was changed a moment ago: a change since might not show", async () => {
    const kept = memoryStore();
    const first = await digestOf(path, kept);
    expect(await digestOf(path, kept)).toEqual(first);
    expect(await kept.list?.("")).toEqual([]);
  });

  it("is computed again where what was kept is no digest, or cannot be read", async () => {
    later(60_000);
    const kept = memoryStore();
    const first = await digestOf(path, kept);
    const damaged = { ...kept, get: async () => new TextEncoder().encode("sha256:torn") };
    expect(await digestOf(path, damaged)).toEqual(first);
    expect(await digestOf(path, { ...kept, get: async () => undefined })).toEqual(first);
  });
});
