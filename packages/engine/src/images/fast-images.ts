// The fast way from a file to a tower's bytes, where a native build is there: PNG and JPEG of 8 bits, upright. The header is read and every limit
// applied before, by the same reader as always; what the fast way does not take goes the ordinary way, which says what is wrong with it.

import { type DecodeOptions, type ImageInfo, readImageInfo } from "@biovlm/imaging/node";

/** Bytes of a file within the limits → [S,S,3]; undefined: the ordinary way. Never rejects. */
export type FastImages = (bytes: Uint8Array, limits: DecodeOptions, size: number) => Promise<Uint8Array | undefined>;

/** The fast way of this machine and its formats, or why there is none. */
export interface FastWay {
  readonly prepare?: FastImages;
  /** "native png, jpeg", or the reason that sharp prepares all images */
  readonly detail: string;
}

/** Finds the native build; BIOVLM_NATIVE=off leaves it out. Never rejects. */
export async function fastImages(env: Readonly<Record<string, string | undefined>> = process.env): Promise<FastWay> {
  const { nativeImages } = await import("@biovlm/core-native");
  const { images, reason } = nativeImages(undefined, env);
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

/** The header, or undefined where the ordinary way will refuse it. */
function infoOf(bytes: Uint8Array, limits: DecodeOptions): ImageInfo | undefined {
  try {
    return readImageInfo(bytes, limits);
  } catch {
    return undefined;
  }
}

/** One frame of 8 bits in colours that need no conversion, stored as it is shown. */
function usual({ bitDepth, colour, frames, orientation }: ImageInfo, { exif = "apply", ultrasoundRegion = false }: DecodeOptions): boolean {
  return !ultrasoundRegion && bitDepth <= 8 && colour !== "cmyk" && frames === 1 && (orientation <= 1 || exif === "ignore");
}
