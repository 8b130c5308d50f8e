// The three views of a training image: student (random resized crop), strong and weak (made from the student view), as embeddings.
// `fresh` renders new views at every step, as the paper does; `bank` embeds V seeded views of each image once and draws from them.

import {
  type ColorStep,
  type Core,
  colorJitter,
  flipHorizontal,
  gaussianBlur3,
  type PixelSpec,
  type RgbImage,
  randomCropBox,
} from "@biovlm/core";
import { inOrder, nth, present } from "@biovlm/files";
import type { Encoder } from "@biovlm/model";
import type { KeyedBytes } from "./checkpoint.js";
import { readFloats, writeFloats } from "./embedding-cache.js";
import { type RandomStream, randomStream } from "./random.js";
import type { Recipe } from "./recipe.js";
import { meanFeature, type Slices, sliceFeatures } from "./slices.js";

/** Embeddings [B,D] of the three views of a batch, L2-normalised. */
export interface ViewFeatures {
  readonly student: Float32Array;
  readonly strong: Float32Array;
  readonly weak: Float32Array;
}

/** Embedded views of the training images, a batch at a time. */
export interface ViewSource {
  /** rows index the training set. The same (epoch, rows) give the same views. */
  batch(epoch: number, rows: readonly number[], signal?: AbortSignal): Promise<ViewFeatures>;
}

/** A training image: its content digest, and its pixels when asked. */
export interface TrainingImage {
  readonly sha256: string;
  /** bytes held for it until its pixels are asked for; 0 where it is not said */
  readonly held?: number;
  /** RGB8, the same at each call; of an example of several pictures the middle one */
  pixels(): Promise<RgbImage>;
  /** bytes [S,S,3] of `core.resizeCrop` of its pixels, by a way that is faster than decoding; undefined, or absent: there is none */
  crop?(size: number): Promise<Uint8Array | undefined>;
  /** of an example of several pictures, such as a series: all of them. Plain embeddings are their mean; a view shows one, drawn by the seed */
  readonly slices?: Slices;
}

/** An image, or a way to open it: called once, when its turn comes, so that a large set is never open as a whole. */
export type LazyImage = TrainingImage | (() => Promise<TrainingImage>);

/** For each image a way to it that opens it at most once. */
export function openedOnce(images: readonly LazyImage[]): readonly (() => Promise<TrainingImage>)[] {
  return images.map((image) => {
    let opened: Promise<TrainingImage> | undefined;
    return () => {
      opened ??= typeof image === "function" ? image() : Promise.resolve(image);
      return opened;
    };
  });
}

/** How views are made and embedded. */
export interface ViewOptions {
  readonly core: Core;
  readonly encoder: Encoder;
  /** S, mean and std of the model, or of the recipe when it normalises otherwise */
  readonly pixels: PixelSpec;
  readonly recipe: Pick<Recipe, "viewsFrom">;
  /** false where left and right are part of the label */
  readonly flip: boolean;
  readonly seed: number;
}

/** Images that are opened and decoded while others are on the device. */
export const AHEAD = 4;

/** New random views at every step: three encodes per image and step. */
export function freshViews(images: readonly LazyImage[], options: ViewOptions): ViewSource {
  const open = openedOnce(images);
  return {
    async batch(epoch, rows, signal) {
      const { size } = options.pixels;
      const length = 3 * size * size;
      const pixels = new Float32Array(3 * rows.length * length);
      for (const [b, row] of rows.entries()) {
        const image = await nth(open, row)();
        const shown = await pictureFor(image, () => randomStream(options.seed, "slice", epoch, row));
        const views = renderViews(shown, options, randomStream(options.seed, "view", epoch, row));
        for (const [v, view] of views.entries()) pixels.set(view, (v * rows.length + b) * length);
      }
      return splitViews(await embed(options, pixels, 3 * rows.length, signal), rows.length);
    },
  };
}

