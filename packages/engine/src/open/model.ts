// From a model's name to the loaded model: the embedded one, a folder, or one of the store. Loaders are imported late.

import { stat } from "node:fs/promises";
import type { Model } from "@biovlm/model";
import { type ComputedStore, computedStore } from "./computed-store.js";
import type { OpeningSpec } from "./opening-spec.js";

/** An opened model and what lets its files go. `close` may be called once the encoder no longer needs the weights; the embedded model holds nothing open. */
export interface OpenModel {
  readonly model: Model;
  close(): void;
}

/** Opens a model's files: the embedded one, a folder's (anything with a path separator, or dots), or one of the store. @throws ModelError `not_found`, `integrity`, as the readers do. */
export async function openModel(
  { model: given, precision, maxCacheBytes }: OpeningSpec,
  kept: ComputedStore = computedStore(maxCacheBytes),
): Promise<OpenModel> {
  if (given === "tiny") {
    const { tinyModel } = await import("@biovlm/model-tiny/node");
    return { model: await tinyModel({ precision }), close() {} };
  }
  const { loadModelFolder, loadStoredModel, openModelStore } = await import("@biovlm/model/node");
  const model = isFolder(given)
    ? await loadModelFolder(given, { precision, kept })
    : await loadStoredModel(openModelStore(), given, { precision, kept });
  return { model, close: () => model.close() };
}

/** Bytes of a model's weights in their file. @throws ModelError `not_found`, `missing_file`, as the store does */
export async function weightBytes(given: string): Promise<number> {
  if (given === "tiny") {
    const { tinyModelUrls } = await import("@biovlm/model-tiny/node");
    return (await stat(tinyModelUrls().weights)).size;
  }
  const { openModelStore, sourceFiles } = await import("@biovlm/model/node");
  const { weights } = await sourceFiles(isFolder(given) ? given : (await openModelStore().open(given)).folder);
  return (await stat(weights)).size;
}

/** Whether a model's name is a path. */
export function isFolder(model: string): boolean {
  return /[\\/]/.test(model) || model === "." || model === "..";
}
