// Items of a data set as pixels and as embeddings. How files become pixels is the caller's decoder (@biovlm/imaging).

import type { PixelSpec, RgbImage } from "@biovlm/core";
import type { DatasetItem } from "@biovlm/datasets";
import { nth } from "@biovlm/files";
import type { KeyedBytes, LearnContext, TrainingImage } from "@biovlm/training";
import { embedAll, runDigest } from "@biovlm/training";
import type { FeatureSet } from "./feature-set.js";

/** Encoded image file → RGB8. */
export type Decode = (bytes: Uint8Array) => Promise<RgbImage>;

/** An item's digest (of its file, or of its raw pixels with their sizes) and a way to its pixels. Read once for the digest, again for the pixels. */
export async function itemImage(item: DatasetItem, decode: Decode): Promise<TrainingImage> {
  const content = await item.open();
  const sha256 =
    content.kind === "file"
      ? await hex(content.bytes)
      : await hex(joined(new TextEncoder().encode(`${content.width}×${content.height}×${content.channels}\n`), content.data));
  return { sha256, pixels: () => itemPixels(item, decode) };
}

/** An item's RGB pixels. */
export async function itemPixels(item: DatasetItem, decode: Decode): Promise<RgbImage> {
  const content = await item.open();
  if (content.kind === "file") return decode(content.bytes);
  const { data, width, height, channels } = content;
  if (channels === 3) return { data, width, height };
  const rgb = new Uint8Array(data.length * 3);
  for (let i = 0; i < data.length; i++) rgb.fill(nth(data, i), i * 3, i * 3 + 3);
  return { data: rgb, width, height };
}

export interface ItemFeatureOptions {
  readonly pixels: PixelSpec;
  readonly decode: Decode;
  readonly cache?: KeyedBytes | undefined;
  /** images per encoder call */
  readonly batch?: number | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Centre-crop embeddings of items, L2-normalised, with their labels. Cached by the images' digests, the preprocess and the model. */
export async function itemFeatures(
  { core, encoder, model }: LearnContext,
  items: readonly DatasetItem[],
  { pixels, decode, cache, batch = 32, onProgress, signal }: ItemFeatureOptions,
): Promise<FeatureSet> {
  const images: TrainingImage[] = [];
  for (const item of items) {
    signal?.throwIfAborted();
    images.push(await itemImage(item, decode));
  }
  const { device, precision } = encoder.capabilities;
  const cacheKey = await runDigest({ model: model.digest, encoder: { device, precision }, pixels, crop: "centre" });
  const length = 3 * pixels.size ** 2;
  const features = await embedAll(
    images.map((i) => i.sha256),
    async (from, to) => {
      const blocks: Float32Array[] = [];
      for (let at = from; at < to; at += batch) {
        const end = Math.min(to, at + batch);
        const rows = new Float32Array((end - at) * length);
        for (let i = at; i < end; i++) core.preprocess(await nth(images, i).pixels(), pixels, rows, (i - at) * length);
        const { data, shape } = await encoder.encodeImages(rows, end - at, { signal });
        blocks.push(core.l2Normalize(data, shape[0], shape[1]));
      }
      return concatenate(blocks);
    },
    { store: cache, cacheKey, onProgress, signal },
  );
  return { features, labels: Int32Array.from(items, (item) => item.label), n: items.length };
}

function concatenate(blocks: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(blocks.reduce((sum, b) => sum + b.length, 0));
  let at = 0;
  for (const block of blocks) {
    out.set(block, at);
    at += block.length;
  }
  return out;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

async function hex(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
  return Array.from(digest, (b) => b.toString(16).padStart(2, "0")).join("");
}
