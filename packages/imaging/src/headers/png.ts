// Reads what a PNG says about itself: IHDR and the chunk list up to IEND. It inflates nothing and checks no CRC (the decoder does).

import { corrupt } from "../errors.js";
import type { HeaderStart } from "../image-info.js";
import { ByteView } from "./byte-view.js";
import { readExifOrientation } from "./tiff.js";

/** PNG colour types by number. */
const COLOURS: Record<number, { colour: HeaderStart["colour"]; alpha: boolean; depths: readonly number[] }> = {
  0: { colour: "grey", alpha: false, depths: [1, 2, 4, 8, 16] },
  2: { colour: "rgb", alpha: false, depths: [8, 16] },
  3: { colour: "palette", alpha: false, depths: [1, 2, 4, 8] },
  4: { colour: "grey", alpha: true, depths: [8, 16] },
  6: { colour: "rgb", alpha: true, depths: [8, 16] },
};

/** One chunk: `data` starts at byte `start` and is `length` long. */
export interface PngChunk {
  readonly type: string;
  readonly start: number;
  readonly length: number;
}

/** Walks the chunks after the signature, up to and including IEND. @throws ImagingError `corrupt_image` when the file ends before IEND. */
export function* pngChunks(view: ByteView): Generator<PngChunk> {
  for (let at = 8; ; ) {
    const length = view.u32(at);
    if (length > 0x7fffffff) throw corrupt(`PNG chunk length out of range — got ${length}`);
    const type = view.tag(at + 4);
    view.need(at + 8, length + 4);
    yield { type, start: at + 8, length };
    if (type === "IEND") return;
    at += length + 12;
  }
}

export function readPngHeader(bytes: Uint8Array): HeaderStart {
  const view = new ByteView(bytes, "PNG");
  if (view.u32(8) !== 13 || !view.has(12, "IHDR")) throw corrupt("PNG without IHDR first — expected a 13-byte IHDR chunk");
  const kind = COLOURS[view.u8(25)];
  const bitDepth = view.u8(24);
  if (kind === undefined || !kind.depths.includes(bitDepth)) {
    throw corrupt(`PNG colour type ${view.u8(25)} with bit depth ${bitDepth} — expected a pair the format allows`);
  }
  if (view.u8(26) !== 0 || view.u8(27) !== 0 || view.u8(28) > 1) throw corrupt("PNG with unknown compression, filter or interlace method");
  const header = { format: "png", width: view.u32(16), height: view.u32(20), bitDepth, colour: kind.colour } as const;
  return {
    ...header,
    // The chunk walk waits until the limits on the size have been checked: a header of 69 bytes must be refused for its size, not its end.
    finish: () => {
      let frames = 1;
      let orientation = 1;
      let alpha = kind.alpha;
      let hasData = false;
      let bits: number | undefined;
      for (const { type, start, length } of pngChunks(view)) {
        if (type === "IDAT") hasData = true;
        else if (type === "acTL" && length >= 8) frames = Math.max(1, view.u32(start));
        else if (type === "tRNS") alpha = true;
        else if (type === "sBIT" && length >= 1 && kind.colour === "grey" && bitDepth === 16) bits = view.u8(start);
        else if (type === "eXIf") orientation = readExifOrientation(bytes.subarray(start, start + length));
      }
      if (!hasData) throw corrupt("PNG without image data — expected an IDAT chunk");
      const declared = bits !== undefined && bits >= 1 && bits < 16 ? { greyMax: 2 ** bits - 1 } : {};
      return { frames, orientation, alpha, interlaced: view.u8(28) === 1, ...declared };
    },
  };
}
