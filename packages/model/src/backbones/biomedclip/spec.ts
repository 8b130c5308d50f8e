// The sizes of a BiomedCLIP-shaped dual encoder, read from tensor shapes and the open_clip config, and what its weights must then be.
// No sizes are assumed: any ViT with a class token and any BERT with a two-layer projection will do. No weights are read but logit_scale.

import { parseStrictJson, quoted } from "@biovlm/files";
import { elementCount } from "@biovlm/graph";
import { ModelError, printShape } from "../../contract/errors.js";
import type { ModelSpec, TextSpec, VisionSpec } from "../../contract/model-spec.js";
import { textTowerShapes } from "../../towers/bert.js";
import { imageTowerShapes } from "../../towers/vit.js";
import type { StateDict } from "../../weights/state-dict.js";
import { imageKey, isIgnoredKey, LOGIT_SCALE, textKey } from "./keys.js";

/** Larger numbers of layers than any such model has; a file's key names alone must not size anything. */
const MAX_LAYERS = 256;
const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073] as const;
const CLIP_STD = [0.26862954, 0.26130258, 0.27577711] as const;

/** What stands before the number of a layer. */
const BLOCK = imageKey("blocks.0.norm1.weight").replace(/0\..*$/, "");
const LAYER = textKey("layers.0.query.weight").replace(/0\..*$/, "");

/**
 * Name → shape of every tensor that a model of this spec has, in BiomedCLIP's key layout ([out, in] for linear weights).
 * The one table behind the checks here, the layout conversions and the random weights of the tests.
 */
export function expectedShapes(spec: Omit<ModelSpec, "logitScale" | "mean" | "std">, tokenTypes = 2): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>([[LOGIT_SCALE, []]]);
  for (const [name, shape] of imageTowerShapes(spec)) shapes.set(imageKey(name), shape);
  for (const [name, shape] of textTowerShapes(spec, tokenTypes)) shapes.set(textKey(name), shape);
  return shapes;
}

/**
 * Reads the spec of a model from its weights (in BiomedCLIP's key layout, see {@link openClipLayout}) and its configs, and checks every tensor.
 * Head counts: metadata `v_heads`, `t_heads`, else `config.json` (the same keys, or transformers' `num_attention_heads` per tower), else 12 at width 768.
 * @param openClipConfig open_clip_config.json, as text or parsed.
 * @param configJson a config.json beside the weights, as text or parsed.
 * @throws ModelError `missing_key`, `unknown_key`, `shape_mismatch`, `missing_head_counts`, `malformed_config`, `unsupported_model`.
 * @example const spec = readSpec(safetensorsStateDict(openSafetensors(bytes)), await readFile("open_clip_config.json", "utf8"));
 */
export function readSpec(weights: StateDict, openClipConfig: unknown, { configJson }: { readonly configJson?: unknown } = {}): ModelSpec {
  const config = parsed(openClipConfig, "open_clip_config.json");
  const keys = weights.keys().filter((k) => !isIgnoredKey(k));
  const shape = shapeReader(weights);
  const [width, , patchSize] = shape(imageKey("patches.weight"), 4);
  const [, tokens] = shape(imageKey("positions"), 3);
  const [vocabularyRows, textWidth] = shape(textKey("words"), 2);
  const grid = Math.round(Math.sqrt(tokens - 1));
  if (patchSize < 1 || grid < 1 || grid * grid + 1 !== tokens) {
    throw new ModelError(
      "unsupported_model",
      `${imageKey("positions")} — expected a class token and a square grid of patches, got ${printShape(weights.get(imageKey("positions")).shape)}. Only square ViT with a class token are read.`,
    );
  }
  const heads = headCounts(weights, parsed(configJson, "config.json"), width, textWidth);
  const vision: VisionSpec = {
    imageSize: grid * patchSize,
    patchSize,
    width,
    layers: layerCount(keys, BLOCK),
    heads: heads.vision,
    mlp: shape(imageKey("blocks.0.fc1.weight"), 2)[0],
  };
  const [maxPositions] = shape(textKey("positions"), 2);
  const text: TextSpec = {
    vocabularyRows,
    maxPositions,
    contextLength: contextLength(config, maxPositions),
    width: textWidth,
    layers: layerCount(keys, LAYER),
    heads: heads.text,
    mlp: shape(textKey("layers.0.fc1.weight"), 2)[0],
    projectionHidden: shape(textKey("projection.0.weight"), 2)[0],
  };
  const sizes = { vision, text, embedDim: shape(imageKey("projection.weight"), 2)[0] };
  checkTensors(weights, keys, expectedShapes(sizes, shape(textKey("types"), 2)[0]));
  checkConfig(config, sizes);
  return { ...sizes, logitScale: logitScale(weights), ...preprocessing(config) };
}

