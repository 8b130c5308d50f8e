// Opens slides from files, in Node: bytes by range from a file handle, tiles decoded by sharp and the installed codecs.

import { open } from "node:fs/promises";
import { wasmCodecs } from "../dicom/codecs/wasm-codecs.js";
import { corrupt, ImagingError } from "../errors.js";
import { RangeReader } from "../slides/range-reader.js";
import { type Slide, slideOf } from "../slides/slide.js";
import { type TileDecoders, tiffSlide } from "../slides/tiff-slide.js";
import { installedCodecs } from "./installed-codecs.js";
import { decodeTileTiff } from "./sharp-decoder.js";

const decoders: TileDecoders = { tiff: decodeTileTiff, codecs: wasmCodecs(installedCodecs) };

/** How a file begins that may be a slide. */
function formatOf(head: Uint8Array): "tiff" | "dicom" | undefined {
  const text = String.fromCharCode(...head.subarray(0, 4));
  if (String.fromCharCode(...head.subarray(128, 132)) === "DICM") return "dicom";
  return ["II*\0", "MM\0*", "II+\0", "MM\0+"].includes(text) ? "tiff" : undefined;
}

/**
 * Opens a whole-slide image.
 * @param path a regular file
 * @throws ImagingError `unsupported_format`, `corrupt_image`, `too_large`; the system's error of a file that cannot be opened
 * @example const slide = await openSlide("slide.svs"); const { data } = await slide.region({ level: 0, x: 0, y: 0, width: 224, height: 224 });
 */
export async function openSlide(path: string): Promise<Slide> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    if (size === 0)
      throw new ImagingError("empty_input", "empty file — expected a slide, got no bytes. Check that it was written completely.");
    const reader = new RangeReader({
      size,
      async read(at, length) {
        const bytes = new Uint8Array(length);
        let done = 0;
        while (done < length) {
          const { bytesRead } = await file.read(bytes, done, length - done, at + done);
          if (bytesRead === 0) throw corrupt(`slide that ended while it was read — expected ${length} bytes at ${at}, got ${done}`);
          done += bytesRead;
        }
        return bytes;
      },
    });
    const format = formatOf(await reader.range(0, Math.min(132, size)));
    if (format !== "tiff")
      throw new ImagingError(
        "unsupported_format",
        "file that is no slide — expected a tiled TIFF (SVS, OME-TIFF). Read other images as images.",
      );
    return slideOf(await tiffSlide(reader, decoders), () => file.close());
  } catch (error) {
    await file.close();
    throw error;
  }
}
