// A ZSTD frame → its bytes, by libzstd compiled to WebAssembly (zstddec, loaded on first use). Never more than was expected: the codec is given
// room for that much and no more, whatever the frame says of itself.

import { corrupt, ImagingError } from "../errors.js";

/** Most bytes of one frame: the codec's memory does not shrink. */
const MAX_FRAME = 64 * 2 ** 20;

interface Decoder {
  init(): Promise<unknown>;
  decode(frame: Uint8Array, size: number): Uint8Array;
}

let loading: Promise<Decoder> | undefined;

function loadDecoder(): Promise<Decoder> {
  loading ??= import("zstddec")
    .then(async ({ ZSTDDecoder }) => {
      const decoder = new ZSTDDecoder();
      await decoder.init();
      return decoder;
    })
    .catch((cause: unknown) => {
      loading = undefined;
      throw new ImagingError(
        "decoder_unavailable",
        "the codec for ZSTD cannot be loaded — expected the package zstddec, and WebAssembly that may be compiled. Install the packages again.",
        { cause },
      );
    });
  return loading;
}

/** Refuses a frame that would be too large, before anything is allocated for it. @throws ImagingError `too_large` */
export function requireFrame(size: number): void {
  if (size > MAX_FRAME)
    throw new ImagingError(
      "too_large",
      `TIFF with ZSTD in blocks of ${size} bytes — expected at most ${MAX_FRAME}. Save it with smaller strips or tiles.`,
    );
}

/**
 * Unpacks one frame.
 * @param size bytes that it must have
 * @throws ImagingError `corrupt_image` where it has others; `too_large`, `decoder_unavailable`
 */
export async function unpackZstd(frame: Uint8Array, size: number): Promise<Uint8Array> {
  requireFrame(size);
  const decoder = await loadDecoder();
  const bytes = decoder.decode(frame, size);
  if (bytes.length !== size)
    throw corrupt(`TIFF with ZSTD — expected ${size} bytes of a block, got ${bytes.length || "a frame that does not unpack to them"}`);
  return bytes;
}
