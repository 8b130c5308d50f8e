// Items of data sets as images and as embeddings: each opened once and decoded once, whatever asks for it. How an item becomes pixels is handed
// in (`imageReader` of @biovlm/engine/images); embeddings are kept by content, in memory and in a store.

import type { PixelSpec } from "@biovlm/core";
import type { DatasetItem } from "@biovlm/datasets";
import { inOrder, joinedFloats, known, nth } from "@biovlm/files";
import { encodedBy } from "@biovlm/model/backend";
import type { LearnContext, TrainingImage } from "@biovlm/training";
import { type KeyedBytes, plainPicture, readFloats, runDigest, sliceFeatures, writeFloats } from "@biovlm/training/loop";
import type { FeatureSet } from "./feature-set.js";
import type { SliceSet } from "./slice-answers.js";

/** Opens an item: its digest, and its pixels when asked. Called once for each item. */
export type ReadItem = (item: DatasetItem) => Promise<TrainingImage>;

/** How items of data sets are read, and where their embeddings are kept. */
export interface ItemImagesOptions {
  readonly read: ReadItem;
  /** where embeddings are kept between runs */
  readonly cache?: KeyedBytes | undefined;
  /** images in an encoder call. Default 32 */
  readonly batch?: number | undefined;
}

/** How embeddings of items are asked for. */
export interface FeatureOptions {
  /** further preprocesses whose embeddings will be asked for: made from the same pixels, and kept */
  readonly also?: readonly PixelSpec[] | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Images that are opened, or decoded, at once. */
const AT_ONCE = 4;
/** A chunk is embedded, kept and looked for as one. It ends with so many images, or with so many bytes held for them. */
const CHUNK_IMAGES = 256;
const CHUNK_BYTES = 64 * 2 ** 20;

interface NamedSpec {
  readonly name: string;
  readonly spec: PixelSpec;
}

/** The images of one run, over all its tasks. */
export class ItemImages {
  private readonly context: LearnContext;
  private readonly options: ItemImagesOptions;
  private readonly opened = new Map<string, Promise<TrainingImage>>();
  /** rows [n,D] of chunks, by content and preprocess */
  private readonly kept = new Map<string, Float32Array>();

  constructor(context: LearnContext, options: ItemImagesOptions) {
    this.context = context;
    this.options = options;
  }

  /** The item's image; opened at the first call. @param dataset the set's name: ids are unique within a set */
  open(dataset: string, item: DatasetItem): Promise<TrainingImage> {
    // a series has the id of one of its slices
    const key = `${dataset}\n${item.id}\n${item.slices?.length ?? ""}`;
    const before = this.opened.get(key);
    if (before !== undefined) return before;
    const image = this.options.read(item);
    this.opened.set(key, image);
    image.catch(() => this.opened.delete(key));
    return image;
  }

  /** Centre-crop embeddings of items, L2-normalised, with their labels. Kept by the images' digests, the preprocess and the model. */
  async features(dataset: string, items: readonly DatasetItem[], pixels: PixelSpec, options: FeatureOptions = {}): Promise<FeatureSet> {
    const { also = [], onProgress, signal } = options;
    const specs = await Promise.all([pixels, ...also].map(async (spec) => ({ name: await this.nameOf(spec), spec })));
    const parts: Float32Array[] = [];
    let chunk: TrainingImage[] = [];
    let [held, done] = [0, 0];
    const end = async () => {
      parts.push(await this.embedded(chunk, specs, signal));
      done += chunk.length;
      onProgress?.(done, items.length);
      chunk = [];
      held = 0;
    };
    for await (const image of inOrder(items, AT_ONCE, (item) => this.open(dataset, item), signal)) {
      chunk.push(image);
      held += image.held ?? 0;
      if (chunk.length >= CHUNK_IMAGES || held >= CHUNK_BYTES) await end();
    }
    if (chunk.length > 0) await end();
    return { features: joinedFloats(parts), labels: Int32Array.from(items, (item) => item.label), n: items.length };
  }

