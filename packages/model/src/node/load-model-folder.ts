// A model from a folder: weights stay in their file, and the small ONNX models that refer to them are put beside it where the folder can be
// written; elsewhere the towers are handed over with their weights inside.

import { lstat, readFile, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileFailure, writeFileAtomic } from "@biovlm/files/node";
import { assembleModel, type Model, type ModelOptions } from "../backbones/load-model.js";
import { ModelError } from "../contract/errors.js";
import { isInside } from "./artifact-check.js";
import { fileDigest } from "./kept-digest.js";
import { sourceFiles } from "./store/model-source.js";
import type { ModelStore } from "./store/model-store.js";
import { openWeightsFile } from "./weights-file.js";

/** A model whose weights are read from an open file. */
export interface FolderModel extends Model {
  /** Closes the weights file. Encoders opened before go on. Idempotent. */
  close(): void;
}

/** What a text beside the weights may weigh. */
const MAX_TEXT_BYTES = 64e6;

/**
 * Loads the model in a folder, or of a weights file with what lies beside it.
 * @throws ModelError `not_found`, `missing_file`, as the readers do, or as `fileFailure`
 * @example const model = await loadModelFolder("models/biomedclip", { precision: "int8" });
 */
export async function loadModelFolder(path: string, options: Partial<ModelOptions> = {}): Promise<FolderModel> {
  const source = await sourceFiles(path);
  const text = async (name: string): Promise<string | undefined> => {
    const file = source.sides.get(name);
    if (file === undefined) return undefined;
    try {
      const bytes = await readFile(file);
      if (bytes.length > MAX_TEXT_BYTES) {
        throw new ModelError("malformed_config", `${name} — expected at most ${MAX_TEXT_BYTES} bytes, got ${bytes.length}. Get it again.`);
      }
      return bytes.toString("utf8");
    } catch (error) {
      throw fileFailure(error, `reading ${file}`);
    }
  };
  const texts: Record<string, string> = {};
  for (const name of source.sides.keys()) {
    const read = await text(name);
    if (read !== undefined) texts[name] = read;
  }
  const opened = openWeightsFile(source.weights);
  let closed = false;
  const close = () => {
    if (!closed) opened.close();
    closed = true;
  };
  try {
    const model = await assembleModel(opened.weights, texts, {
      name: source.name,
      ...options,
      placeBeside: (name, bytes) => placeBeside(source.weights, name, bytes),
      digestOf: (read) => fileDigest(opened, read, { kept: options.kept }),
    });
    return { ...model, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Loads a verified model of the store by name. */
export async function loadStoredModel(
  store: ModelStore,
  name: string,
  options: Pick<ModelOptions, "precision" | "kept"> = {},
): Promise<FolderModel> {
  const { folder, manifest } = await store.open(name);
  return loadModelFolder(folder, { ...options, name, digest: manifest.digest });
}

/** Writes a model that refers to the weights beside it, unless the same is there; undefined where the folder cannot be written. */
async function placeBeside(weights: string, name: string, bytes: Uint8Array): Promise<string | undefined> {
  const folder = dirname(weights);
  const path = join(folder, basename(name));
  try {
    // a link that leads away (a hub cache's snapshot): runtimes refuse such data, so the weights go along
    if (!isInside(await realpath(folder), await realpath(weights))) return undefined;
    // a link or pipe of this name is none of ours: it is replaced, or the weights go along
    const present = (await lstat(path).catch(() => undefined))?.isFile() ? await readFile(path) : undefined;
    if (present === undefined || Buffer.compare(present, bytes) !== 0) await writeFileAtomic(path, bytes);
    return path;
  } catch {
    return undefined;
  }
}