type Config = { readonly [key: string]: unknown };

const isObject = (value: unknown): value is Config => typeof value === "object" && value !== null && !Array.isArray(value);

function configError(message: string): ModelError {
  return new ModelError("malformed_config", `${message} Get the model's own config.`);
}

function parsed(config: unknown, name: string): Config {
  const value = typeof config === "string" ? parseStrictJson(config, name, { code: "malformed_config" }) : (config ?? {});
  if (!isObject(value)) throw configError(`${name} — expected an object.`);
  return value;
}

/** The object below a path of keys, or an empty one. */
function section(config: Config, ...path: string[]): Config {
  let at: unknown = config;
  for (const key of path) at = isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  return isObject(at) ? at : {};
}

/** Sizes of a tensor of so many axes. */
type Sizes<Rank extends 2 | 3 | 4> = { 2: [number, number]; 3: [number, number, number]; 4: [number, number, number, number] }[Rank];

function shapeReader(weights: StateDict): <Rank extends 2 | 3 | 4>(name: string, rank: Rank) => Readonly<Sizes<Rank>> {
  const hasRank = <Rank extends 2 | 3 | 4>(shape: readonly number[], rank: Rank): shape is Sizes<Rank> =>
    shape.length === rank && shape.every((d) => d >= 1);
  return (name, rank) => {
    const { shape } = weights.get(name);
    if (!hasRank(shape, rank)) {
      throw new ModelError(
        "shape_mismatch",
        `weights ${name} — expected ${rank} sizes of at least 1, got ${printShape(shape)}. Check the file.`,
      );
    }
    return shape;
  };
}

function layerCount(keys: readonly string[], prefix: string): number {
  let count = 0;
  for (const key of keys) {
    const index = key.startsWith(prefix) ? /^(0|[1-9]\d{0,8})\./.exec(key.slice(prefix.length)) : null;
    if (index !== null) count = Math.max(count, Number(index[1]) + 1);
  }
  if (count > MAX_LAYERS) {
    throw new ModelError(
      "unsupported_model",
      `weights ${prefix}* — expected at most ${MAX_LAYERS} layers, got index ${count - 1}. Check the file.`,
    );
  }
  return count;
}

function checkTensors(weights: StateDict, keys: readonly string[], expected: ReadonlyMap<string, readonly number[]>): void {
  const listed = (names: readonly string[]) =>
    names.slice(0, 5).map(quoted).join(", ") + (names.length > 5 ? ` and ${names.length - 5} more` : "");
  const unknown = keys.filter((k) => !expected.has(k));
  if (unknown.length > 0) {
    throw new ModelError(
      "unknown_key",
      `weights — expected only tensors of this model, got ${listed(unknown)}. Check that the file is a BiomedCLIP-shaped model.`,
    );
  }
  const missing = [...expected.keys()].filter((k) => !weights.has(k));
  if (missing.length > 0) {
    throw new ModelError(
      "missing_key",
      `weights — expected ${expected.size} tensors, got none for ${listed(missing)}. Check that this is the whole model.`,
    );
  }
  for (const [name, shape] of expected) {
    const got = weights.get(name).shape;
    const fits = name === LOGIT_SCALE ? elementCount(got) === 1 : got.join() === shape.join();
    if (!fits)
      throw new ModelError("shape_mismatch", `weights ${name} — expected ${printShape(shape)}, got ${printShape(got)}. Check the file.`);
  }
}

