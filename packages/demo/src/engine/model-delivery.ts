// A model's files into the worker: from the page's server through the page's store (checked, resumed, kept), or from files a person picked.

import { deliverFile } from "@biovlm/backend-web";
import type { ByteStore } from "@biovlm/files";
import type { ModelFiles } from "@biovlm/model";
import type { ModelSource, OfferedFile } from "./protocol.js";

export interface DeliveredModel {
  readonly files: ModelFiles;
  /** bytes that were not kept here before */
  readonly downloaded: number;
  /** why something was not kept */
  readonly notKept?: string;
}

/** @throws ModelError of the delivery; the signal's reason */
export async function modelFiles(
  source: ModelSource,
  base: string,
  store: ByteStore,
  onBytes: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<DeliveredModel> {
  if (source.kind === "files") {
    const weights = new Uint8Array(await source.weights.arrayBuffer());
    const texts = { "open_clip_config.json": await source.openClipConfig.text(), "tokenizer.json": await source.tokenizerJson.text() };
    return { files: { weights, texts }, downloaded: 0 };
  }
  const { weights, openClipConfig, tokenizerJson } = source.model.files;
  let downloaded = 0;
  let notKept: string | undefined;
  const deliver = async (file: OfferedFile, told = false) => {
    const delivered = await deliverFile(
      { url: new URL(file.path, base), sha256: file.sha256, bytes: file.bytes },
      { store, signal, ...(told ? { onProgress: onBytes } : {}) },
    );
    downloaded += file.bytes - delivered.resumedAt;
    notKept ??= delivered.notKept;
    return delivered.bytes;
  };
  const text = async (file: OfferedFile) => new TextDecoder().decode(await deliver(file));
  const files = {
    weights: await deliver(weights, true),
    texts: { "open_clip_config.json": await text(openClipConfig), "tokenizer.json": await text(tokenizerJson) },
  };
  return { files, downloaded, ...(notKept === undefined ? {} : { notKept }) };
}
