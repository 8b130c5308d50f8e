// Files of a model, from anywhere → a staged model folder: weights as safetensors in BiomedCLIP's layout, float32, and what lies beside them.
// Torch checkpoints, transformers' names and half precision are converted tensor by tensor; a file that is already so is copied or linked.
// The staged files are then read back as a loader would: sizes, tensors and head counts must make a model, and give its digest.

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileFailure, sha256File } from "@biovlm/files/node";
import { openClipLayout } from "../../backbones/hf-layout.js";
import { readSpec } from "../../backbones/spec.js";
import { ModelError } from "../../contract/errors.js";
import type { ModelSpec } from "../../contract/model-spec.js";
import { modelDigest } from "../../weights/model-digest.js";
import { layOutSafetensors, safetensorsChunks } from "../../weights/safetensors.js";
import { openWeightsFile } from "../weights-file.js";
import { STORED_WEIGHTS } from "./model-files.js";
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
  const { signal } = options;
  const files: ManifestFile[] = [];
  requireSides(source);
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
  options.onProgress?.(STORED_WEIGHTS);
  const opened = openWeightsFile(source.weights);
  try {
    const weights = openClipLayout(opened.weights);
    const asTheyAre =
      opened.format === "safetensors" &&
      weights.keys().every((name) => opened.weights.has(name) && opened.weights.get(name).storedAs === "F32");
    if (asTheyAre) {
      const copied = await copyStaged(folder, STORED_WEIGHTS, source.weights, { hardLink: options.link === true, signal });
      return { files: [...files, copied], sourceSha256: copied.sha256 };
    }
    const spec = readSpec(weights, await sideText(folder, "open_clip_config.json"), await configOption(folder));
    const tensors = weights.keys().map((name) => {
      const tensor = weights.get(name);
      return { name, dtype: "F32" as const, shape: tensor.shape, bytes: () => tensor.bytes() };
    });
    const layout = layOutSafetensors(tensors, { v_heads: String(spec.vision.heads), t_heads: String(spec.text.heads) });
    const converted = await writeStaged(folder, STORED_WEIGHTS, safetensorsChunks(layout), signal);
    return { files: [...files, converted], sourceSha256: (await sha256File(source.weights, { signal })).sha256 };
  } finally {
    opened.close();
  }
}

/**
 * Reads a folder of the store's layout (weights in `model.safetensors`) as a loader does.
 * Rejects with `ModelError`: `missing_file`, what the readers and `readSpec` say, or as `fileFailure`.
 */
export async function inspectModel(folder: string): Promise<{ readonly spec: ModelSpec; readonly digest: string }> {
  const config = await sideText(folder, "open_clip_config.json");
  const opened = openWeightsFile(join(folder, STORED_WEIGHTS));
  try {
    const weights = openClipLayout(opened.weights);
    const spec = readSpec(weights, config, await configOption(folder));
    return { spec, digest: await modelDigest(spec, weights) };
  } finally {
    opened.close();
  }
}

/** Refuses before hundreds of megabytes are copied. */
function requireSides(source: SourceFiles): void {
  const missing = (what: string) =>
    new ModelError("missing_file", `${source.weights} — expected ${what} beside it, got none. Copy the file of the same model there.`);
  if (!source.sides.has("open_clip_config.json")) throw missing("open_clip_config.json");
  if (!source.sides.has("tokenizer.json") && !source.sides.has("vocab.txt")) throw missing("tokenizer.json or vocab.txt");
}

async function sideText(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw fileFailure(error, `reading ${path}`);
  }
}

async function configOption(folder: string): Promise<{ configJson?: string }> {
  const text = await readFile(join(folder, "config.json"), "utf8").catch(() => undefined);
  return text === undefined ? {} : { configJson: text };
}
