// BiomedCLIP's keys: what the checkpoint of open_clip calls each weight that a tower asks for by its own name.

import type { TowerWeights } from "../../weights/weight-view.js";

/** The towers' names → open_clip's keys; `$1` is the layer, `$2` weight or bias. */
const IMAGE_KEYS: readonly (readonly [RegExp, string])[] = [
  [/^class_token$/, "visual.trunk.cls_token"],
  [/^positions$/, "visual.trunk.pos_embed"],
  [/^patches\.(weight|bias)$/, "visual.trunk.patch_embed.proj.$1"],
  [/^blocks\.(\d+)\.(norm[12]\.(?:weight|bias))$/, "visual.trunk.blocks.$1.$2"],
  [/^blocks\.(\d+)\.qkv\.(weight|bias)$/, "visual.trunk.blocks.$1.attn.qkv.$2"],
  [/^blocks\.(\d+)\.output\.(weight|bias)$/, "visual.trunk.blocks.$1.attn.proj.$2"],
  [/^blocks\.(\d+)\.(fc[12]\.(?:weight|bias))$/, "visual.trunk.blocks.$1.mlp.$2"],
  [/^norm\.(weight|bias)$/, "visual.trunk.norm.$1"],
  [/^projection\.weight$/, "visual.head.proj.weight"],
];
const TEXT_KEYS: readonly (readonly [RegExp, string])[] = [
  [/^words$/, "text.transformer.embeddings.word_embeddings.weight"],
  [/^positions$/, "text.transformer.embeddings.position_embeddings.weight"],
  [/^types$/, "text.transformer.embeddings.token_type_embeddings.weight"],
  [/^norm\.(weight|bias)$/, "text.transformer.embeddings.LayerNorm.$1"],
  [/^layers\.(\d+)\.((?:query|key|value)\.(?:weight|bias))$/, "text.transformer.encoder.layer.$1.attention.self.$2"],
  [/^layers\.(\d+)\.output\.(weight|bias)$/, "text.transformer.encoder.layer.$1.attention.output.dense.$2"],
  [/^layers\.(\d+)\.output_norm\.(weight|bias)$/, "text.transformer.encoder.layer.$1.attention.output.LayerNorm.$2"],
  [/^layers\.(\d+)\.fc1\.(weight|bias)$/, "text.transformer.encoder.layer.$1.intermediate.dense.$2"],
  [/^layers\.(\d+)\.fc2\.(weight|bias)$/, "text.transformer.encoder.layer.$1.output.dense.$2"],
  [/^layers\.(\d+)\.fc_norm\.(weight|bias)$/, "text.transformer.encoder.layer.$1.output.LayerNorm.$2"],
  [/^projection\.0\.weight$/, "text.proj.0.weight"],
  [/^projection\.1\.weight$/, "text.proj.2.weight"],
];

/** The natural logarithm of the scale on cosines, a scalar. */
export const LOGIT_SCALE = "logit_scale";

/** What readers of checkpoints find besides weights: neither tower uses them. */
const IGNORED = /^text\.transformer\.(?:embeddings\.position_ids$|pooler\.)/;

/** True for keys that a checkpoint of this family may hold and that no tower uses. */
export function isIgnoredKey(key: string): boolean {
  return IGNORED.test(key);
}

/** The key of one of the image tower's weights. */
export const imageKey = (name: string): string => keyOf(IMAGE_KEYS, name);

/** The key of one of the text tower's weights. */
export const textKey = (name: string): string => keyOf(TEXT_KEYS, name);

/** A tower's view of a state dict: its own names over the checkpoint's keys. */
export function towerView(weights: TowerWeights, keyFor: (name: string) => string): TowerWeights {
  return { get: (name) => weights.get(keyFor(name)) };
}

function keyOf(table: readonly (readonly [RegExp, string])[], name: string): string {
  const row = table.find(([pattern]) => pattern.test(name));
  if (row === undefined)
    throw new RangeError(`weight ${name} — expected one of the towers' names. This is a fault of the program: report it.`);
  return name.replace(row[0], row[1]);
}