function headCounts(weights: StateDict, config: Config, visionWidth: number, textWidth: number): { vision: number; text: number } {
  const of = (key: "v_heads" | "t_heads", tower: string, width: number): number => {
    const written = weights.metadata[key];
    const named = Object.hasOwn(config, key) ? config[key] : section(config, tower)["num_attention_heads"];
    const known = visionWidth === 768 && textWidth === 768 ? 12 : undefined;
    const heads = written !== undefined ? Number(written) : (named ?? known);
    if (heads === undefined) {
      throw new ModelError(
        "missing_head_counts",
        `head counts — expected v_heads and t_heads in the safetensors metadata or in a config.json beside the weights, got neither, ` +
          `and widths ${visionWidth} and ${textWidth} are not BiomedCLIP's. Write a config.json such as {"v_heads": 12, "t_heads": 12}.`,
      );
    }
    if (!Number.isSafeInteger(heads) || (heads as number) < 1 || width % (heads as number) !== 0) {
      throw configError(`${key} — expected a divisor of the width ${width}, got ${quoted(String(heads))}.`);
    }
    return heads as number;
  };
  return { vision: of("v_heads", "vision_config", visionWidth), text: of("t_heads", "text_config", textWidth) };
}

function contextLength(config: Config, maxPositions: number): number {
  const length = section(config, "model_cfg", "text_cfg")["context_length"];
  if (!Number.isSafeInteger(length) || (length as number) < 3 || (length as number) > maxPositions) {
    const got = length === undefined ? "none" : quoted(String(length));
    throw configError(
      `open_clip_config.json model_cfg.text_cfg.context_length — expected 3 to ${maxPositions} (the position table), got ${got}.`,
    );
  }
  return length as number;
}

/** Refuses configs that ask for another architecture than the towers compute, or that contradict the weights. */
function checkConfig(config: Config, { vision, embedDim }: Pick<ModelSpec, "vision" | "text" | "embedDim">): void {
  const model = section(config, "model_cfg");
  const pictures = section(model, "vision_cfg");
  const text = section(model, "text_cfg");
  const preprocess = section(config, "preprocess_cfg");
  const allow = (where: Config, key: string, path: string, ...allowed: unknown[]) => {
    const value = where[key];
    if (value === undefined || value === null || allowed.includes(value)) return;
    throw new ModelError(
      "unsupported_model",
      `open_clip_config.json ${path}${key} — expected ${allowed.map((a) => JSON.stringify(a)).join(" or ")}, got ${quoted(String(value))}. This architecture is not computed here.`,
    );
  };
  allow(model, "embed_dim", "model_cfg.", embedDim);
  allow(model, "quick_gelu", "model_cfg.", false);
  const { image_size: size } = pictures;
  if (!Array.isArray(size) || size.length !== 2 || size.some((s) => s !== vision.imageSize))
    allow(pictures, "image_size", "model_cfg.vision_cfg.", vision.imageSize);
  allow(pictures, "timm_pool", "model_cfg.vision_cfg.", "", "token");
  allow(pictures, "timm_proj", "model_cfg.vision_cfg.", "linear");
  allow(pictures, "timm_proj_bias", "model_cfg.vision_cfg.", false);
  allow(text, "hf_proj_type", "model_cfg.text_cfg.", "mlp");
  allow(text, "proj_type", "model_cfg.text_cfg.", "mlp");
  allow(text, "hf_pooler_type", "model_cfg.text_cfg.", "cls_last_hidden_state_pooler");
  allow(text, "pooler_type", "model_cfg.text_cfg.", "cls_last_hidden_state_pooler");
  allow(preprocess, "interpolation", "preprocess_cfg.", "bicubic");
  allow(preprocess, "resize_mode", "preprocess_cfg.", "shortest");
}

function preprocessing(config: Config): Pick<ModelSpec, "mean" | "std"> {
  const triple = (key: "mean" | "std", fallback: readonly [number, number, number]) => {
    const value = section(config, "preprocess_cfg")[key];
    if (value === undefined) return fallback;
    const usable = Array.isArray(value) && value.length === 3 && value.every((x) => Number.isFinite(x) && (key === "mean" || x > 0));
    if (!usable)
      throw configError(`open_clip_config.json preprocess_cfg.${key} — expected three ${key === "std" ? "positive " : ""}numbers.`);
    return value as unknown as readonly [number, number, number];
  };
  return { mean: triple("mean", CLIP_MEAN), std: triple("std", CLIP_STD) };
}

function logitScale(weights: StateDict): number {
  const bytes = weights.get(LOGIT_SCALE).bytes();
  const value = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat32(0, true);
  if (!(Math.abs(value) < 20)) {
    throw new ModelError(
      "unsupported_model",
      `weights logit_scale — expected the logarithm of a scale, between -20 and 20, got ${value}. Check the file.`,
    );
  }
  return value;
}
