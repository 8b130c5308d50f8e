// Weights and configs → sizes; the same weights under other programs' names.

import { readFileSync } from "node:fs";
import { golden } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { layoutOf, openClipLayout } from "../../src/backbones/biomedclip/layout.js";
import { expectedShapes, readSpec } from "../../src/backbones/biomedclip/spec.js";
import { modelDigest } from "../../src/backbones/model-digest.js";
import { openSafetensors } from "../../src/weights/safetensors.js";
import { type StateDict, safetensorsStateDict, stateDictOf, type WeightTensor, weightTensor } from "../../src/weights/state-dict.js";

const tinyConfig = readFileSync(new URL("../../../model-tiny/files/open_clip_config.json", import.meta.url), "utf8");
const tiny = () =>
  safetensorsStateDict(
    openSafetensors(new Uint8Array(readFileSync(new URL("../../../model-tiny/files/model.safetensors", import.meta.url)))),
  );
const goldenWeights = () => safetensorsStateDict(openSafetensors(new Uint8Array(readFileSync(golden("tiny_a_model.safetensors")))));
const goldenConfig = { model_cfg: { embed_dim: 32, text_cfg: { context_length: 24 } } };
const coded = (code: string) => expect.objectContaining({ package: expect.stringMatching(/^(model|files|graph)$/), code });

/** The same state dict, changed. */
function changed(weights: StateDict, change: (tensors: Map<string, WeightTensor>) => void, metadata = weights.metadata): StateDict {
  const tensors = new Map(weights.keys().map((key) => [key, weights.get(key)]));
  change(tensors);
  return stateDictOf(tensors, metadata);
}
const reshaped = (tensor: WeightTensor, shape: readonly number[]): WeightTensor =>
  weightTensor({ dtype: "F32", shape, bytes: () => tensor.bytes() });

/** transformers' names of the same weights: its CLIP classes, or its ViT and BERT classes. */
function transformers(weights: StateDict, kind: "clip" | "vit-bert"): StateDict {
  const clip = kind === "clip";
  const block = clip ? "vision_model.encoder.layers" : "vision_model.encoder.layer";
  const pairs: [RegExp, string][] = [
    [/^visual\.trunk\.cls_token$/, `vision_model.embeddings.${clip ? "class_embedding" : "cls_token"}`],
    [/^visual\.trunk\.pos_embed$/, `vision_model.embeddings.${clip ? "position_embedding.weight" : "position_embeddings"}`],
    [/^visual\.trunk\.patch_embed\.proj\./, `vision_model.embeddings.${clip ? "patch_embedding." : "patch_embeddings.projection."}`],
    [/^visual\.trunk\.norm\./, `vision_model.${clip ? "post_layernorm" : "layernorm"}.`],
    [/^visual\.head\.proj\./, "visual_projection."],
    [/^visual\.trunk\.blocks\.(\d+)\.norm1\./, `${block}.$1.${clip ? "layer_norm1" : "layernorm_before"}.`],
    [/^visual\.trunk\.blocks\.(\d+)\.norm2\./, `${block}.$1.${clip ? "layer_norm2" : "layernorm_after"}.`],
    [/^visual\.trunk\.blocks\.(\d+)\.attn\.proj\./, `${block}.$1.${clip ? "self_attn.out_proj" : "attention.output.dense"}.`],
    [/^visual\.trunk\.blocks\.(\d+)\.mlp\.fc1\./, `${block}.$1.${clip ? "mlp.fc1" : "intermediate.dense"}.`],
    [/^visual\.trunk\.blocks\.(\d+)\.mlp\.fc2\./, `${block}.$1.${clip ? "mlp.fc2" : "output.dense"}.`],
    [/^text\.proj\.0\./, clip ? "text_projection.fc1." : "text_projection.0."],
    [/^text\.proj\.2\./, clip ? "text_projection.fc2." : "text_projection.2."],
  ];
  const bert: [RegExp, string][] = clip
    ? [
        [/embeddings\.word_embeddings\./, "embeddings.token_embedding."],
        [/embeddings\.(position|token_type)_embeddings\./, "embeddings.$1_embedding."],
        [/embeddings\.LayerNorm\./, "embeddings.layer_norm."],
        [/encoder\.layer\.(\d+)\.attention\.self\.query\./, "encoder.layers.$1.self_attn.q_proj."],
        [/encoder\.layer\.(\d+)\.attention\.self\.key\./, "encoder.layers.$1.self_attn.k_proj."],
        [/encoder\.layer\.(\d+)\.attention\.self\.value\./, "encoder.layers.$1.self_attn.v_proj."],
        [/encoder\.layer\.(\d+)\.attention\.output\.dense\./, "encoder.layers.$1.self_attn.out_proj."],
        [/encoder\.layer\.(\d+)\.attention\.output\.LayerNorm\./, "encoder.layers.$1.layer_norm1."],
        [/encoder\.layer\.(\d+)\.intermediate\.dense\./, "encoder.layers.$1.mlp.fc1."],
        [/encoder\.layer\.(\d+)\.output\.dense\./, "encoder.layers.$1.mlp.fc2."],
        [/encoder\.layer\.(\d+)\.output\.LayerNorm\./, "encoder.layers.$1.layer_norm2."],
      ]
    : [];
  const tensors = new Map<string, WeightTensor>();
  for (const key of weights.keys()) {
    const tensor = weights.get(key);
    const qkv = /^visual\.trunk\.blocks\.(\d+)\.attn\.qkv\.(weight|bias)$/.exec(key);
    if (qkv !== null) {
      const rows = tensor.shape[0]! / 3;
      const part = tensor.byteLength / 3;
      for (const [i, name] of (clip ? ["q", "k", "v"] : ["query", "key", "value"]).entries()) {
        const renamed = clip ? `${block}.${qkv[1]}.self_attn.${name}_proj` : `${block}.${qkv[1]}.attention.attention.${name}`;
        const bytes = () => tensor.bytes().slice(i * part, (i + 1) * part);
        tensors.set(`${renamed}.${qkv[2]}`, weightTensor({ dtype: "F32", shape: [rows, ...tensor.shape.slice(1)], bytes }));
      }
      continue;
    }
    let name = key;
    for (const [from, to] of pairs) name = name.replace(from, to);
    if (name.startsWith("text.transformer.")) {
      name = name.replace("text.transformer.", "text_model.");
      for (const [from, to] of bert) name = name.replace(from, to);
    }
    const flat = clip && /class_embedding|vision_model\.embeddings\.position_embedding/.test(name);
    tensors.set(name, flat ? reshaped(tensor, tensor.shape.slice(name.includes("class") ? 2 : 1)) : tensor);
  }
  if (clip)
    tensors.set("vision_model.embeddings.position_ids", weightTensor({ dtype: "I64", shape: [1, 17], bytes: () => new Uint8Array(136) }));
  return stateDictOf(tensors, weights.metadata);
}

