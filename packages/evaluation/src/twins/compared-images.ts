// Items → what is compared of them: content digest and print. Prints are kept by content beside the embeddings, so that a set that was looked
// through once is not decoded again.

import type { Core } from "@biovlm/core";
import type { DatasetItem } from "@biovlm/datasets";
import { inOrder } from "@biovlm/files";
import type { TrainingImage } from "@biovlm/training";
import { type KeyedBytes, readFloats, runDigest, writeFloats } from "@biovlm/training/loop";
import type { ComparedImage } from "./leaks.js";
import { PRINT_BYTES, picturePrint } from "./picture-print.js";

/** Images that are opened, or decoded, at once. */
const AT_ONCE = 4;
/** Prints kept under one key. */
const CHUNK = 256;

/** How images are opened and where their prints are kept. */
export interface ComparedImagesOptions {
  readonly core: Pick<Core, "resizeBox">;
  /** opens an item: `ItemImages.open` where there is one, so that nothing is opened twice */
  readonly open: (item: DatasetItem) => Promise<TrainingImage>;
  readonly cache?: KeyedBytes | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** [n] in the order of the items. @throws what opening and decoding throw */
export async function comparedImages(
  items: readonly DatasetItem[],
  { core, open, cache, onProgress, signal }: ComparedImagesOptions,
): Promise<ComparedImage[]> {
  const out: ComparedImage[] = [];
  for (let from = 0; from < items.length; from += CHUNK) {
    const opened: TrainingImage[] = [];
    for await (const image of inOrder(items.slice(from, from + CHUNK), AT_ONCE, open, signal)) opened.push(image);
    const key = `prints/${await runDigest({ print: "grey 32, bicubic", images: opened.map(({ sha256 }) => sha256) })}`;
    const kept = await readFloats(cache, key);
    const prints = kept?.length === (opened.length * PRINT_BYTES) / 4 ? new Uint8Array(kept.buffer) : await printsOf(core, opened, signal);
    if (prints.buffer !== kept?.buffer) await writeFloats(cache, key, new Float32Array(prints.buffer));
    for (const [i, { sha256 }] of opened.entries()) out.push({ sha256, print: prints.subarray(i * PRINT_BYTES, (i + 1) * PRINT_BYTES) });
    onProgress?.(out.length, items.length);
  }
  return out;
}

async function printsOf(
  core: Pick<Core, "resizeBox">,
  images: readonly TrainingImage[],
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const prints = new Uint8Array(images.length * PRINT_BYTES);
  let at = 0;
  for await (const image of inOrder(images, AT_ONCE, (one) => one.pixels(), signal))
    prints.set(picturePrint(core, image), PRINT_BYTES * at++);
  return prints;
}
