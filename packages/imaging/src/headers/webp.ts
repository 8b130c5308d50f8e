// Reads what a WebP says about itself: the RIFF chunk list and the size in the VP8, VP8L or VP8X header. Nothing is decoded.

import { corrupt, unsupported } from "../errors.js";
import type { HeaderStart } from "../image-info.js";
import { ByteView } from "./byte-view.js";
import { readExifOrientation } from "./tiff.js";

interface WebpSize {
  readonly width: number;
  readonly height: number;
  readonly alpha: boolean;
}

export function readWebpHeader(bytes: Uint8Array): HeaderStart {
  const view = new ByteView(bytes, "WebP");
  const end = view.u32(4, true) + 8;
  const first = view.tag(12);
  let size: WebpSize;
  if (first === "VP8X") size = { width: view.u24le(24) + 1, height: view.u24le(27) + 1, alpha: (view.u8(20) & 0x10) !== 0 };
  else if (first === "VP8 " || first === "VP8L") size = bitstreamSize(view, first, 20);
  else throw unsupported("WebP of an unknown kind", "Save it again as PNG.");

  return {
    format: "webp",
    width: size.width,
    height: size.height,
    bitDepth: 8,
    colour: "rgb",
    finish: () => {
      view.need(0, end);
      let frames = 0;
      let stills = 0;
      let orientation = 1;
      for (let at = 12; at + 8 <= end; ) {
        const type = view.tag(at);
        const length = view.u32(at + 4, true);
        view.need(at + 8, length);
        if (type === "ANMF") frames++;
        else if (type === "VP8 " || type === "VP8L") {
          stills++;
          const inner = bitstreamSize(view, type, at + 8);
          // libwebp refuses this as well; it matters that the size that was checked is the size that is allocated.
          if (inner.width !== size.width || inner.height !== size.height) {
            throw corrupt(`WebP sizes disagree — canvas ${size.width}×${size.height}, image ${inner.width}×${inner.height}`);
          }
        } else if (type === "EXIF") {
          const skip = view.has(at + 8, "Exif\0\0") ? 6 : 0;
          orientation = readExifOrientation(bytes.subarray(at + 8 + skip, at + 8 + length));
        }
        at += 8 + length + (length & 1);
      }
      if (frames === 0 && stills === 0) throw corrupt("WebP without image data");
      return { frames: Math.max(1, frames), orientation, alpha: size.alpha, interlaced: false };
    },
  };
}

/** Size from the payload at `at` of a "VP8 " (lossy) or "VP8L" (lossless) chunk. */
function bitstreamSize(view: ByteView, type: string, at: number): WebpSize {
  if (type === "VP8L") {
    if (view.u8(at) !== 0x2f) throw corrupt("WebP lossless data without its signature");
    const bits = view.u32(at + 1, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1, alpha: ((bits >>> 28) & 1) === 1 };
  }
  if (view.u24le(at + 3) !== 0x2a019d) throw corrupt("WebP lossy data without its start code");
  return { width: view.u16(at + 6, true) & 0x3fff, height: view.u16(at + 8, true) & 0x3fff, alpha: false };
}
