// Clients over a real socket: our own, and OpenAI's official one.

import { createEngine, type Engine } from "@biovlm/engine";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiError, type Client, createClient } from "../../src/client/index.js";
import { createServer, listen, servingOptions } from "../../src/index.js";
import { greyPng } from "./grey-png.js";

let engine: Engine;
let close: () => Promise<void>;
let address: string;
let client: Client;
const png = greyPng(64, 48);

beforeAll(async () => {
  const made = await createEngine({ serve: [{ name: "tiny", model: "tiny" }], device: "cpu", threads: 1, pool: 0 });
  await made.ready;
  engine = made.engine;
  const options = servingOptions({ port: 0, admin: true });
  const app = await createServer({ engine, options, version: "0.1.0" });
  address = await listen(app, options);
  close = () => app.close() as unknown as Promise<void>;
  client = createClient({ baseUrl: address });
});
afterAll(async () => {
  await close?.();
  await engine?.close(1000);
});

describe("the official OpenAI client", () => {
  it("lists models and gets embeddings, which it asks for as base64 by default", async () => {
    const openai = new OpenAI({ baseURL: `${address}/v1`, apiKey: "none", maxRetries: 0 });
    const models = await openai.models.list();
    expect(models.data.map((m) => m.id)).toEqual(["tiny"]);
    const { data, usage } = await openai.embeddings.create({ model: "tiny", input: ["a chest X-ray", "a hand X-ray"] });
    expect(data).toHaveLength(2);
    const plain = await openai.embeddings.create({ model: "tiny", input: ["a chest X-ray", "a hand X-ray"], encoding_format: "float" });
    for (const [i, { embedding }] of plain.data.entries()) {
      expect(embedding).toHaveLength(128);
      for (const [d, x] of embedding.entries()) expect(data[i]!.embedding[d]).toBeCloseTo(x, 6);
    }
    expect(usage.total_tokens).toBeGreaterThan(0);
    await expect(openai.embeddings.create({ model: "none", input: "x" })).rejects.toMatchObject({ status: 404, code: "unknown_model" });
  });
});

describe("our client", () => {
  it("uploads a bank, classifies with it, compiles it, and embeds", async () => {
    const { attributeBank, readBank, writeBank } = await import("@biovlm/model");
    const { tinyModel } = await import("@biovlm/model-tiny/node");
    const { cpuBackend } = await import("@biovlm/backend-cuda");
    const { loadCore } = await import("@biovlm/core");
    const model = await tinyModel();
    const encoder = await cpuBackend({ threads: 1 }).open(model.graphs);
    const bank = writeBank(await attributeBank({ core: await loadCore(), encoder, model }, ["chest", "head"], [["ribs"], ["skull"]]));
    await encoder.close();
    expect(await client.ready()).toMatchObject({ ready: true });
    const info = await client.uploadBank("kinds", bank);
    expect(info).toMatchObject({ name: "kinds", classes: ["chest", "head"], prompts: 1 });
    expect((await client.banks()).map((b) => b.name)).toContain("kinds");
    const { results, bank: used } = await client.classify([png, png], { bank: "kinds", explain: true, top: 1 });
    expect(used.digest).toBe(info.digest);
    expect(results).toHaveLength(2);
    expect(results[0]!.predictions).toHaveLength(1);
    const compiled = readBank(await client.compileBank("kinds", ["head"]));
    expect(compiled.classes).toEqual(["head"]);
    const [row] = await client.embed("tiny", `data:image/png;base64,${Buffer.from(png).toString("base64")}`);
    expect(row).toHaveLength(128);
    expect((await client.model("tiny")).platform).toBe("biovlm");
  });

  it("rejects with the server's code and status", async () => {
    await expect(client.classify([png], { bank: "nothing" })).rejects.toMatchObject({ code: "unknown_bank", status: 404 });
    await expect(client.classify([new Uint8Array(5)], { bank: "kinds" })).rejects.toBeInstanceOf(ApiError);
    await expect(client.model("nothing")).rejects.toMatchObject({ code: "unknown_model", status: 404 });
    await expect(client.bank("../x")).rejects.toMatchObject({ status: 400 });
  });
});
