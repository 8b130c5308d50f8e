// Opens slides from files, in Node: bytes by range from a file handle, tiles decoded by sharp and the installed codecs.

import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { wasmCodecs } from "../dicom/codecs/wasm-codecs.js";
import { corrupt, ImagingError } from "../errors.js";
import { dicomSlide } from "../slides/dicom-slide.js";
import { RangeReader } from "../slides/range-reader.js";
import { type Slide, slideOf } from "../slides/slide.js";
import { type TileDecoders, tiffSlide } from "../slides/tiff-slide.js";
import { installedCodecs } from "./installed-codecs.js";
import { decodeTileTiff } from "./sharp-decoder.js";

const decoders: TileDecoders = { tiff: decodeTileTiff, codecs: wasmCodecs(installedCodecs) };
/** Files of a folder that are opened at once: a slide has a file a level. */
const MAX_FILES = 100;

/** How a file begins that may be a slide. */
async function formatOf(reader: RangeReader): Promise<"tiff" | "dicom" | undefined> {
  const head = await reader.range(0, Math.min(132, reader.size));
  const text = String.fromCharCode(...head.subarray(0, 4));
  if (String.fromCharCode(...head.subarray(128, 132)) === "DICM") return "dicom";
  return ["II*\0", "MM\0*", "II+\0", "MM\0+"].includes(text) ? "tiff" : undefined;
}

async function readerOf(file: FileHandle): Promise<RangeReader> {
  const info = await file.stat();
  if (!info.isFile()) throw new ImagingError("unsupported_format", "slide — expected a file or a folder, got something else. Give a file.");
  return new RangeReader({
    size: info.size,
    async read(at, length) {
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const { bytesRead } = await file.read(bytes, done, length - done, at + done);
        if (bytesRead === 0) throw corrupt(`slide that ended while it was read — expected ${length} bytes at ${at}, got ${done}`);
        done += bytesRead;
      }
      return bytes;
    },
  });
}

/** The path, or the files of the folder that it names. */
async function filesOf(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const names = (await readdir(path, { withFileTypes: true })).filter((entry) => entry.isFile()).map(({ name }) => name);
  if (names.length > MAX_FILES)
    throw new ImagingError(
      "too_many_frames",
      `folder of ${names.length} files — expected at most ${MAX_FILES}, the levels of one slide. Put each slide into a folder of its own.`,
    );
  return names.sort().map((name) => join(path, name));
}

/**
 * Opens a whole-slide image.
 * @param path a regular file; or a folder of the levels of one DICOM slide, whose other files are left out
 * @throws ImagingError `empty_input`, `unsupported_format`, `corrupt_image`, `too_large`, `too_many_frames`; the system's error of a file that cannot be opened
 * @example const slide = await openSlide("slide.svs"); const { data } = await slide.region({ level: 0, x: 0, y: 0, width: 224, height: 224 });
 */
export async function openSlide(path: string): Promise<Slide> {
  const files = await filesOf(path);
  const handles: FileHandle[] = [];
  const close = async () => {
    for (const file of handles) await file.close();
  };
  try {
    const levels: RangeReader[] = [];
    for (const name of files) {
      const file = await open(name, "r");
      handles.push(file);
      const reader = await readerOf(file);
      if (reader.size === 0 && files.length === 1)
        throw new ImagingError("empty_input", "empty file — expected a slide, got no bytes. Check that it was written completely.");
      const format = reader.size === 0 ? undefined : await formatOf(reader);
      if (format === "tiff" && files.length === 1) return slideOf(await tiffSlide(reader, decoders), close);
      if (format === "dicom") levels.push(reader);
    }
    if (levels.length === 0)
      throw new ImagingError(
        "unsupported_format",
        "no slide — expected a tiled TIFF (SVS, OME-TIFF), a DICOM whole slide, or a folder of one. Read other images as images.",
      );
    return slideOf(await dicomSlide(levels, decoders.codecs), close);
  } catch (error) {
    await close();
    throw error;
  }
}
