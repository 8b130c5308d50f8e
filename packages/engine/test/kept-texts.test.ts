// Text embeddings and reduced towers from one start to the next: the same bytes, computed once, computed again where what was kept is damaged.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Encoder } from "@biovlm/model";
import { loadModelFolder } from "@biovlm/model/node";
import { afterAll, describe, expect, it } from "vitest";
import { computedStore } from "../src/open/computed-store.js";
import { withKeptTexts } from "../src/open/kept-texts.js";

const scratch = mkdtempSync(join(tmpdir(), "kept-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const D = 3;
const tower = { digest: "sha256:0", embedDim: D, runtime: "1" };
const ids = Int32Array.of(2, 5, 3, 2, 7, 3);
const mask = new Uint8Array(6).fill(1);

/** Counts the calls that reach it. */
function counting(): { encoder: Encoder; calls(): number } {
  let calls = 0;
  let closed = false;
  const encoder: Encoder = {
    name: "counting",
    capabilities: { device: "cpu", precision: "fp32", maxBatch: 4, gradients: false, deterministic: true },
    encodeImages: async (_pixels, batch) => ({ data: new Float32Array(batch * D), shape: [batch, D] }),
    async encodeTexts(given, _mask, [n]) {
      if (closed) throw new Error("closed");
      calls++;
      return { data: Float32Array.from({ length: n * D }, (_, i) => Math.fround(given[i % given.length]! / 3)), shape: [n, D] };
    },
    encodePrompts: async () => ({ out: { data: new Float32Array(0), shape: [0, D] } }),
    async close() {
      closed = true;
    },
  };
  return { encoder, calls: () => calls };
}

/** Turns over the last byte of every file below. */
function damage(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const { parentPath, name } of files) {
    const bytes = readFileSync(join(parentPath, name));
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(join(parentPath, name), bytes);
  }
  return files.length;
}

describe("kept text embeddings", () => {
  it("are those of the first call, bit for bit, and cost the next start no run", async () => {
    const folder = join(scratch, "texts");
    const first = counting();
    const computed = await withKeptTexts(first.encoder, tower, computedStore(undefined, folder)).encodeTexts(ids, mask, [2, 3]);
    const second = counting();
    const kept = await withKeptTexts(second.encoder, tower, computedStore(undefined, folder)).encodeTexts(ids, mask, [2, 3]);
    expect(kept).toEqual(computed);
    expect([first.calls(), second.calls()]).toEqual([1, 0]);
  });

  it("are computed for other tokens, another mask, shape, model or runtime", async () => {
    const { encoder, calls } = counting();
    const store = computedStore(undefined, join(scratch, "others"));
    await withKeptTexts(encoder, tower, store).encodeTexts(ids, mask, [2, 3]);
    await withKeptTexts(encoder, tower, store).encodeTexts(Int32Array.of(2, 5, 3, 2, 8, 3), mask, [2, 3]);
    await withKeptTexts(encoder, tower, store).encodeTexts(ids, Uint8Array.of(1, 1, 1, 1, 1, 0), [2, 3]);
    await withKeptTexts(encoder, tower, store).encodeTexts(ids, mask, [1, 6]);
    await withKeptTexts(encoder, { ...tower, digest: "sha256:1" }, store).encodeTexts(ids, mask, [2, 3]);
    await withKeptTexts(encoder, { ...tower, runtime: "2" }, store).encodeTexts(ids, mask, [2, 3]);
    expect(calls()).toBe(6);
  });

  it("are computed again where they are damaged, and where nothing can be kept", async () => {
    const folder = join(scratch, "damaged");
    const { encoder, calls } = counting();
    const texts = withKeptTexts(encoder, tower, computedStore(undefined, folder));
    const computed = await texts.encodeTexts(ids, mask, [2, 3]);
    expect(damage(folder)).toBe(1);
    expect(await texts.encodeTexts(ids, mask, [2, 3])).toEqual(computed);
    expect(calls()).toBe(2);
    const file = join(scratch, "file");
    writeFileSync(file, "no folder");
    expect(await withKeptTexts(encoder, tower, computedStore(undefined, file)).encodeTexts(ids, mask, [2, 3])).toEqual(computed);
    expect(calls()).toBe(3);
  });

  it("are not given after close, nor to an aborted call", async () => {
    const texts = withKeptTexts(counting().encoder, tower, computedStore(undefined, join(scratch, "closed")));
    await texts.encodeTexts(ids, mask, [2, 3]);
    await expect(texts.encodeTexts(ids, mask, [2, 3], { signal: AbortSignal.abort(new Error("stop")) })).rejects.toThrow("stop");
    await texts.close();
    await expect(texts.encodeTexts(ids, mask, [2, 3])).rejects.toThrow("closed");
  });
});

describe("the folder of what was computed", () => {
  it("keeps within its limit, the least recently used going first", async () => {
    const folder = join(scratch, "limited");
    const { encoder } = counting();
    const texts = withKeptTexts(encoder, tower, computedStore(3 * 4096, folder));
    const files = () => readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
    for (let word = 0; word < 6; word++) {
      await texts.encodeTexts(Int32Array.of(2, word, 3), new Uint8Array(3).fill(1), [1, 3]);
      expect(files()).toBeLessThanOrEqual(3);
    }
    const calls = counting();
    const again = withKeptTexts(calls.encoder, tower, computedStore(3 * 4096, folder));
    await again.encodeTexts(Int32Array.of(2, 5, 3), new Uint8Array(3).fill(1), [1, 3]);
    await again.encodeTexts(Int32Array.of(2, 0, 3), new Uint8Array(3).fill(1), [1, 3]);
    expect(calls.calls()).toBe(1);
  });
});

describe("a kept int8 tower", () => {
  it("is the same model, computed once, and computed again where it is damaged", async () => {
    const files = new URL("../../model-tiny/files/", import.meta.url);
    const model = join(scratch, "model");
    mkdirSync(model);
    for (const name of ["model.safetensors", "open_clip_config.json", "tokenizer.json"]) cpSync(new URL(name, files), join(model, name));
    const folder = join(scratch, "towers");
    const store = computedStore(undefined, folder);
    let puts = 0;
    const kept = {
      get: store.get,
      put: (key: string, bytes: Uint8Array) => {
        puts++;
        return store.put(key, bytes);
      },
    };
    const image = async (from?: typeof kept) => {
      const opened = await loadModelFolder(model, { precision: "int8", ...(from === undefined ? {} : { kept: from }) });
      const artifact = await opened.graphs.image("file");
      opened.close();
      if (artifact.kind !== "bytes") throw new Error("expected bytes");
      return Buffer.from(artifact.model);
    };
    const plain = await image();
    expect((await image(kept)).equals(plain)).toBe(true);
    expect((await image(kept)).equals(plain)).toBe(true);
    expect(puts).toBe(1);
    expect(damage(folder)).toBe(1);
    expect((await image(kept)).equals(plain)).toBe(true);
    expect(puts).toBe(2);
  });
});
