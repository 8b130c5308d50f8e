// Sources that are one example together: the files of a series, or one file of several frames. Opened once for their digest, then picture by
// picture: one file is held at a time, however many there are. Portable; the decoder is handed in.

import type { RgbImage } from "@biovlm/core";
import { FilesError, inOrder, present } from "@biovlm/files";
import { digestOf } from "./image-reader.js";
import { type ImageSource, rgbOf } from "./image-source.js";

/** Pictures of one example, in order. */
export interface PictureStack {
  /** Of the contents in order; of one source as an image reader's. Lower-case hex. */
  readonly sha256: string;
  /** ≥ 1 */
  readonly count: number;
  /** RGB8 of picture `index`, from 0. Cheapest one after another. @throws what the decoder throws; FilesError `file_changed` */
  picture(index: number): Promise<RgbImage>;
}

/** How a file of one or more frames is opened. */
export interface StackReaderOptions {
  /** Looks at the header, within limits. @throws what the decoder throws */
  open(bytes: Uint8Array): Promise<{ readonly frames: number; frame(index: number): Promise<RgbImage> }>;
  /** What tells these pixels apart from others of the same content: part of `sha256`. Default: nothing. */
  readonly variant?: string;
}

/** Files whose headers are read at once. */
const AT_ONCE = 4;

interface OpenedSource {
  readonly source: ImageSource;
  readonly sha256: string;
  readonly frames: number;
  frame(index: number): Promise<RgbImage>;
}

/** A reader of examples of one source or more. */
export function stackReader({ open, variant = "" }: StackReaderOptions): (sources: readonly ImageSource[]) => Promise<PictureStack> {
  let last: OpenedSource | undefined;
  const opened = async (source: ImageSource): Promise<OpenedSource> => {
    const content = await source.open();
    const sha256 = await digestOf(content, variant);
    if (content.kind === "file") {
      const { frames, frame } = await open(content.bytes);
      return { source, sha256, frames, frame };
    }
    const frame = () => rgbOf(content, () => Promise.reject(new Error("raw pixels are not decoded")));
    return { source, sha256, frames: 1, frame };
  };
  return async (sources) => {
    const parts: { readonly source: ImageSource; readonly sha256: string; readonly from: number; readonly to: number }[] = [];
    let count = 0;
    for await (const { source, sha256, frames } of inOrder(sources, AT_ONCE, opened)) {
      parts.push({ source, sha256, from: count, to: count + frames });
      count += frames;
    }
    return {
      sha256: await digestTogether(parts.map(({ sha256 }) => sha256)),
      count,
      async picture(index) {
        const part = present(
          parts.find(({ to }) => index < to),
          "picture of an example",
        );
        const held = last?.source === part.source ? last : await opened(part.source);
        last = held;
        if (held.sha256 !== part.sha256)
          throw new FilesError("file_changed", "image — expected the content it had when it was first read, got another. Start again.");
        return held.frame(index - part.from);
      },
    };
  };
}

/** The digest of an example by those of its contents in order; of one content its own. Lower-case hex. */
export async function digestTogether(digests: readonly string[]): Promise<string> {
  const [only] = digests;
  if (only !== undefined && digests.length === 1) return only;
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`series\n${digests.join("\n")}`));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
