// Other key layouts of the same weights, as BiomedCLIP's own (open_clip) layout: what training scripts wrap around names, and transformers'
// names: those of its CLIP classes, and those of its ViT and BERT classes. A pure renaming: the only tensor that is made of others is attn.qkv,
// the q, k and v rows one below the other. Names with no counterpart are refused, never guessed at. Weights are read when asked for.

import { quoted } from "@biovlm/files";
import { elementCount } from "@biovlm/graph";
import { ModelError } from "../../contract/errors.js";
import { type StateDict, stateDictOf, type WeightTensor } from "../../weights/state-dict.js";
import { imageKey, isIgnoredKey, LOGIT_SCALE } from "./keys.js";

/** Patterns of transformers' names → open_clip's; `$1` is the layer, `$2` weight or bias. */
const RENAMES: readonly (readonly [RegExp, string])[] = [
  [/^vision_model\.embeddings\.class_embedding$/, "visual.trunk.cls_token"],
  [/^vision_model\.embeddings\.position_embedding\.weight$/, "visual.trunk.pos_embed"],
  [/^vision_model\.embeddings\.patch_embedding\.(weight|bias)$/, "visual.trunk.patch_embed.proj.$1"],
  [/^vision_model\.encoder\.layers\.(\d+)\.layer_norm([12])\.(weight|bias)$/, "visual.trunk.blocks.$1.norm$2.$3"],
  [/^vision_model\.encoder\.layers\.(\d+)\.self_attn\.out_proj\.(weight|bias)$/, "visual.trunk.blocks.$1.attn.proj.$2"],
  [/^vision_model\.encoder\.layers\.(\d+)\.mlp\.fc([12])\.(weight|bias)$/, "visual.trunk.blocks.$1.mlp.fc$2.$3"],
  [/^vision_model\.post_layernorm\.(weight|bias)$/, "visual.trunk.norm.$1"],
  [/^visual_projection\.weight$/, "visual.head.proj.weight"],
  [/^text_model\.embeddings\.token_embedding\.weight$/, "text.transformer.embeddings.word_embeddings.weight"],
  [/^text_model\.embeddings\.position_embedding\.weight$/, "text.transformer.embeddings.position_embeddings.weight"],
  [/^text_model\.embeddings\.token_type_embedding\.weight$/, "text.transformer.embeddings.token_type_embeddings.weight"],
  [/^text_model\.embeddings\.layer_norm\.(weight|bias)$/, "text.transformer.embeddings.LayerNorm.$1"],
  [/^text_model\.encoder\.layers\.(\d+)\.self_attn\.q_proj\.(weight|bias)$/, "text.transformer.encoder.layer.$1.attention.self.query.$2"],
  [/^text_model\.encoder\.layers\.(\d+)\.self_attn\.k_proj\.(weight|bias)$/, "text.transformer.encoder.layer.$1.attention.self.key.$2"],
  [/^text_model\.encoder\.layers\.(\d+)\.self_attn\.v_proj\.(weight|bias)$/, "text.transformer.encoder.layer.$1.attention.self.value.$2"],
  [
    /^text_model\.encoder\.layers\.(\d+)\.self_attn\.out_proj\.(weight|bias)$/,
    "text.transformer.encoder.layer.$1.attention.output.dense.$2",
  ],
  [/^text_model\.encoder\.layers\.(\d+)\.layer_norm1\.(weight|bias)$/, "text.transformer.encoder.layer.$1.attention.output.LayerNorm.$2"],
  [/^text_model\.encoder\.layers\.(\d+)\.mlp\.fc1\.(weight|bias)$/, "text.transformer.encoder.layer.$1.intermediate.dense.$2"],
  [/^text_model\.encoder\.layers\.(\d+)\.mlp\.fc2\.(weight|bias)$/, "text.transformer.encoder.layer.$1.output.dense.$2"],
  [/^text_model\.encoder\.layers\.(\d+)\.layer_norm2\.(weight|bias)$/, "text.transformer.encoder.layer.$1.output.LayerNorm.$2"],
  [/^text_projection\.fc1\.weight$/, "text.proj.0.weight"],
  [/^text_projection\.fc2\.weight$/, "text.proj.2.weight"],
  [/^logit_scale$/, "logit_scale"],
  // ViT and BERT classes
  [/^vision_model\.embeddings\.cls_token$/, "visual.trunk.cls_token"],
  [/^vision_model\.embeddings\.position_embeddings$/, "visual.trunk.pos_embed"],
  [/^vision_model\.embeddings\.patch_embeddings\.projection\.(weight|bias)$/, "visual.trunk.patch_embed.proj.$1"],
  [/^vision_model\.encoder\.layer\.(\d+)\.layernorm_before\.(weight|bias)$/, "visual.trunk.blocks.$1.norm1.$2"],
  [/^vision_model\.encoder\.layer\.(\d+)\.layernorm_after\.(weight|bias)$/, "visual.trunk.blocks.$1.norm2.$2"],
  [/^vision_model\.encoder\.layer\.(\d+)\.attention\.output\.dense\.(weight|bias)$/, "visual.trunk.blocks.$1.attn.proj.$2"],
  [/^vision_model\.encoder\.layer\.(\d+)\.intermediate\.dense\.(weight|bias)$/, "visual.trunk.blocks.$1.mlp.fc1.$2"],
  [/^vision_model\.encoder\.layer\.(\d+)\.output\.dense\.(weight|bias)$/, "visual.trunk.blocks.$1.mlp.fc2.$2"],
  [/^vision_model\.layernorm\.(weight|bias)$/, "visual.trunk.norm.$1"],
  [
    /^text_model\.(embeddings\.(?:word|position|token_type)_embeddings\.weight|embeddings\.LayerNorm\.(?:weight|bias))$/,
    "text.transformer.$1",
  ],
  [/^text_model\.(encoder\.layer\.\d+\..+)$/, "text.transformer.$1"],
  [/^text_projection\.([02])\.weight$/, "text.proj.$1.weight"],
];
/** Buffers that older transformers saved, and poolers that no tower uses. */
const BUFFER = /^(?:vision_model|text_model)\.(?:embeddings\.(?:position_ids|token_type_ids)$|pooler\.)/;
const QKV =
  /^vision_model\.encoder\.(?:layers\.(\d+)\.self_attn\.([qkv])_proj|layer\.(\d+)\.attention\.attention\.(query|key|value))\.(weight|bias)$/;