/** How many views of each image are embedded beforehand, and where they are kept. */
export interface ViewBankOptions extends ViewOptions {
  /** V */
  readonly viewsPerImage: number;
  /** where embedded views are kept between runs */
  readonly cache?: KeyedBytes | undefined;
  /** names model, preprocess and view options; part of the cache key */
  readonly cacheKey: string;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** V views of each image, embedded once; each epoch draws one per image. */
export async function viewBank(images: readonly LazyImage[], options: ViewBankOptions, signal?: AbortSignal): Promise<ViewSource> {
  const V = options.viewsPerImage;
  const blocks: Float32Array[] = [];
  const ready = inOrder(openedOnce(images), AHEAD, (open) => foundOrDecoded(open, options), signal);
  for await (const { key, image, block } of ready) {
    const embedded = block ?? (await embedViews(image, options, signal));
    if (block === undefined) await writeFloats(options.cache, key, embedded);
    blocks.push(embedded);
    options.onProgress?.(blocks.length, images.length);
  }
  const D = (blocks[0]?.length ?? 0) / (3 * V);
  return {
    async batch(epoch, rows) {
      const out = {
        student: new Float32Array(rows.length * D),
        strong: new Float32Array(rows.length * D),
        weak: new Float32Array(rows.length * D),
      };
      for (const [b, row] of rows.entries()) {
        const v = randomStream(options.seed, "pick", epoch, row).below(V);
        const block = nth(blocks, row);
        out.student.set(block.subarray(v * 3 * D, v * 3 * D + D), b * D);
        out.strong.set(block.subarray((v * 3 + 1) * D, (v * 3 + 2) * D), b * D);
        out.weak.set(block.subarray((v * 3 + 2) * D, (v * 3 + 3) * D), b * D);
      }
      return out;
    },
  };
}

/** The plain picture (resize, centre crop) in place of all three views: features [n,D], L2-normalised, of the training images in order. */
export function plainViews(features: Float32Array, n: number): ViewSource {
  const D = features.length / n;
  return {
    async batch(_epoch, rows) {
      const picked = new Float32Array(rows.length * D);
      for (const [b, row] of rows.entries()) picked.set(features.subarray(row * D, row * D + D), b * D);
      return { student: picked, strong: picked, weak: picked };
    },
  };
}

/** A picture that is decoded: as normalised pixels [3,S,S], for a size that was said; `out` and `offset` as in `core.preprocess`. */
export type PlainPicture = (core: Core, spec: PixelSpec, out?: Float32Array, offset?: number) => Float32Array;

/** An image without views, ready for towers of these sizes: by its own fast way where that serves all of them, else decoded. The same bits either way. */
export async function plainPicture(image: TrainingImage, sizes: readonly number[]): Promise<PlainPicture> {
  const crops = new Map<number, Uint8Array>();
  for (const size of new Set(sizes)) {
    const crop = await image.crop?.(size);
    if (crop === undefined) {
      const pixels = await image.pixels();
      return (core, spec, out, offset) => core.preprocess(pixels, spec, out, offset);
    }
    crops.set(size, crop);
  }
  return (core, spec, out, offset) => core.normalize(present(crops.get(spec.size), "crop of that size"), spec, out, offset);
}

/** Plain embeddings [n,D] of training images, L2-normalised, kept one by one under their content. @param cacheKey names model and preprocess */
export async function plainFeatures(
  images: readonly LazyImage[],
  { core, encoder, pixels, cache, cacheKey, onProgress }: Omit<ViewBankOptions, "recipe" | "flip" | "seed" | "viewsPerImage">,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const rows: Float32Array[] = [];
  const found = async (open: () => Promise<TrainingImage>) => {
    const image = await open();
    const key = `plain/${cacheKey}/${image.sha256}`;
    const row = await readFloats(cache, key);
    if (row !== undefined) return { key, row };
    return image.slices === undefined ? { key, picture: await plainPicture(image, [pixels.size]) } : { key, slices: image.slices };
  };
  for await (const { key, row, picture, slices } of inOrder(openedOnce(images), AHEAD, found, signal)) {
    let feature = row;
    if (slices !== undefined) feature = meanFeature(core, await sliceFeatures(slices, { core, encoder, pixels }, signal), slices.count);
    else if (picture !== undefined) {
      const { data, shape } = await encoder.encodeImages(picture(core, pixels), 1, { signal });
      feature = core.l2Normalize(data, shape[0], shape[1]);
    }
    if (row === undefined && feature !== undefined) await writeFloats(cache, key, feature);
    rows.push(present(feature, "embedding of an image"));
    onProgress?.(rows.length, images.length);
  }
  const D = rows[0]?.length ?? 0;
  const out = new Float32Array(rows.length * D);
  for (const [i, row] of rows.entries()) out.set(row, i * D);
  return out;
}

/** One image's block from the cache, or the image with its picture decoded. */
async function foundOrDecoded(open: () => Promise<TrainingImage>, options: ViewBankOptions) {
  const image = await open();
  const key = `views/${options.cacheKey}/${options.viewsPerImage}/${options.seed}/${image.sha256}`;
  const block = await readFloats(options.cache, key);
  if (block !== undefined || image.slices !== undefined) return { key, image, block };
  const pixels = await image.pixels();
  return { key, image: { ...image, pixels: async () => pixels }, block };
}

/** The picture that a view is made of: the image, or one of its slices by the draw. */
function pictureFor(image: TrainingImage, random: () => RandomStream): Promise<RgbImage> {
  const { slices } = image;
  return slices === undefined ? image.pixels() : slices.picture(random().below(slices.count));
}

/** One image's V × (student, strong, weak) embeddings [V,3,D], seeded by its content, so that it does not matter where in a set it stands. */
async function embedViews(image: TrainingImage, options: ViewBankOptions, signal?: AbortSignal): Promise<Float32Array> {
  const { sha256 } = image;
  const length = 3 * options.pixels.size ** 2;
  const rows = new Float32Array(options.viewsPerImage * 3 * length);
  for (let v = 0; v < options.viewsPerImage; v++) {
    const shown = await pictureFor(image, () => randomStream(options.seed, "slice", v, sha256));
    const views = renderViews(shown, options, randomStream(options.seed, "view", v, sha256));
    for (const [k, view] of views.entries()) rows.set(view, (v * 3 + k) * length);
  }
  return embed(options, rows, options.viewsPerImage * 3, signal);
}

/** Student, strong and weak view of one image, normalised [3,S,S] each. */
export function renderViews(
  image: RgbImage,
  options: Pick<ViewOptions, "core" | "pixels" | "recipe" | "flip">,
  random: RandomStream,
): readonly Float32Array[] {
  const { core, pixels, flip } = options;
  const S = pixels.size;
  const box = randomCropBox(image.width, image.height, { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] }, random);
  const cropped = core.normalize(core.resizeBox(image, box, S), { size: S, mean: [0, 0, 0], std: [1, 1, 1] });
  const plain = maybeFlip(cropped, S, flip, random);
  const student = normalise(plain, pixels);
  if (options.recipe.viewsFrom === "normalised")
    return [student, strongView(student, S, flip, random), maybeFlip(student, S, flip, random)];
  return [student, normalise(strongView(plain, S, flip, random), pixels), normalise(maybeFlip(plain, S, flip, random), pixels)];
}

