// JPEG 2000 files (.jp2, .j2k) by the codec that DICOM has for its codestreams: grey and RGB to 16 bits. What that
// codec would give otherwise than a person expects (palettes, YCC, components of other sizes), or not at all (alpha), is refused.

import type { GreyRange } from "../decoder.js";
import type { CodecSamples, wasmCodecs } from "../dicom/codecs/wasm-codecs.js";
import { corrupt, unsupported } from "../errors.js";
import { greyToEight, valuesToEight } from "../grey-range.js";
import { ByteView } from "../headers/byte-view.js";
import { readJpeg2000Size } from "../headers/jpeg-2000.js";
import type { HeaderStart, ImageInfo } from "../image-info.js";
import { repeatedGrey, sixteenToEight } from "../pixels.js";

const [GREY, RGB] = [17, 16];
const AGAIN = "Save it again as PNG.";

/** @throws ImagingError `corrupt_image`, `unsupported_format` */
export function readJpeg2000Header(bytes: Uint8Array): HeaderStart {
  const { rows, columns, samples, components, colourSpace, palette } = readJpeg2000Size(new ByteView(bytes, "JPEG 2000"));
  if (rows < 0 || columns < 0) throw corrupt("JPEG 2000 whose size ends before its first pixel");
  const [first] = components;
  // what the codec takes: alpha is beyond it
  if (first === undefined || (samples !== 1 && samples !== 3))
    throw unsupported(`JPEG 2000 with ${samples} components`, "Save it as grey or RGB, without alpha.");
  const grey = samples === 1;
  if (palette || (colourSpace !== undefined && colourSpace !== (grey ? GREY : RGB)))
    throw unsupported("JPEG 2000 with a palette or colours that are neither grey nor RGB", "Save it as grey or RGB.");
  if (components.some(({ bits, signed, whole }) => bits !== first.bits || signed !== first.signed || !whole))
    throw unsupported("JPEG 2000 whose components differ in size, depth or sign", AGAIN);
  if (first.bits > 16 || (first.signed && samples > 1))
    throw unsupported(`JPEG 2000 with ${samples} components of ${first.bits} bits${first.signed ? " and a sign" : ""}`, AGAIN);
  return {
    format: "jpeg-2000",
    width: columns,
    height: rows,
    bitDepth: first.bits > 8 ? 16 : 8,
    colour: grey ? "grey" : "rgb",
    finish: () => ({
      frames: 1,
      orientation: 1,
      alpha: false,
      interlaced: false,
      ...(first.signed ? { values: "signed" as const } : {}),
    }),
  };
}

/**
 * Decodes a file whose header was found within the limits.
 * @returns RGB8 [height,width,3], and what is to be said of 16-bit grey
 * @throws ImagingError `corrupt_image`, `decoder_unavailable` (rejects)
 */
export async function decodeJpeg2000(
  bytes: Uint8Array,
  { width, height, values }: ImageInfo,
  range: GreyRange | undefined,
  codecs: ReturnType<typeof wasmCodecs>,
): Promise<{ readonly data: Uint8Array; readonly note?: string }> {
  const { samples: channels, components } = readJpeg2000Size(new ByteView(bytes, "JPEG 2000"));
  const bits = components[0]?.bits ?? 8;
  const decoded = await codecs("jpeg-2000", bytes, { rows: height, columns: width, samples: channels }, "a file");
  const samples = samplesOf(decoded, bits, values === "signed");
  if (channels === 3) return { data: bits === 8 && samples instanceof Uint8Array ? samples : eightBits(samples, bits) };
  if (range !== undefined && (bits > 8 || values !== undefined)) return { data: repeatedGrey(valuesToEight(samples, range)) };
  if (bits === 16 && samples instanceof Uint16Array) {
    const { data, note } = greyToEight(samples, 1, {}, undefined);
    return { data: repeatedGrey(data), ...(note === undefined ? {} : { note }) };
  }
  // the codestream's own depth is the range of its values
  return { data: repeatedGrey(eightBits(samples, bits)) };
}

function eightBits(samples: ArrayLike<number>, bits: number): Uint8Array {
  return samples instanceof Uint16Array && bits === 16 ? sixteenToEight(samples) : valuesToEight(samples, { low: 0, high: 2 ** bits - 1 });
}

/** Samples as the codec gives them, with their sign. */
function samplesOf(
  { bytes, bytesPerSample }: CodecSamples,
  bits: number,
  signed: boolean,
): Uint8Array | Int8Array | Uint16Array | Int16Array {
  if (bytesPerSample !== (bits > 8 ? 2 : 1))
    throw corrupt(`JPEG 2000 of ${bits} bits — expected as many from its codec, got ${8 * bytesPerSample}`);
  if (bytesPerSample === 1) return signed ? new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length) : bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = signed ? new Int16Array(bytes.length / 2) : new Uint16Array(bytes.length / 2);
  for (let at = 0; at < out.length; at++) out[at] = view.getUint16(2 * at, true);
  return out;
}
