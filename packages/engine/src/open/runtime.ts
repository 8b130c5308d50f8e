// Core, model and encoder, opened together: what a command or a job computes with.

import { existsSync } from "node:fs";
import type { Core } from "@biovlm/core";
import { FilesError } from "@biovlm/files";
import type { DeviceChange, Encoder, Model } from "@biovlm/model";
import { type ComputedStore, computedStore } from "./computed-store.js";
import { openCore } from "./core.js";
import { openEncoder } from "./encoder.js";
import { textTower, withKeptTexts } from "./kept-texts.js";
import { isFolder, openModel } from "./model.js";
import type { OpeningSpec } from "./opening-spec.js";

/** Everything that work on images and prompts computes with. */
export interface Runtime {
  readonly core: Core;
  readonly model: Model;
  readonly encoder: Encoder;
  /** what the chosen device's probe said */
  readonly detail: string;
  /** under `auto`: other devices and why they were not taken */
  readonly passedOver: readonly { readonly name: string; readonly reason: string }[];
  /** batches of images that it encodes at once; more wait */
  readonly lanes: number;
  /** what computes image embeddings, where they are in int8: "native (avx512-vnni)", or "onnxruntime" with the reason */
  imageTower(): string | undefined;
  /** Frees the device and the model's files. */
  close(): Promise<void>;
}

/**
 * Opens core, model and encoder.
 * @param onChange told when `auto` went on with another device, or a device was opened again. Without it, one device serves from first to last:
 * what learning needs to be repeatable.
 * @param store where text embeddings and reduced weights are looked for first, and kept; the cache folder of this machine unless given
 * @param manyImages whoever asks encodes batches of images, several at a time: on cpu they then run at once where that is faster
 * @throws FilesError `not_found` for a folder that is not there; else what their packages throw: `no_backend`, `not_found`, `integrity`, …
 * @example const runtime = await openRuntime({ model: "tiny", device: "auto", precision: "fp32", deterministic: true }); try { … } finally { await runtime.close(); }
 */
export async function openRuntime(
  spec: OpeningSpec,
  onChange?: (change: DeviceChange) => void,
  store: ComputedStore = computedStore(spec.maxCacheBytes),
  manyImages = false,
): Promise<Runtime> {
  if (isFolder(spec.model) && !existsSync(spec.model)) throw new FilesError("not_found", `no such model folder — ${spec.model}`);
  const core = await openCore(spec);
  const { model, close } = await openModel(spec, store);
  try {
    const listeners = onChange === undefined ? { failover: false } : { onChange };
    const { encoder: opened, detail, passedOver, lanes, imageTower } = await openEncoder(model, spec, [], { ...listeners, manyImages });
    const encoder = withKeptTexts(opened, await textTower(model, detail), store);
    return {
      core,
      model,
      encoder,
      detail,
      passedOver,
      lanes,
      imageTower,
      async close() {
        await encoder.close();
        close();
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}
