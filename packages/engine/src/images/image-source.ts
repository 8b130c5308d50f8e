// Where an image comes from: a file, bytes at hand, an item of a data set. A source is opened once by whoever prepares it; it decodes nothing.
// Portable; files on disk are image-file.ts.

import type { RgbImage } from "@biovlm/core";
import type { ItemContent } from "@biovlm/datasets";

/** An image's content: an encoded file, or raw 8-bit pixels [height,width,channels]. */
export type ImageContent = ItemContent;

/** An image that can be opened. An item of a data set becomes one by `itemSource`. */
export interface ImageSource {
  /** what a person calls it: a path as it was given, an item's id. It stands in answers, never in logs. */
  readonly name: string;
  /** Its content. Whoever calls it owns the bytes; another call reads again. */
  open(): Promise<ImageContent>;
}

/** An encoded image that is in memory already. */
export function bytesSource(name: string, bytes: Uint8Array): ImageSource {
  return { name, open: async () => ({ kind: "file", bytes }) };
}

/** An item of a data set, by its id. */
export function itemSource(item: { readonly id: string; open(): Promise<ImageContent> }): ImageSource {
  return { name: item.id, open: () => item.open() };
}

/** What an image's digest is made of: a file's bytes, or the sizes of raw pixels and then the pixels. */
export function digestParts(content: ImageContent): readonly Uint8Array[] {
  if (content.kind === "file") return [content.bytes];
  const { width, height, channels, data } = content;
  return [new TextEncoder().encode(`${width}×${height}×${channels}\n`), data];
}

/** Content → RGB8. A file is decoded; raw grey is repeated three times, raw RGB is handed on as it is. */
export async function rgbOf(content: ImageContent, decode: (bytes: Uint8Array) => Promise<RgbImage>): Promise<RgbImage> {
  if (content.kind === "file") return decode(content.bytes);
  const { data, width, height, channels } = content;
  if (channels === 3) return { data, width, height };
  const rgb = new Uint8Array(data.length * 3);
  for (const [i, value] of data.entries()) rgb.fill(value, i * 3, i * 3 + 3);
  return { data: rgb, width, height };
}
