// Images that are asked for more than once, each opened and decoded once: a digest first, pixels when they are wanted. What is held between the
// two, and until pixels are wanted again, stays within a budget; beyond it some are let go, and read again if asked for.
// Portable: the decoder is handed in.

import type { RgbImage } from "@biovlm/core";
import { FilesError, joinedBytes } from "@biovlm/files";
import { digestParts, type ImageContent, type ImageSource, rgbOf } from "./image-source.js";

/** An image that was opened. */
export interface OpenedImage {
  /** Of its content: a file's bytes, or the sizes of raw pixels and the pixels. Lower-case hex. */
  readonly sha256: string;
  /** Bytes that are held for it now, encoded or decoded. */
  readonly held: number;
  /** RGB8. Decoded at the first call. @throws what the decoder throws; FilesError `file_changed` where it had to be read again and is another */
  pixels(): Promise<RgbImage>;
  /**
   * Bytes [S,S,3] of `core.resizeCrop` of the pixels, by a way that is faster than decoding; undefined where there is none, or the pixels are held
   * already. @throws FilesError `file_changed` as pixels() does
   */
  crop(size: number): Promise<Uint8Array | undefined>;
}

/** What an image reader decodes with, and how much it keeps. */
export interface ImageReaderOptions {
  /** Encoded file → RGB8, within limits. */
  decode(bytes: Uint8Array): Promise<RgbImage>;
  /** Encoded file → bytes [S,S,3] as a tower takes them, those that `decode` and `core.resizeCrop` give; undefined: by these. Never rejects. */
  crop?(bytes: Uint8Array, size: number): Promise<Uint8Array | undefined>;
  /** Looks at an encoded file when it is first opened. @throws what the decoder would throw for its header */
  check?(bytes: Uint8Array): Promise<void>;
  /** What tells these pixels apart from others of the same content, e.g. a window that was asked for: part of `sha256`. Default: nothing. */
  readonly variant?: string;
  /** Most bytes held for all images of this reader, beside the one used last. Default 128 MiB. */
  readonly keepBytes?: number;
}

/** Opens a source: once, unless it had to be let go. */
export type ImageReader = (source: ImageSource) => Promise<OpenedImage>;

const KEEP_BYTES = 128 * 2 ** 20;

/**
 * A reader of images.
 * @example const read = imageReader({ decode: (bytes) => decodeImage(bytes) }); const { sha256, pixels } = await read(itemSource(item));
 */
export function imageReader({ decode, crop, check, variant = "", keepBytes = KEEP_BYTES }: ImageReaderOptions): ImageReader {
  const shelf = new Shelf(keepBytes);
  return async (source) => {
    const content = await source.open();
    if (content.kind === "file") await check?.(content.bytes);
    return new ReadImage(source, await digestOf(content, variant), content, { decode, crop, variant, shelf });
  };
}

/**
 * Who holds how much. Where it is too much, decoded images let go first, since they were used; then those that wait to be decoded; among equals
 * the one used longest ago. The one used last keeps what it holds.
 */
class Shelf {
  private readonly most: number;
  private readonly decoded = new Map<ReadImage, number>();
  private readonly encoded = new Map<ReadImage, number>();
  private total = 0;

  constructor(most: number) {
    this.most = most;
  }

  /** `holder` was used and now holds so many bytes. */
  put(holder: ReadImage, bytes: number, decoded: boolean): void {
    this.remove(holder);
    (decoded ? this.decoded : this.encoded).set(holder, bytes);
    this.total += bytes;
    for (const holders of [this.decoded, this.encoded]) {
      for (const oldest of holders.keys()) {
        if (this.total <= this.most) return;
        if (oldest === holder) continue;
        this.remove(oldest);
        oldest.letGo();
      }
    }
  }

  private remove(holder: ReadImage): void {
    for (const holders of [this.decoded, this.encoded]) {
      this.total -= holders.get(holder) ?? 0;
      holders.delete(holder);
    }
  }
}

interface Reading {
  readonly decode: ImageReaderOptions["decode"];
  readonly crop: ImageReaderOptions["crop"];
  readonly variant: string;
  readonly shelf: Shelf;
}

class ReadImage implements OpenedImage {
  readonly sha256: string;
  held = 0;
  private readonly source: ImageSource;
  private readonly reading: Reading;
  private content: ImageContent | undefined;
  private rgb: Promise<RgbImage> | undefined;

  constructor(source: ImageSource, sha256: string, content: ImageContent, reading: Reading) {
    this.source = source;
    this.sha256 = sha256;
    this.reading = reading;
    this.content = content;
    this.holds(content.kind === "file" ? content.bytes.length : content.data.length, false);
  }

  async pixels(): Promise<RgbImage> {
    this.rgb ??= this.decoded();
    const pending = this.rgb;
    const rgb = await pending;
    // let go while it was decoded: whoever asked has it, nobody else keeps it
    if (this.rgb === pending) this.holds(rgb.data.length, true);
    return rgb;
  }

  async crop(size: number): Promise<Uint8Array | undefined> {
    const { crop } = this.reading;
    if (crop === undefined || this.rgb !== undefined) return undefined;
    const content = this.content ?? (await this.again());
    if (content.kind !== "file") return undefined;
    return crop(content.bytes, size);
  }

  letGo(): void {
    this.content = undefined;
    this.rgb = undefined;
    this.held = 0;
  }

  private holds(bytes: number, decoded: boolean): void {
    this.held = bytes;
    this.reading.shelf.put(this, bytes, decoded);
  }

  private async decoded(): Promise<RgbImage> {
    const content = this.content ?? (await this.again());
    this.content = undefined;
    return rgbOf(content, this.reading.decode);
  }

  private async again(): Promise<ImageContent> {
    const content = await this.source.open();
    if ((await digestOf(content, this.reading.variant)) === this.sha256) return content;
    throw new FilesError("file_changed", "image — expected the content it had when it was first read, got another. Start again.");
  }
}

/** sha256 over a content, and the variant where there is one; lower-case hex. */
export async function digestOf(content: ImageContent, variant: string): Promise<string> {
  const parts = variant === "" ? digestParts(content) : [new TextEncoder().encode(`${variant}\n`), ...digestParts(content)];
  const [only] = parts;
  const whole = only !== undefined && parts.length === 1 ? (only as Uint8Array<ArrayBuffer>) : joinedBytes(parts);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