  /** Embeddings of every picture of the items: of a series its slices, of another item its one. Kept as those of `features` are. */
  async slices(dataset: string, items: readonly DatasetItem[], pixels: PixelSpec, options: FeatureOptions = {}): Promise<SliceSet> {
    const { onProgress, signal } = options;
    const { core, encoder } = this.context;
    const { cache } = this.options;
    const name = await this.nameOf(pixels);
    const parts: Float32Array[] = [];
    const starts = [0];
    for (const item of items) {
      const image = await this.open(dataset, item);
      const key = `slices/${name}/${image.sha256}`;
      const known = this.kept.get(key) ?? (await readFloats(cache, key));
      const pictures = image.slices ?? { count: 1, picture: () => image.pixels() };
      const rows = known ?? (await sliceFeatures(pictures, { core, encoder, pixels }, signal));
      this.kept.set(key, rows);
      if (known === undefined) await writeFloats(cache, key, rows);
      parts.push(rows);
      starts.push(nth(starts, parts.length - 1) + pictures.count);
      onProgress?.(parts.length, items.length);
    }
    return { features: joinedFloats(parts), starts: Int32Array.from(starts), labels: Int32Array.from(items, ({ label }) => label) };
  }

  /** What decides an image's embedding beside its content, as a digest. */
  private nameOf(pixels: PixelSpec): Promise<string> {
    const { encoder, model } = this.context;
    return runDigest({ model: model.digest, encoder: encodedBy(encoder), pixels, crop: "centre" });
  }

  /** Rows [n,D] of the first preprocess; those of the others are kept. */
  private async embedded(images: readonly TrainingImage[], specs: readonly NamedSpec[], signal?: AbortSignal): Promise<Float32Array> {
    const { cache } = this.options;
    const content = await digestOf(images);
    const wanted = specs.map(({ name, spec }) => ({ key: `embeddings/${name}/${content}`, spec }));
    const missing = new Map<string, PixelSpec>();
    for (const { key, spec } of wanted) {
      const rows = this.kept.get(key) ?? (await readFloats(cache, key));
      if (rows === undefined) missing.set(key, spec);
      else this.kept.set(key, rows);
    }
    for (const [key, rows] of await this.encoded(images, missing, signal)) {
      this.kept.set(key, rows);
      await writeFloats(cache, key, rows);
    }
    return known(this.kept, nth(wanted, 0).key);
  }

  /** Each image prepared once, for every preprocess that is missing: key → rows [n,D], L2-normalised. */
  private async encoded(images: readonly TrainingImage[], specs: ReadonlyMap<string, PixelSpec>, signal?: AbortSignal) {
    const { core, encoder } = this.context;
    const { batch = 32 } = this.options;
    const blocks = new Map<string, Float32Array[]>([...specs.keys()].map((key) => [key, []]));
    if (specs.size === 0) return new Map<string, Float32Array>();
    const sizes = [...specs.values()].map(({ size }) => size);
    for (let from = 0; from < images.length; from += batch) {
      const some = images.slice(from, from + batch);
      const rows = new Map([...specs].map(([key, { size }]) => [key, new Float32Array(some.length * 3 * size ** 2)]));
      let i = 0;
      for await (const picture of inOrder(some, AT_ONCE, (one) => plainPicture(one, sizes), signal)) {
        for (const [key, spec] of specs) picture(core, spec, rows.get(key), i * 3 * spec.size ** 2);
        i++;
      }
      for (const [key, pixels] of rows) {
        const { data, shape } = await encoder.encodeImages(pixels, some.length, { signal });
        blocks.get(key)?.push(core.l2Normalize(data, shape[0], shape[1]));
      }
    }
    return new Map([...blocks].map(([key, parts]) => [key, joinedFloats(parts)]));
  }
}

async function digestOf(images: readonly TrainingImage[]): Promise<string> {
  const digests = new TextEncoder().encode(images.map(({ sha256 }) => sha256).join("\n"));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", digests));
  return Array.from(hash, (b) => b.toString(16).padStart(2, "0")).join("");
}
