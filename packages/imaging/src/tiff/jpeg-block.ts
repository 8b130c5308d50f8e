// A strip or tile of JPEG: what all blocks share (tables) and what the block has, as one codestream whose colours are what TIFF says, whatever
// marks for other programs stand in it. Decoded by the codec of DICOM, libjpeg-turbo.

import type { wasmCodecs } from "../dicom/codecs/wasm-codecs.js";
import { corrupt, unsupported } from "../errors.js";
import { ByteView } from "../headers/byte-view.js";
import { readJpegHeader } from "../headers/jpeg.js";
import { joinedBytes } from "../joined.js";

/** What a block must be. */
export interface JpegBlock {
  readonly width: number;
  /** rows that the image needs of it, and most that it may have */
  readonly rows: number;
  readonly mostRows: number;
  readonly samples: number;
  /** whether its colours are YCbCr */
  readonly ycbcr: boolean;
}

const SOI = [0xff, 0xd8];

/** Adobe's mark: 0 is RGB as it is, 1 is YCbCr. */
const adobe = (transform: 0 | 1) => [0xff, 0xee, 0, 14, 0x41, 0x64, 0x6f, 0x62, 0x65, 0, 100, 0, 0, 0, 0, transform];

/** Segments in front of a scan, or of the end, without those of applications; and the rest as it is. */
function withoutMarks(bytes: Uint8Array): Uint8Array[] {
  const view = new ByteView(bytes, "JPEG in TIFF");
  if (view.u16(0) !== 0xffd8) throw corrupt("TIFF with JPEG — expected a start marker, got other bytes");
  const parts: Uint8Array[] = [];
  for (let at = 2; at < bytes.length; ) {
    if (view.u8(at) !== 0xff) throw corrupt("TIFF with JPEG — expected a marker, got other bytes");
    const marker = view.u8(at + 1);
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0xd9) break;
    if (marker === 0xda) {
      parts.push(bytes.subarray(at));
      break;
    }
    const end = at + 2 + view.u16(at + 2);
    view.need(at, end - at);
    if (!(marker >= 0xe0 && marker <= 0xef) && marker !== 0xfe) parts.push(bytes.subarray(at, end));
    at = end;
  }
  return parts;
}

/**
 * Decodes a block.
 * @returns samples by pixel, of at least the rows that the image needs
 * @throws ImagingError `corrupt_image`, `unsupported_format`, `too_large`, `decoder_unavailable`
 */
export async function decodeJpegBlock(
  bytes: Uint8Array,
  tables: Uint8Array | undefined,
  { width, rows, mostRows, samples, ycbcr }: JpegBlock,
  codecs: ReturnType<typeof wasmCodecs>,
): Promise<Uint8Array> {
  if (samples !== 1 && samples !== 3)
    throw unsupported(
      `TIFF with ${samples === 4 ? "CMYK" : `${samples} samples a pixel`} in JPEG is not read in browsers`,
      "Save it as RGB, or without JPEG.",
    );
  const shared = tables === undefined ? [] : withoutMarks(tables);
  const stream = joinedBytes([SOI, ...(samples === 3 ? [adobe(ycbcr ? 1 : 0)] : []), ...shared, ...withoutMarks(bytes)]);
  const header = readJpegHeader(stream);
  if (header.width !== width || header.height < rows || header.height > mostRows)
    throw corrupt(`TIFF with JPEG — expected a block of ${width}×${rows}, got ${header.width}×${header.height}`);
  header.finish();
  const decoded = await codecs("jpeg", stream, { rows: header.height, columns: width, samples }, "TIFF");
  if (decoded.bytesPerSample !== 1 || decoded.planar) throw corrupt("TIFF with JPEG — expected 8 bits a sample, by pixel, got others");
  return decoded.bytes;
}
