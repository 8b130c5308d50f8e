// Encoded images prepared by the compiled binding, on threads of Node's pool: a fast way for PNG and JPEG that are usual and sound. What it
// declines goes the ordinary way, which says what is wrong. It reads no header of its own: sizes come from a reader that has applied the limits.

import { bindingAt, libraryPath } from "./binding.js";

/** A format that may be prepared here. */
export type NativeFormat = "png" | "jpeg";

/** What a header reader found of a file, within its limits. */
export interface NativeHeader {
  readonly format: NativeFormat;
  /** pixels, as the file stores them */
  readonly width: number;
  readonly height: number;
}

/** A way from files to a tower's bytes. */
export interface NativeImages {
  /** formats that were built in */
  readonly formats: readonly NativeFormat[];
  /**
   * Decodes, resizes the shortest side to S and crops the centre → bytes [S,S,3]: those of sharp and core's resizeCrop, in stored rows (EXIF is
   * the caller's). Undefined where the file is declined: damaged, 16 bits, CMYK, another size than the header's. `bytes` must not change until
   * then. Never rejects for what is in a file.
   */
  prepare(bytes: Uint8Array, header: NativeHeader, size: number): Promise<Uint8Array | undefined>;
}

/** The way, or why there is none here. */
export type NativeImagesFound =
  | { readonly images: NativeImages; readonly reason?: never }
  | { readonly images?: never; readonly reason: string };

/**
 * The image way that was built for this machine. It never throws: where there is none, `reason` says why and sharp serves.
 * `BIOVLM_NATIVE=off` in `env` leaves it out.
 *
 *     const { images, reason } = nativeImages();
 */
export function nativeImages(
  path: string = libraryPath(),
  env: Readonly<Record<string, string | undefined>> = process.env,
): NativeImagesFound {
  const { binding, reason } = bindingAt(path, env);
  if (binding === undefined) return { reason };
  const { imageFormats, prepareImage } = binding;
  if (imageFormats === undefined || prepareImage === undefined) return { reason: "the native build has no images" };
  const formats = imageFormats().filter((name): name is NativeFormat => name === "png" || name === "jpeg");
  return {
    images: {
      formats,
      prepare: async (bytes, { format, width, height }, size) =>
        (await prepareImage(bytes, format === "jpeg", width, height, size)) ?? undefined,
    },
  };
}