describe("the sizes of a model", () => {
  it("come from its tensors, its config and its metadata, for both models at hand", () => {
    const spec = readSpec(goldenWeights(), goldenConfig);
    expect(spec.vision).toEqual({ imageSize: 32, patchSize: 8, width: 48, layers: 3, heads: 4, mlp: spec.vision.mlp });
    expect(spec.text).toMatchObject({
      vocabularyRows: 200,
      maxPositions: 64,
      contextLength: 24,
      width: 40,
      layers: 3,
      heads: 4,
      mlp: 80,
      projectionHidden: 36,
    });
    expect(spec.embedDim).toBe(32);
    const own = readSpec(tiny(), tinyConfig);
    expect(own.vision).toEqual({ imageSize: 64, patchSize: 8, width: 128, layers: 5, heads: 4, mlp: 384 });
    expect(own.text).toMatchObject({ contextLength: 64, width: 128, layers: 3, heads: 4, mlp: 384, maxPositions: 64 });
    expect([...expectedShapes(own).keys()].sort()).toEqual([...tiny().keys()].sort());
  });

  it("take head counts from metadata, else from config.json, else from BiomedCLIP's widths, else say where to write them", () => {
    const bare = changed(goldenWeights(), () => {}, {});
    expect(() => readSpec(bare, goldenConfig)).toThrow(coded("missing_head_counts"));
    expect(() => readSpec(bare, goldenConfig)).toThrow(/v_heads.*t_heads/);
    expect(readSpec(bare, goldenConfig, { configJson: '{"v_heads": 6, "t_heads": 2}' })).toMatchObject({
      vision: { heads: 6 },
      text: { heads: 2 },
    });
    const nested = { vision_config: { num_attention_heads: 4 }, text_config: { num_attention_heads: 5 } };
    expect(readSpec(bare, goldenConfig, { configJson: nested })).toMatchObject({ vision: { heads: 4 }, text: { heads: 5 } });
    for (const heads of [7, 0, -4, 1.5, "x", null, 1e9])
      expect(() => readSpec(bare, goldenConfig, { configJson: { v_heads: heads, t_heads: 4 } }), String(heads)).toThrow(
        expect.objectContaining({ package: "model" }),
      );
    expect(() =>
      readSpec(
        changed(bare, () => {}, { v_heads: "5", t_heads: "4" }),
        goldenConfig,
      ),
    ).toThrow(coded("malformed_config"));
  });

  it("are refused with the names of unknown keys, missing keys and wrong shapes; poolers and position ids are passed over", () => {
    const one = (shape: number[]) =>
      weightTensor({ dtype: "F32", shape, bytes: () => new Uint8Array(4 * shape.reduce((a, b) => a * b, 1)) });
    const read = (change: (tensors: Map<string, WeightTensor>) => void) => () => readSpec(changed(goldenWeights(), change), goldenConfig);
    expect(read((t) => t.set("visual.trunk.extra.weight", one([1])))).toThrow(coded("unknown_key"));
    expect(read((t) => t.set("visual.trunk.extra.weight", one([1])))).toThrow(/visual\.trunk\.extra\.weight/);
    expect(read((t) => t.delete("text.proj.2.weight"))).toThrow(/text\.proj\.2\.weight/);
    expect(read((t) => t.delete("visual.trunk.blocks.1.mlp.fc1.bias"))).toThrow(coded("missing_key"));
    expect(read((t) => t.set("visual.trunk.norm.bias", one([47])))).toThrow(coded("shape_mismatch"));
    expect(read((t) => t.set("visual.trunk.pos_embed", one([1, 18, 48])))).toThrow(coded("unsupported_model"));
    expect(read((t) => t.set("visual.trunk.blocks.999999999.norm1.bias", one([48])))).toThrow(coded("unsupported_model"));
    expect(
      read((t) => t.set("text.transformer.pooler.dense.bias", one([40])).set("text.transformer.embeddings.position_ids", one([1, 64]))),
    ).not.toThrow();
  });

  it("are refused where the config asks for another architecture, contradicts the weights or is none", () => {
    const configs: [unknown, string][] = [
      [{ model_cfg: { ...goldenConfig.model_cfg, embed_dim: 64 } }, "unsupported_model"],
      [{ model_cfg: { ...goldenConfig.model_cfg, quick_gelu: true } }, "unsupported_model"],
      [{ model_cfg: { ...goldenConfig.model_cfg, vision_cfg: { timm_pool: "avg" } } }, "unsupported_model"],
      [{ model_cfg: { ...goldenConfig.model_cfg, vision_cfg: { image_size: 224 } } }, "unsupported_model"],
      [{ model_cfg: { embed_dim: 32, text_cfg: { context_length: 65 } } }, "malformed_config"],
      [{ model_cfg: { embed_dim: 32 } }, "malformed_config"],
      [{ ...goldenConfig, preprocess_cfg: { std: [1, 0, 1] } }, "malformed_config"],
      ["{", "malformed_config"],
      ['{"model_cfg":{},"model_cfg":{}}', "malformed_config"],
      ["[]", "malformed_config"],
    ];
    for (const [config, code] of configs) expect(() => readSpec(goldenWeights(), config), JSON.stringify(config)).toThrow(coded(code));
  });
});

