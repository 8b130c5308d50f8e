// The embedded model in Node: read from this package's own files, checked, loaded as any other model.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { loadModel, type Model, ModelError, type ModelOptions } from "@biovlm/model";
import { TINY, TINY_WEIGHTS_SHA256, tinyModelUrls } from "../index.js";

export * from "../index.js";

/**
 * Loads the embedded model.
 * @throws ModelError `integrity` when the package's weights file is damaged
 * @example const model = await tinyModel();
 */
export async function tinyModel(options: Pick<ModelOptions, "precision"> = {}): Promise<Model> {
  const urls = tinyModelUrls();
  const [weights, openClipConfig, tokenizerJson] = await Promise.all([
    readFile(urls.weights),
    readFile(urls.openClipConfig, "utf8"),
    readFile(urls.tokenizerJson, "utf8"),
  ]);
  const sha256 = createHash("sha256").update(weights).digest("hex");
  if (sha256 !== TINY_WEIGHTS_SHA256) {
    throw new ModelError(
      "integrity",
      `embedded model — expected weights of sha256 ${TINY_WEIGHTS_SHA256}, got ${sha256}. Install @biovlm/model-tiny again.`,
    );
  }
  const texts = { "open_clip_config.json": openClipConfig, "tokenizer.json": tokenizerJson };
  return loadModel({ weights, texts }, { ...options, name: TINY });
}
