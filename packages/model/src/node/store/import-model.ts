// Files of a model, from anywhere → a staged model folder: weights as safetensors in BiomedCLIP's layout, float32, and what lies beside them.
// Torch checkpoints, transformers' names and half precision are converted tensor by tensor; a file that is already so is copied or linked.
// The staged files are then read back as a loader would: sizes, tensors and head counts must make a model, and give its digest.

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileFailure, sha256File, systemCode } from "@biovlm/files/node";
import type { ModelTexts } from "../../backbones/backbone.js";
import { readModel, recognise, requireFiles } from "../../backbones/load-model.js";
import { modelDigest } from "../../backbones/model-digest.js";
import { ModelError } from "../../contract/errors.js";
import type { ModelSpec } from "../../contract/model-spec.js";
import { layOutSafetensors, safetensorsChunks } from "../../weights/safetensors.js";
import { openWeightsFile, type WeightsFile } from "../weights-file.js";
import { SIDE_FILES, STORED_WEIGHTS } from "./model-files.js";
import type { ManifestFile } from "./model-manifest.js";
import type { SourceFiles } from "./model-source.js";
import { copyStaged, writeStaged } from "./model-staging.js";

export interface StageOptions {
  /** Share the disk blocks of files that are taken as they are. The store then sees changes that others make to them, and refuses them. */
  readonly link?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Told before each file that is copied, converted or read. */
  readonly onProgress?: (file: string) => void;
}

export interface StagedModel {
  readonly files: readonly ManifestFile[];
  /** sha256 of the weights file as it was, hex */
  readonly sourceSha256: string;
}

/** What a config or tokenizer may weigh: far more than any does. */
const MAX_SIDE_BYTES = 64e6;

/** Copies and converts. Rejects with `ModelError`: what the readers say, `missing_file`, or as `fileFailure`. */
export async function stageModel(source: SourceFiles, folder: string, options: StageOptions = {}): Promise<StagedModel> {
  const opened = openWeightsFile(source.weights);
  try {
    const files = await stageSides(source, folder, options);
    const texts = await sideTexts(folder);
    // refuses before hundreds of megabytes are copied
    requireFiles(recognise(opened.weights.keys(), texts), (file) => texts[file] !== undefined, source.weights);
    const weights = await stageWeights(source, opened, folder, texts, options);
    return { files: [...files, weights.file], sourceSha256: weights.sourceSha256 };
  } finally {
    opened.close();
  }
}

async function stageSides(source: SourceFiles, folder: string, options: StageOptions): Promise<ManifestFile[]> {
  const { signal } = options;
  const files: ManifestFile[] = [];
  for (const [name, path] of source.sides) {
    options.onProgress?.(name);
    const { size } = await stat(path).catch((error: unknown) => {
      throw fileFailure(error, `reading ${path}`);
    });
    if (size > MAX_SIDE_BYTES) {
      throw new ModelError(
        "malformed_config",
        `${path} — expected at most ${MAX_SIDE_BYTES / 1e6} MB, got ${Math.ceil(size / 1e6)} MB. Get it again.`,
      );
    }
    files.push(await copyStaged(folder, name, path, { signal }));
  }
  return files;
}

async function stageWeights(
  source: SourceFiles,
  opened: WeightsFile,
  folder: string,
  texts: ModelTexts,
  { link, signal, onProgress }: StageOptions,
): Promise<{ readonly file: ManifestFile; readonly sourceSha256: string }> {
  onProgress?.(STORED_WEIGHTS);
  const weights = recognise(opened.weights.keys(), texts).layout(opened.weights);
  const asTheyAre =
    opened.format === "safetensors" &&
    weights.keys().every((name) => opened.weights.has(name) && opened.weights.get(name).storedAs === "F32");
  if (asTheyAre) {
    const copied = await copyStaged(folder, STORED_WEIGHTS, source.weights, { hardLink: link === true, signal });
    return { file: copied, sourceSha256: copied.sha256 };
  }
  const { spec } = readModel(opened.weights, texts);
  const tensors = weights.keys().map((name) => {
    const tensor = weights.get(name);
    return { name, dtype: "F32" as const, shape: tensor.shape, bytes: () => tensor.bytes() };
  });
  const layout = layOutSafetensors(tensors, { v_heads: String(spec.vision.heads), t_heads: String(spec.text.heads) });
  const converted = await writeStaged(folder, STORED_WEIGHTS, safetensorsChunks(layout), signal);
  return { file: converted, sourceSha256: (await sha256File(source.weights, { signal })).sha256 };
}

/**
 * Reads a folder of the store's layout (weights in `model.safetensors`) as a loader does.
 * Rejects with `ModelError`: `missing_file`, what the readers and `readSpec` say, or as `fileFailure`.
 */
export async function inspectModel(folder: string): Promise<{ readonly spec: ModelSpec; readonly digest: string }> {
  const opened = openWeightsFile(join(folder, STORED_WEIGHTS));
  try {
    const { spec, weights } = readModel(opened.weights, await sideTexts(folder));
    return { spec, digest: await modelDigest(spec, weights) };
  } finally {
    opened.close();
  }
}

/** The texts of a staged or stored model, as many as there are. */
async function sideTexts(folder: string): Promise<ModelTexts> {
  const texts: Record<string, string> = {};
  for (const name of SIDE_FILES) {
    const path = join(folder, name);
    try {
      texts[name] = await readFile(path, "utf8");
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw fileFailure(error, `reading ${path}`);
    }
  }
  return texts;
}
