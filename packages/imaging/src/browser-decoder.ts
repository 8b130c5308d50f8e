// Decodes in browsers: PNG by our own decoder (exact with alpha and 16 bits), JPEG and WebP by createImageBitmap.
// TIFF by our own reader (tiff/own-tiff.ts), loaded when the first one comes: browsers do not read it. CMYK JPEG is refused: each browser converts it in its own way.
// Orientation is applied by us: browsers turn JPEG even when asked not to (imageOrientation "none"), so they are not shown the EXIF block.

import type { ImageDecoder, ImageFormat, ResolvedDecodeOptions } from "./decoder.js";
import type { CodecSource, wasmCodecs } from "./dicom/codecs/wasm-codecs.js";
import { corrupt, ImagingError, unsupported } from "./errors.js";
import { ByteView } from "./headers/byte-view.js";
import type { ImageInfo } from "./image-info.js";
import { dropAlpha, turnUpright } from "./pixels.js";
import { decodePng } from "./png-decoder.js";
import { imageDecoder } from "./still-image.js";
import { OWN_FORMATS } from "./stills/own-stills.js";
import { withinTime } from "./time-limit.js";

const hasBitmaps = (): boolean => typeof createImageBitmap === "function" && typeof OffscreenCanvas === "function";

/** Settings of a page. */
export interface BrowserDecoderOptions {
  /** Where the codecs of compressed DICOM come from: the page's own origin. Without it such files are refused, `decoder_unavailable`. */
  readonly codecs?: CodecSource;
}

const noCodecs: CodecSource = async () => {
  throw new Error("no source of codecs was given");
};

/** A decoder on what the browser has. Outside a browser (Node, some workers) it still reads PNG, TIFF, BMP, GIF, PNM, DICOM and volumes. */
export function browserDecoder({ codecs = noCodecs }: BrowserDecoderOptions = {}): ImageDecoder {
  return {
    name: "browser",
    get formats(): readonly ImageFormat[] {
      return hasBitmaps() ? ["png", "jpeg", "webp", "tiff", ...OWN_FORMATS] : ["png", "tiff", ...OWN_FORMATS];
    },
    ...imageDecoder(async (bytes, info, limits, wasm) => {
      const { data, note } = await withinTime(pixelsOf(bytes, info, limits, wasm), limits.timeoutMs);
      const upright = turnUpright(data, info.width, info.height, limits.exif === "apply" ? info.orientation : 1);
      return { ...upright, format: info.format, ...(note === undefined ? {} : { notes: [note], unsaidRange: true as const }) };
    }, codecs),
  };
}

/** RGB8 [height,width,3] in stored rows, and what is to be said of them. */
async function pixelsOf(
  bytes: Uint8Array,
  info: ImageInfo,
  limits: ResolvedDecodeOptions,
  codecs: ReturnType<typeof wasmCodecs>,
): Promise<{ readonly data: Uint8Array; readonly note?: string }> {
  if (info.format === "png") return decodePng(bytes, info, limits.range);
  if (info.format === "tiff") return (await import("./tiff/own-tiff.js")).decodeTiff(bytes, info, limits, codecs);
  return { data: await decodeBitmap(bytes, info) };
}

async function decodeBitmap(bytes: Uint8Array, info: ImageInfo): Promise<Uint8Array> {
  if (info.colour === "cmyk")
    throw unsupported("CMYK JPEG is not read in browsers", "Save it as RGB, or use the command line or the server.");
  if (!hasBitmaps()) {
    throw new ImagingError(
      "decoder_unavailable",
      `no decoder for ${info.format.toUpperCase()} here — expected a browser with createImageBitmap and OffscreenCanvas. In Node import @biovlm/imaging/node.`,
    );
  }
  let bitmap: ImageBitmap;
  try {
    const plain = info.orientation === 1 ? bytes : withoutExif(bytes, info);
    const blob = new Blob([plain as BlobPart], { type: `image/${info.format}` });
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch (cause) {
    throw corrupt(`${info.format.toUpperCase()} that does not decode (${info.width}×${info.height})`, cause);
  }
  try {
    if (bitmap.width !== info.width || bitmap.height !== info.height) {
      throw corrupt(
        `${info.format.toUpperCase()} sizes disagree — header ${info.width}×${info.height}, data ${bitmap.width}×${bitmap.height}`,
      );
    }
    return dropAlpha(info.alpha ? readThroughTexture(bitmap) : readThroughCanvas(bitmap));
  } finally {
    bitmap.close();
  }
}

/** A copy whose EXIF block no longer carries its name, so that no reader finds an orientation in it. Nothing moves. */
function withoutExif(bytes: Uint8Array, { format }: ImageInfo): Uint8Array {
  const copy = bytes.slice();
  const view = new ByteView(copy, format);
  if (format === "webp") {
    for (let at = 12; at + 8 <= copy.length; at += 8 + view.u32(at + 4, true) + (view.u32(at + 4, true) & 1)) {
      if (view.has(at, "VP8X")) copy[at + 8] = view.u8(at + 8) & ~0x08;
      else if (view.has(at, "EXIF")) copy.set([0x58, 0x58, 0x58, 0x58], at);
    }
    return copy;
  }
  // In entropy-coded data 0xFF is never followed by 0xE1, so this finds segments, whole or within other metadata, and no pixels.
  for (let at = copy.indexOf(0xff); at >= 0; at = copy.indexOf(0xff, at + 1)) {
    if (copy[at + 1] === 0xe1 && view.has(at + 4, "Exif\0\0")) copy[at + 4] = 0x58;
  }
  return copy;
}

/** RGBA of an opaque bitmap. */
function readThroughCanvas(bitmap: ImageBitmap): Uint8ClampedArray {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  if (context === null)
    throw new ImagingError("decoder_unavailable", "no 2D canvas in this browser. Close other pages or use another browser.");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height).data;
}

/** RGBA of a bitmap with alpha, through a WebGL texture: a 2D canvas would premultiply and lose the colours under the alpha. */
function readThroughTexture(bitmap: ImageBitmap): Uint8Array {
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2", { antialias: false, depth: false });
  if (gl === null) throw unsupported("WebP with alpha needs WebGL in browsers", "Save it as PNG.");
  try {
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
    gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, gl.getParameter(gl.TEXTURE_BINDING_2D), 0);
    if (gl.checkFramebufferStatus(gl.FRAMEBUFFER) !== gl.FRAMEBUFFER_COMPLETE)
      throw unsupported("WebP with alpha, too large for this device", "Save it as PNG.");
    const rgba = new Uint8Array(bitmap.width * bitmap.height * 4);
    gl.readPixels(0, 0, bitmap.width, bitmap.height, gl.RGBA, gl.UNSIGNED_BYTE, rgba);
    return rgba;
  } finally {
    gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}
