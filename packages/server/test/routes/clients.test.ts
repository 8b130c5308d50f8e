// Clients over a real socket: our own, and OpenAI's official one.

import { createEngine, type Engine } from "@biovlm/engine";
import { dicomElement, dicomFile, greyElements, madeCine } from "@biovlm/testkit";
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

/** A slice of a made series, at z millimetres. */
const slice = (series: number, z: number, grey: number) =>
  dicomFile("1.2.840.10008.1.2.1", [
    dicomElement("00080018", "UI", `2.25.7.${series}.${z}`),
    dicomElement("00080060", "CS", "MR"),
    dicomElement("0020000E", "UI", `2.25.8.${series}`),
    dicomElement("00200032", "DS", `0\\0\\${z}`),
    dicomElement("00200037", "DS", "1\\0\\0\\0\\1\\0"),
    ...greyElements({ rows: 16, columns: 16 }),
    dicomElement("7FE00010", "OB", new Uint8Array(256).fill(grey)),
  ]);
/** A PGM file of `side` × `side` pixels, no two rows alike. */
const large = (side: number) =>
  new Uint8Array(
    Buffer.concat([
      Buffer.from(`P5 ${side} ${side} 255\n`),
      Buffer.from(Array.from({ length: side ** 2 }, (_, i) => (i * 7 + (i >> 8)) % 256)),
    ]),
  );

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

  it("embeds the frames, slices and series that it asks for, and says which images a row is the mean of", async () => {
    const [near, far, other] = [slice(0, 0, 60), slice(0, 10, 200), slice(1, 0, 120)];
    const cine = madeCine([10, 90, 170], 16);
    const files = [far, cine, near, other];
    const rows = await client.embedImages("tiny", files, { volumes: true });
    expect(rows.map(({ index, images }) => ({ index, images }))).toEqual([
      { index: 1, images: [1] },
      { index: 2, images: [2, 0] },
      { index: 3, images: [3] },
    ]);
    const uri = `data:application/dicom;base64,${Buffer.from(cine).toString("base64")}`;
    const [[middle], [second], [third], [mean]] = await Promise.all([
      client.embed("tiny", uri),
      client.embed("tiny", uri, { frame: 2 }),
      client.embed("tiny", uri, { frame: "3" }),
      client.embed("tiny", uri, { frame: "all" }),
    ]);
    expect(middle).toEqual(second);
    expect(third).not.toEqual(second);
    for (const [d, x] of rows[0]!.embedding.entries()) expect(mean![d]).toBeCloseTo(x, 6);
    const [asBlob] = await client.embedImages("tiny", [new Blob([cine])], { frame: 3 });
    expect(asBlob).toEqual({ index: 0, embedding: third, images: [0] });
    const [windowed] = await client.embedImages("tiny", [cine], { frame: 3, window: "100/400" });
    expect(windowed!.embedding).not.toEqual(third);
    // more than one piece of base64
    const [whole] = await client.embedImages("tiny", [large(240)]);
    expect(whole!.embedding).toEqual(
      (await client.embed("tiny", `data:image/x-portable-graymap;base64,${Buffer.from(large(240)).toString("base64")}`))[0],
    );
  });

  it("is refused frames in the server's words", async () => {
    for (const [options, code] of [
      [{ frame: "every=0" }, "bad_option"],
      [{ plane: "oblique" }, "bad_option"],
      [{ window: "wide" }, "bad_option"],
      [{ range: "dark" }, "bad_option"],
      [{ volumes: true, frame: 2 }, "bad_option"],
    ] as const)
      await expect(client.embedImages("tiny", [png], options), JSON.stringify(options)).rejects.toMatchObject({ code, status: 400 });
    await expect(client.embed("tiny", ["a chest X-ray"], { frame: 2 })).rejects.toMatchObject({
      code: "bad_option",
      message: expect.stringContaining("frame — expected images"),
    });
  });

  it("has a function for each operation of the document, or a reason why not", async () => {
    const functions: Readonly<Record<string, keyof Client | "answered by another function" | "for what watches a process">> = {
      classify: "classify",
      createEmbedding: "embedImages",
      listModels: "models",
      retrieveModel: "answered by another function",
      listServed: "served",
      listBanks: "banks",
      getBank: "bank",
      putBank: "uploadBank",
      compileBank: "compileBank",
      ready: "ready",
      live: "for what watches a process",
      serverMetadata: "server",
      serverLive: "for what watches a process",
      serverReady: "answered by another function",
      modelMetadata: "model",
      modelReady: "answered by another function",
      modelInfer: "infer",
      modelVersionMetadata: "answered by another function",
      modelVersionReady: "answered by another function",
      modelVersionInfer: "answered by another function",
      modelNames: "answered by another function",
      repositoryIndex: "answered by another function",
      loadModel: "loadModel",
      unloadModel: "unloadModel",
    };
    const { paths } = (await (await fetch(`${address}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { operationId?: string }>>;
    };
    const operations = Object.values(paths).flatMap((path) => Object.values(path).flatMap(({ operationId = [] }) => operationId));
    expect(Object.keys(functions).sort()).toEqual([...new Set(operations)].sort());
    const named = Object.values(functions).filter((name) => !name.includes(" "));
    expect(
      Object.keys(client)
        .filter((name) => name !== "embed")
        .sort(),
    ).toEqual([...new Set(named)].sort());
  });

  it("asks about models and the server, and loads and unloads a model", async () => {
    expect((await client.served()).models.map(({ name }) => name)).toEqual(["tiny"]);
    expect(await client.served()).toMatchObject({ version: "0.1.0" });
    expect(await client.server()).toMatchObject({ version: "0.1.0" });
    expect(await client.unloadModel("tiny")).toMatchObject({ state: "UNAVAILABLE" });
    await expect(client.embed("tiny", "a chest X-ray")).rejects.toMatchObject({ code: "model_unloaded", status: 503 });
    expect(await client.loadModel("tiny")).toMatchObject({ state: "READY" });
    await expect(client.infer("tiny", { inputs: [{ name: "none", datatype: "FP32", shape: [1], data: [1] }] })).rejects.toBeInstanceOf(
      ApiError,
    );
  });

  it("sends a file from the disk as it is read", async () => {
    const { openAsBlob } = await import("node:fs");
    const { mkdtemp, rm, writeFile } = await import("node:fs/promises");
    const { tmpdir } = await import("node:os");
    const { join } = await import("node:path");
    const folder = await mkdtemp(join(tmpdir(), "biovlm-client-"));
    try {
      await writeFile(join(folder, "a.png"), png);
      const [said] = (await client.classify([await openAsBlob(join(folder, "a.png")), png], { bank: "kinds" })).results;
      expect(said?.predictions).toHaveLength(2);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("does what its package's README shows", async () => {
    const readme = await (await import("node:fs/promises")).readFile(new URL("../../README.md", import.meta.url), "utf8");
    const [, block = ""] = /```ts\nimport \{ [\w, ]+ \} from "@biovlm\/server\/client";\n([\s\S]*?)```/.exec(readme) ?? [];
    expect(block).toContain("createClient");
    const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
    const names = ["createClient", "ApiError", "pngBytes", "slices", "niftiBytes", "said"];
    const run = new AsyncFunction(
      ...names,
      `${block.replaceAll("http://127.0.0.1:8080", address)}\nreturn { results, predictions, rows };`,
    );
    const nrrd = Buffer.concat([Buffer.from("NRRD0004\ntype: uchar\ndimension: 3\nsizes: 4 4 3\nencoding: raw\n\n"), Buffer.alloc(48, 90)]);
    const said: unknown[] = [];
    const made = (await run(createClient, ApiError, png, [slice(3, 0, 60), slice(3, 10, 200)], nrrd, said)) as Record<string, unknown[]>;
    expect([made["results"]?.length, made["predictions"]?.length, made["rows"]?.length]).toEqual([1, 2, 1]);
  });

  it("rejects with the server's code and status", async () => {
    await expect(client.classify([png], { bank: "nothing" })).rejects.toMatchObject({ code: "unknown_bank", status: 404 });
    await expect(client.classify([new Uint8Array(5)], { bank: "kinds" })).rejects.toBeInstanceOf(ApiError);
    await expect(client.model("nothing")).rejects.toMatchObject({ code: "unknown_model", status: 404 });
    await expect(client.bank("../x")).rejects.toMatchObject({ status: 400 });
  });
});
