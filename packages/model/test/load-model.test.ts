// Models from bytes and from folders: the same numbers, one identity, weights referred to where they lie, reduced precisions.

import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpuBackend } from "@biovlm/backend-cuda";
import { BiovlmError } from "@biovlm/files";
import { afterAll, describe, expect, it } from "vitest";
import { type Backbone, biomedclip, openSafetensors } from "../src/backbone.js";
import { type Encoder, loadModel, type Model } from "../src/index.js";
import { loadModelFolder } from "../src/node/index.js";

const files = new URL("../../model-tiny/files/", import.meta.url);
const read = (name: string) => readFileSync(new URL(name, files));
const bytes = {
  weights: read("model.safetensors"),
  texts: {
    "open_clip_config.json": read("open_clip_config.json").toString(),
    "tokenizer.json": read("tokenizer.json").toString(),
  },
};
const scratch = mkdtempSync(join(tmpdir(), "biovlm-load-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function folder(name: string): string {
  const path = join(scratch, name);
  mkdirSync(path);
  for (const file of ["model.safetensors", "open_clip_config.json", "tokenizer.json"]) cpSync(new URL(file, files), join(path, file));
  return path;
}

const forward = openSafetensors(read("forward_golden.safetensors"));
const images = new Float32Array(new Uint8Array(forward.tensors.get("in.images")!.bytes()).buffer);

async function embeddings(model: Model): Promise<{ image: Float32Array; text: Float32Array; encoder: Encoder }> {
  const encoder = await cpuBackend({ threads: 1 }).open(model.graphs);
  const ids = Int32Array.from(model.tokenizer.encode("an ultrasound image of a benign tumor"));
  const image = (await encoder.encodeImages(images, 3)).data;
  const text = (await encoder.encodeTexts(ids, new Uint8Array(ids.length).fill(1), [1, ids.length])).data;
  await encoder.close();
  return { image, text, encoder };
}

function leastCosine(a: Float32Array, b: Float32Array, D: number): number {
  let least = 1;
  for (let r = 0; r < a.length; r += D) {
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = r; i < r + D; i++) {
      ab += a[i]! * b[i]!;
      aa += a[i]! ** 2;
      bb += b[i]! ** 2;
    }
    least = Math.min(least, ab / Math.sqrt(aa * bb));
  }
  return least;
}

describe("a model that is loaded beside other work", () => {
  it("lets others have their turn before and after its tokenizer, the longest piece", async () => {
    let turns = 0;
    const seen: number[] = [];
    /** What waits for the thread while a part of the family is asked. */
    const noted = <T>(part: T): T => {
      seen.push(turns);
      setImmediate(() => turns++);
      return part;
    };
    const family: Backbone = {
      ...biomedclip,
      spec: (weights, texts) => noted(biomedclip.spec(weights, texts)),
      tokenizer: (texts, spec) => noted(biomedclip.tokenizer(texts, spec)),
      words: (weights) => noted(biomedclip.words(weights)),
    };
    await loadModel(bytes, { name: "tiny", digest: "sha256:0", backbones: [family] });
    expect(seen).toEqual([0, 1, 2]);
  });
});

describe("a model in int8", () => {
  it("gives an image the same bits alone, in a batch, and beside one that is a thousand times louder", async () => {
    const { graphs } = await loadModel(bytes, { name: "tiny", precision: "int8" });
    const encoder = await cpuBackend({ threads: 1 }).open(graphs);
    const [length, D] = [images.length / 3, graphs.spec.embedDim];
    const together = (await encoder.encodeImages(images, 3)).data;
    const loud = images.map((x, i) => (i < length ? x * 1000 : x));
    const beside = (await encoder.encodeImages(loud, 3)).data;
    for (const b of [1, 2]) {
      const alone = (await encoder.encodeImages(images.slice(b * length, (b + 1) * length), 1)).data;
      expect(together.slice(b * D, (b + 1) * D)).toEqual(alone);
      expect(beside.slice(b * D, (b + 1) * D)).toEqual(alone);
    }
    await encoder.close();
  });
});

describe("a model", async () => {
  const fromBytes = await loadModel(bytes, { name: "tiny" });
  const wanted = await embeddings(fromBytes);

  it("from a folder has the same digest and the same bits as from bytes, and refers to its weights in place", async () => {
    const path = folder("in-place");
    const model = await loadModelFolder(path);
    expect(model.digest).toBe(fromBytes.digest);
    const got = await embeddings(model);
    expect(got.image).toEqual(wanted.image);
    expect(got.text).toEqual(wanted.text);
    const written = readdirSync(path).filter((f) => f.endsWith(".onnx"));
    expect(written).toHaveLength(2);
    for (const file of written) expect(readFileSync(join(path, file)).length).toBeLessThan(bytes.weights.length / 10);
    model.close();
    model.close();
    const again = await loadModelFolder(path);
    expect((await embeddings(again)).image).toEqual(wanted.image);
    again.close();
  });

  it("from a folder where nothing can be written carries its weights along", async () => {
    const path = folder("unwritable");
    // a folder stands where the file would go: also the superuser cannot write it
    for (const tower of ["image", "text"])
      mkdirSync(join(path, `biovlm-${tower}-${fromBytes.digest.slice(7, 19)}.onnx`, "taken"), { recursive: true });
    const model = await loadModelFolder(path);
    expect(await model.graphs.image("file")).toMatchObject({ kind: "bytes" });
    expect((await embeddings(model)).image).toEqual(wanted.image);
    model.close();
  });

  it.each([
    ["fp16", 0.9999],
    ["int8", 0.999],
  ] as const)("in %s gives image embeddings of cosine ≥ %f to float32, and says its precision", async (precision, least) => {
    const path = folder(precision);
    const model = await loadModelFolder(path, { precision });
    const got = await embeddings(model);
    expect(got.encoder.capabilities.precision).toBe(precision);
    expect(got.image).not.toEqual(wanted.image);
    const cosine = leastCosine(got.image, wanted.image, model.spec.embedDim);
    console.log(`${precision}: least cosine of 3 images ${cosine.toFixed(6)}`);
    expect(cosine).toBeGreaterThanOrEqual(least);
    expect(leastCosine(got.text, wanted.text, model.spec.embedDim)).toBeGreaterThanOrEqual(0.9999);
    expect(model.digest).toBe(fromBytes.digest);
    model.close();
  });

  it("in memory as external data holds the same weights as inline", async () => {
    const inline = await fromBytes.graphs.image("inline");
    const buffers = await fromBytes.graphs.image("buffers");
    if (inline.kind !== "bytes" || buffers.kind !== "bytes") return expect.unreachable();
    const outside = buffers.externalData!.reduce((sum, d) => sum + d.data.length, 0);
    expect(buffers.model.length).toBeLessThan(inline.model.length / 4);
    expect(Math.abs(buffers.model.length + outside - inline.model.length)).toBeLessThan(inline.model.length / 20);
  });

  it("of a folder without its config, or of none, is refused by code", async () => {
    const path = folder("half");
    rmSync(join(path, "open_clip_config.json"));
    await expect(loadModelFolder(path)).rejects.toMatchObject({ code: "missing_file" });
    await expect(loadModelFolder(join(scratch, "nowhere"))).rejects.toBeInstanceOf(BiovlmError);
    expect(existsSync(join(scratch, "nowhere"))).toBe(false);
    await expect(loadModel({ ...bytes, weights: bytes.weights.subarray(0, 5000) }, { name: "cut" })).rejects.toBeInstanceOf(BiovlmError);
  });
});