/** What DistributedDataParallel, torch.compile and training modules put before every name. */
const WRAPPERS = ["module.", "_orig_mod.", "model."];

/** Which layout a checkpoint with these keys is in. */
export function layoutOf(keys: readonly string[]): "open_clip" | "transformers" | "unknown" {
  const { names } = unwrapped(keys);
  if (names.some((n) => n.startsWith("visual.trunk."))) return "open_clip";
  return names.some((n) => /^vision_model\.encoder\.layers?\./.test(n)) ? "transformers" : "unknown";
}

/**
 * The same weights under BiomedCLIP's own names; keys that no tower uses are left out. Weights that are in that layout already come back with
 * their `external` places untouched.
 * @throws ModelError `unknown_key` for a transformers name with no counterpart; `missing_key` for q, k or v without the others;
 * `unsupported_model` for names of neither layout.
 */
export function openClipLayout(weights: StateDict): StateDict {
  const layout = layoutOf(weights.keys());
  const { prefix } = unwrapped(weights.keys());
  if (layout === "unknown") {
    const some = weights.keys().slice(0, 3).map(quoted).join(", ") || "no tensors";
    throw new ModelError(
      "unsupported_model",
      `weights — expected visual.trunk.* or vision_model.* tensors, got ${some}. Only ViT/BERT dual encoders are read.`,
    );
  }
  const tensors = new Map<string, WeightTensor>();
  const split = new Map<string, Map<string, WeightTensor>>();
  for (const key of weights.keys()) {
    const name = key.slice(prefix.length);
    if (layout === "open_clip") {
      if (!isIgnoredKey(name)) tensors.set(name, asScalar(name, weights.get(key)));
      continue;
    }
    if (BUFFER.test(name)) continue;
    const part = QKV.exec(name);
    if (part !== null) {
      const whole = `visual.trunk.blocks.${part[1] ?? part[3]}.attn.qkv.${part[5]}`;
      const parts = split.get(whole) ?? new Map<string, WeightTensor>();
      split.set(whole, parts.set((part[2] ?? part[4] ?? "").slice(0, 1), weights.get(key)));
      continue;
    }
    const rename = RENAMES.find(([pattern]) => pattern.test(name));
    if (rename === undefined) {
      throw new ModelError(
        "unknown_key",
        `weights — expected only tensors of this model, got ${quoted(name)}. Check that the file is BiomedCLIP in transformers' layout.`,
      );
    }
    const renamed = name.replace(rename[0], rename[1]);
    if (tensors.has(renamed)) {
      throw new ModelError("unknown_key", `weights — expected one tensor for ${quoted(renamed)}, got ${quoted(name)} too. Check the file.`);
    }
    tensors.set(renamed, withLeadingOnes(renamed, asScalar(renamed, weights.get(key))));
  }
  for (const [name, parts] of split) tensors.set(name, stacked(name, parts));
  return stateDictOf(tensors, weights.metadata);
}

