// A model's files on their way into the worker: what is downloaded, what was kept, what is refused.

import { createHash } from "node:crypto";
import { memoryStore } from "@biovlm/files";
import { afterEach, describe, expect, it, vi } from "vitest";
import { modelFiles } from "../../src/engine/model-delivery.js";
import type { OfferedFile, OfferedModel } from "../../src/engine/protocol.js";

const BASE = "https://page.example/demo/";
const SERVED: Readonly<Record<string, string>> = { "m/weights": "w".repeat(5000), "m/config": '{"a":1}', "m/tokenizer": '{"é":2}' };

const offer = (path: string, text = SERVED[path] ?? ""): OfferedFile => ({
  path,
  sha256: createHash("sha256").update(text).digest("hex"),
  bytes: Buffer.byteLength(text),
});
const MODEL: OfferedModel = {
  name: "toy",
  summary: "",
  files: { weights: offer("m/weights"), openClipConfig: offer("m/config"), tokenizerJson: offer("m/tokenizer") },
};

/** Serves what it is given, and writes down what was asked for. */
function serve(files: Readonly<Record<string, string>>): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (url: string | URL) => {
    const path = String(url).slice(BASE.length);
    asked.push(path);
    const text = files[path];
    return Promise.resolve(text === undefined ? new Response("none", { status: 404 }) : new Response(text));
  });
  return asked;
}
afterEach(() => vi.unstubAllGlobals());

const deliver = (model: OfferedModel, store = memoryStore(), told: string[] = [], signal = new AbortController().signal) =>
  modelFiles({ kind: "offered", model }, BASE, store, (done, total) => told.push(`${done}/${total}`), signal);

describe("a model's files", () => {
  it("come from beside the page, checked, and tell of the weights alone how far they are", async () => {
    const asked = serve(SERVED);
    const told: string[] = [];
    const { files, downloaded, notKept } = await deliver(MODEL, memoryStore(), told);
    expect(asked).toEqual(["m/weights", "m/config", "m/tokenizer"]);
    expect(new TextDecoder().decode(files.weights as Uint8Array)).toBe(SERVED["m/weights"]);
    expect([files.texts["open_clip_config.json"], files.texts["tokenizer.json"]]).toEqual([SERVED["m/config"], SERVED["m/tokenizer"]]);
    expect(downloaded).toBe(5000 + 7 + 8);
    expect(notKept).toBeUndefined();
    expect(told.at(-1)).toBe("5000/5000");
  });

  it("come from the store the second time, with no request at all", async () => {
    const store = memoryStore();
    serve(SERVED);
    await deliver(MODEL, store);
    const asked = serve({});
    expect((await deliver(MODEL, store)).downloaded).toBe(0);
    expect(asked).toEqual([]);
  });

  it("are refused when one is not what the page's list says it is", async () => {
    serve({ ...SERVED, "m/config": '{"a":2}' });
    await expect(deliver(MODEL)).rejects.toThrow(/config.+expected/);
  });

  it("are refused by the name of the one that is not there", async () => {
    serve({ "m/weights": SERVED["m/weights"] ?? "" });
    await expect(deliver(MODEL)).rejects.toThrow(/"config"/);
  });

  it("are not asked for once the person has gone on to something else", async () => {
    const asked = serve(SERVED);
    await expect(deliver(MODEL, memoryStore(), [], AbortSignal.abort(new Error("gone")))).rejects.toThrow("gone");
    expect(asked).toEqual([]);
  });

  it("come all the same from a store that is full, which is said", async () => {
    serve(SERVED);
    const full = { ...memoryStore(), put: () => Promise.reject(new Error("the disk is full")) };
    const { notKept, files } = await deliver(MODEL, full);
    expect(notKept).toMatch(/the disk is full/);
    expect((files.weights as Uint8Array).length).toBe(5000);
  });

  it("that a person picked are read as they are, and nothing is downloaded", async () => {
    const asked = serve(SERVED);
    const [weights, openClipConfig, tokenizerJson] = [new Blob(["w"]), new Blob(["{}"]), new Blob(["[]"])];
    const source = { kind: "files", weights, openClipConfig, tokenizerJson } as const;
    const delivered = await modelFiles(source, BASE, memoryStore(), () => undefined, new AbortController().signal);
    expect(delivered).toEqual({
      files: { weights: Uint8Array.of(119), texts: { "open_clip_config.json": "{}", "tokenizer.json": "[]" } },
      downloaded: 0,
    });
    expect(asked).toEqual([]);
  });
});
