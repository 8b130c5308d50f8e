// Bytes to pixels: in the graph where a runtime gives core's very bits for it, in this process elsewhere. Asked of the runtime itself, by every byte
// there is through the operators that would stand before the tower; division that is rounded otherwise (a GPU's shader) does not pass.

import { normalizePixels } from "@biovlm/core";
import { serializeModel } from "@biovlm/graph";
import type { ChannelScale, Embeddings, Encoder, RunOptions } from "../contract/encoder.js";
import { normalisingGraph, RGB_IO } from "../towers/rgb-input.js";
import type { TowerRuntime } from "./tower-runtime.js";

/** 16 × 16 pixels hold all 256 bytes. */
const SIDE = 16;
const BY: ChannelScale = { mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711] };

const answers = new WeakMap<TowerRuntime, Promise<boolean>>();

/** Whether pixels made in a graph have core's bits on this runtime. Asked once of each; never rejects. */
export function bytesAreExact(runtime: TowerRuntime): Promise<boolean> {
  const known = answers.get(runtime);
  if (known !== undefined) return known;
  const answer = runtime.queue.run(() => tried(runtime)).catch(() => false);
  answers.set(runtime, answer);
  return answer;
}

async function tried(runtime: TowerRuntime): Promise<boolean> {
  const rgb = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => Math.floor(i / 3));
  const wanted = normalizePixels(rgb, { size: SIDE, ...BY });
  const session = await runtime.open({ kind: "bytes", model: serializeModel(normalisingGraph(SIDE)).model }, []);
  try {
    const { pixels } = await session.run(rgbFeeds(runtime, rgb, [1, SIDE, SIDE, 3], BY), ["pixels"]);
    const got = (await pixels?.getData()) as Float32Array | undefined;
    pixels?.dispose();
    return got?.length === wanted.length && wanted.every((value, i) => Object.is(value, got[i]));
  } finally {
    await session.release();
  }
}

/** The three inputs of a graph that takes bytes. */
export function rgbFeeds(runtime: TowerRuntime, rgb: Uint8Array, dims: readonly number[], { mean, std }: ChannelScale) {
  return {
    [RGB_IO.rgb]: runtime.tensor(rgb, dims),
    [RGB_IO.mean]: runtime.tensor(Float32Array.from(mean), [3, 1, 1]),
    [RGB_IO.std]: runtime.tensor(Float32Array.from(std), [3, 1, 1]),
  };
}

/** Images one after another as bytes [B,S,S,3] → pixels [B,3,S,S]. @throws CoreError `bad_option` for a mean or std that cannot be */
export function pixelsOf(rgb: Uint8Array, batch: number, { mean, std }: ChannelScale): Float32Array {
  const size = Math.sqrt(rgb.length / 3 / Math.max(1, batch));
  const row = 3 * size * size;
  const pixels = new Float32Array(batch * row);
  for (let b = 0; b < batch; b++) normalizePixels(rgb.subarray(b * row, (b + 1) * row), { size, mean, std }, pixels, b * row);
  return pixels;
}

/**
 * Bytes [B,S,S,3] → embeddings [B,D], on any encoder: where it takes no bytes, pixels are made of them first. The same bits either way.
 * @example const { data } = await encodeRgb(encoder, core.resizeCrop(image, size), 1, pixelSpec(model.spec));
 */
export function encodeRgb(
  encoder: Encoder,
  rgb: Uint8Array,
  batch: number,
  by: ChannelScale,
  options: RunOptions = {},
): Promise<Embeddings> {
  return encoder.encodeRgb?.(rgb, batch, by, options) ?? encoder.encodeImages(pixelsOf(rgb, batch, by), batch, options);
}
