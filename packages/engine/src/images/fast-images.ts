// The fast way from a file to a tower's bytes, where a native build is there: PNG and JPEG of 8 bits, upright. The header is read and every limit
// applied before, by the same reader as always; what the fast way does not take goes the ordinary way, which says what is wrong with it.

import type { NativeImagesFound } from "@biovlm/core-native";
import { type DecodeOptions, type ImageInfo, mended, readImageInfo } from "@biovlm/imaging/node";

/** Bytes of a file within the limits → [S,S,3]; undefined: the ordinary way. Never rejects. */
export type FastImages = (bytes: Uint8Array, limits: DecodeOptions, size: number) => Promise<Uint8Array | undefined>;

/** The fast way of this machine and its formats, or why there is none. */
export interface FastWay {
  readonly prepare?: FastImages;
  /** "native png, jpeg", or the reason that sharp prepares all images */
  readonly detail: string;
}

/** Most pixels taken where there is a time limit: one that is made to take long (a hundred scans) ends within seconds. */
const MOST_TIMED_PIXELS = 2 ** 24;

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Finds the native build; BIOVLM_NATIVE=off leaves it out. Never rejects.
 * @param find how it is found: core-native's `nativeImages` unless given
 */
export async function fastImages(env: Env = process.env, find: (env: Env) => Promise<NativeImagesFound> = built): Promise<FastWay> {
  const { images, reason } = await find(env);
  if (images === undefined) return { detail: reason };
  const prepare: FastImages = async (bytes, limits, size) => {
    const info = infoOf(bytes, limits);
    if (info === undefined || !usual(info, limits)) return undefined;
    const { format, width, height } = info;
    const known = images.formats.find((name) => name === format);
    if (known === undefined) return undefined;
    return images.prepare(bytes, { format: known, width, height }, size).catch(() => undefined);
  };
  return { prepare, detail: `native ${images.formats.join(", ")}` };
}

async function built(env: Env): Promise<NativeImagesFound> {
  const { nativeImages } = await import("@biovlm/core-native");
  return nativeImages(undefined, env);
}

/** The header, or undefined where the ordinary way will refuse the file or has something to say of it. */
function infoOf(bytes: Uint8Array, limits: DecodeOptions): ImageInfo | undefined {
  try {
    const info = readImageInfo(bytes, limits);
    return mended(bytes).notes.length === 0 ? info : undefined;
  } catch {
    return undefined;
  }
}

/** One frame of 8 bits in colours that need no conversion, stored as it is shown. */
function usual(
  { bitDepth, colour, frames, orientation, width, height }: ImageInfo,
  { exif = "apply", ultrasoundRegion = false, range, timeoutMs }: DecodeOptions,
): boolean {
  if (timeoutMs !== undefined && width * height > MOST_TIMED_PIXELS) return false;
  return (
    !ultrasoundRegion &&
    range === undefined &&
    bitDepth <= 8 &&
    colour !== "cmyk" &&
    frames === 1 &&
    (orientation <= 1 || exif === "ignore")
  );
}
