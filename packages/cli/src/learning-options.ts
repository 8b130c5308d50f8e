// Options and small decisions that train, eval and sweep share: recipe, views, seeds, caches, which data set and which of its images.

import { join, resolve } from "node:path";
import type { OpenedDataset } from "@biovlm/datasets";
import type { Decode, TaskSource } from "@biovlm/evaluation";
import type { KeyedBytes, Recipe } from "@biovlm/training";
import { reportError, usageError } from "./errors.js";
import { INPUT_LIMITS, readInputText } from "./input-file.js";
import type { Terminal } from "./terminal.js";

export const LEARNING_OPTIONS = {
  recipe: {
    type: "choice",
    choices: ["biovlm", "biovlm-golden", "released"],
    default: "biovlm",
    setting: true,
    description: "the recipe; docs/recipe.md says what is in it",
  },
  set: { type: "text", many: true, value: "NAME=VALUE", description: "change an option of the recipe, e.g. --set epochs=20" },
  views: {
    type: "choice",
    choices: ["bank", "fresh"],
    default: "bank",
    setting: true,
    description: "bank: views of each image embedded once; fresh: new views at every step, as in the paper",
  },
  viewsPerImage: { type: "integer", min: 1, max: 1024, default: 8, setting: true, description: "views of each image with --views bank" },
  attributes: {
    type: "text",
    value: "FILE",
    completes: "file",
    description: "attribute sentences of the classes; see attributes generate",
  },
  data: { type: "text", value: "DIR", completes: "folder", setting: true, description: "folder with known data sets" },
  cache: {
    type: "choice",
    choices: ["on", "off"],
    default: "on",
    setting: true,
    description: "keep embeddings (not images) in the cache folder",
  },
} as const;

export interface LearningOptions {
  readonly recipe: string;
  readonly set: readonly string[];
  readonly views: string;
  readonly viewsPerImage: number;
  readonly attributes: string | undefined;
  readonly data: string | undefined;
  readonly cache: string;
}

/** NAME=VALUE pairs. Throws CliError `bad_value`. */
export function settingsOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) throw usageError("bad_value", `--set — expected NAME=VALUE, got ${JSON.stringify(pair)}`);
      return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    }),
  );
}

/** The recipe with its changes. */
export async function recipeOf(options: Pick<LearningOptions, "recipe" | "set">): Promise<Recipe> {
  const { RECIPES, recipeWith } = await import("@biovlm/training");
  return recipeWith(RECIPES[options.recipe as keyof typeof RECIPES], settingsOf(options.set));
}

export function viewsOf(options: Pick<LearningOptions, "views" | "viewsPerImage">): "fresh" | number {
  return options.views === "fresh" ? "fresh" : options.viewsPerImage;
}

/** The cache of embeddings, or none. A folder that cannot be read or written is a warning: everything in it can be computed again. */
export async function cacheOf(options: Pick<LearningOptions, "cache">, terminal: Terminal): Promise<KeyedBytes | undefined> {
  if (options.cache === "off") return undefined;
  const [{ dataFolders, fileStore }, { expendable }] = await Promise.all([import("@biovlm/files/node"), import("@biovlm/training")]);
  return expendable(fileStore(join(dataFolders().cache, "embeddings")), (error) =>
    terminal.warn(`embeddings are not kept for the next run: ${reportError(error).message}`),
  );
}

/** States of stopped runs. Where they cannot be kept, a stopped run starts afresh; the result is the same. */
export async function checkpointsOf(terminal: Terminal): Promise<KeyedBytes & { delete(key: string): Promise<void> }> {
  const [{ dataFolders, fileStore }, { expendable }] = await Promise.all([import("@biovlm/files/node"), import("@biovlm/training")]);
  const store = fileStore(join(dataFolders().cache, "checkpoints"));
  const kept = expendable(store, (error) => terminal.warn(`the run cannot be resumed if it is stopped: ${reportError(error).message}`));
  return { ...kept, delete: (key) => store.delete(key).catch(() => {}) };
}

/** Decodes data sets' files. */
export async function fileDecoder(): Promise<Decode> {
  const { decodeImage } = await import("@biovlm/imaging/node");
  return (bytes) => decodeImage(bytes);
}

/** A data set by name or folder, with its attributes and the care that the embedded model asks for. */
export async function openSource(
  given: string,
  options: Pick<LearningOptions, "attributes" | "data">,
  model: string,
  cwd: string,
): Promise<TaskSource & { readonly dataset: OpenedDataset; readonly notes: readonly string[] }> {
  const [{ parseAttributeSet }, { openDataset }, { SEEN_WITH_LABELS }] = await Promise.all([
    import("@biovlm/datasets"),
    import("@biovlm/datasets/node"),
    import("@biovlm/model-tiny"),
  ]);
  const place = /[\\/]|^\.{1,2}$/.test(given) ? resolve(cwd, given) : given;
  const dataset = await openDataset(place, options.data === undefined ? {} : { root: resolve(cwd, options.data) });
  const attributes =
    options.attributes === undefined
      ? dataset.attributes
      : parseAttributeSet(await readInputText(cwd, options.attributes, INPUT_LIMITS.attributes));
  const odd = model === "tiny" && (SEEN_WITH_LABELS.evenTrain as readonly string[]).includes(dataset.name);
  const whole = model === "tiny" && (SEEN_WITH_LABELS.whole as readonly string[]).includes(dataset.name);
  return {
    dataset,
    ...(attributes === undefined ? {} : { attributes }),
    parity: odd ? "odd" : "all",
    notes: [
      ...dataset.notes,
      ...(odd
        ? [`the embedded model saw the even half of ${dataset.name}'s training images with labels: shots come from the odd half`]
        : []),
      ...(whole ? [`the embedded model saw ${dataset.name} with labels: figures on it are no test`] : []),
    ],
  };
}