/** Flip ½, colour jitter (.4, .4, .4, .1) with p .8, 3×3 Gaussian blur (sigma 0.1–2) with p .5. */
function strongView(x: Float32Array, S: number, flip: boolean, random: RandomStream): Float32Array {
  let view = maybeFlip(x, S, flip, random);
  if (random.uniform() < 0.8) {
    const order = random.shuffle<ColorStep>(["brightness", "contrast", "saturation", "hue"]);
    const around = (width: number) => 1 - width + 2 * width * random.uniform();
    view = colorJitter(view, {
      order,
      brightness: around(0.4),
      contrast: around(0.4),
      saturation: around(0.4),
      hue: 0.1 * (2 * random.uniform() - 1),
    });
  }
  return random.uniform() < 0.5 ? gaussianBlur3(view, S, 0.1 + 1.9 * random.uniform()) : view;
}

/** Draws even when flips are off, so that the other draws stay the same. */
function maybeFlip(x: Float32Array, S: number, allowed: boolean, random: RandomStream): Float32Array {
  return random.uniform() < 0.5 && allowed ? flipHorizontal(x, S) : x;
}

function normalise(x: Float32Array, { size, mean, std }: PixelSpec): Float32Array {
  const plane = size * size;
  return x.map((v, i) => (v - nth(mean, Math.floor(i / plane))) / nth(std, Math.floor(i / plane)));
}

async function embed({ core, encoder }: ViewOptions, pixels: Float32Array, batch: number, signal?: AbortSignal): Promise<Float32Array> {
  const { data, shape } = await encoder.encodeImages(pixels, batch, { signal });
  return core.l2Normalize(data, shape[0], shape[1]);
}

function splitViews(rows: Float32Array, B: number): ViewFeatures {
  const block = rows.length / 3;
  if (block % B !== 0) throw new RangeError(`views: ${rows.length} numbers do not split into 3 × ${B} rows`);
  return { student: rows.slice(0, block), strong: rows.slice(block, 2 * block), weak: rows.slice(2 * block) };
}