function unwrapped(keys: readonly string[]): { prefix: string; names: readonly string[] } {
  let prefix = "";
  let names = keys;
  for (;;) {
    const wrapper = WRAPPERS.find((w) => names.length > 0 && names.every((n) => n.startsWith(w)));
    if (wrapper === undefined) return { prefix, names };
    prefix += wrapper;
    names = names.map((n) => n.slice(wrapper.length));
  }
}

/** The logit scale is a scalar, however it is stored. */
function asScalar(name: string, tensor: WeightTensor): WeightTensor {
  return name === LOGIT_SCALE && tensor.shape.length > 0 && elementCount(tensor.shape) === 1 ? { ...tensor, shape: [] } : tensor;
}

/** transformers drops the batch axes of two tables: [W] → [1,1,W], [1+patches,W] → [1,1+patches,W]. Shapes that do not fit are left for the spec to refuse. */
function withLeadingOnes(name: string, tensor: WeightTensor): WeightTensor {
  const rank = name === imageKey("class_token") || name === imageKey("positions") ? 3 : tensor.shape.length;
  const ones = Array<number>(Math.max(0, rank - tensor.shape.length)).fill(1);
  return ones.length === 0 ? tensor : { ...tensor, shape: [...ones, ...tensor.shape] };
}

function stacked(name: string, parts: ReadonlyMap<string, WeightTensor>): WeightTensor {
  const [q, k, v] = ["q", "k", "v"].map((p) => parts.get(p));
  if (q === undefined || k === undefined || v === undefined) {
    throw new ModelError(
      "missing_key",
      `weights ${name} — expected q_proj, k_proj and v_proj, got ${[...parts.keys()].join(", ")}. Check that this is the whole model.`,
    );
  }
  const whole = [q, k, v];
  const [rows, ...rest] = q.shape;
  if (rows === undefined || whole.some((t) => t.shape.join() !== q.shape.join())) {
    throw new ModelError(
      "shape_mismatch",
      `weights ${name} — expected q, k and v of one shape, got ${whole.map((t) => `[${t.shape.join(", ")}]`).join(", ")}. Check the file.`,
    );
  }
  const bytes = () => {
    const out = new Uint8Array(3 * q.byteLength);
    whole.forEach((t, i) => {
      out.set(t.bytes(), i * q.byteLength);
    });
    return out;
  };
  return { dtype: "float32", storedAs: q.storedAs, shape: [3 * rows, ...rest], byteLength: 3 * q.byteLength, bytes };
}