describe("weights under other names", () => {
  it.each(["clip", "vit-bert"] as const)(
    "of transformers' %s classes are the same model: same spec, same digest, same bytes",
    async (kind) => {
      const own = tiny();
      const other = transformers(own, kind);
      expect(layoutOf(other.keys())).toBe("transformers");
      const mapped = openClipLayout(other);
      expect([...mapped.keys()].sort()).toEqual([...own.keys()].sort());
      for (const key of own.keys()) {
        expect(mapped.get(key).shape, key).toEqual(own.get(key).shape);
        expect(Buffer.compare(mapped.get(key).bytes(), own.get(key).bytes()), key).toBe(0);
      }
      const spec = readSpec(mapped, tinyConfig);
      expect(spec).toEqual(readSpec(own, tinyConfig));
      expect(await modelDigest(spec, mapped)).toBe(await modelDigest(spec, own));
    },
  );

  it("lose the wrappers of training programs, one within the other, and keep their place in the file", () => {
    const bytes = new Uint8Array(readFileSync(golden("tiny_a_model.safetensors")));
    const own = safetensorsStateDict(openSafetensors(bytes), { location: "w.safetensors" });
    const wrapped = stateDictOf(new Map(own.keys().map((key) => [`module._orig_mod.${key}`, own.get(key)])), own.metadata);
    const plain = openClipLayout(wrapped);
    expect(plain.keys()).toEqual(own.keys());
    expect(plain.get("visual.trunk.norm.bias").external).toEqual(own.get("visual.trunk.norm.bias").external);
  });

  it("that have no counterpart, lack a part of q, k, v or stand twice are refused by name", () => {
    const other = transformers(tiny(), "clip");
    const one = weightTensor({ dtype: "F32", shape: [1], bytes: () => new Uint8Array(4) });
    expect(() => openClipLayout(changed(other, (t) => t.set("vision_model.pre_layrnorm.bias", one)))).toThrow(/pre_layrnorm/);
    expect(() => openClipLayout(changed(other, (t) => t.delete("vision_model.encoder.layers.0.self_attn.k_proj.weight")))).toThrow(
      coded("missing_key"),
    );
    expect(() => openClipLayout(changed(other, (t) => t.set("vision_model.encoder.layers.0.self_attn.k_proj.bias", one)))).toThrow(
      coded("shape_mismatch"),
    );
    expect(() => openClipLayout(changed(other, (t) => t.set("vision_model.embeddings.cls_token", one)))).toThrow(coded("unknown_key"));
    expect(() => openClipLayout(stateDictOf(new Map([["conv1.weight", one]])))).toThrow(coded("unsupported_model"));
    expect(() => openClipLayout(stateDictOf(new Map()))).toThrow(coded("unsupported_model"));
  });
});
