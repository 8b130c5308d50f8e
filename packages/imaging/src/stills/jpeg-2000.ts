// JPEG 2000 files (.jp2, .j2k) by the codec that DICOM has for its codestreams: grey, RGB and palettes to 16 bits, with alpha or without. Other
// colours and components of other sizes are refused.

import type { GreyRange } from "../decoder.js";
import type { CodecSamples, wasmCodecs } from "../dicom/codecs/wasm-codecs.js";
import { sampleAt } from "../element-read.js";
import { corrupt, unsupported } from "../errors.js";
import { greyToEight, valuesToEight } from "../grey-range.js";
import { ByteView } from "../headers/byte-view.js";
import { type Jpeg2000Size, readJpeg2000Size } from "../headers/jpeg-2000.js";
import type { HeaderStart, ImageInfo } from "../image-info.js";
import { repeatedGrey, sixteenToEight } from "../pixels.js";
import { channelsOf, type Jpeg2000Channels, type Jpeg2000Palette } from "./jpeg-2000-channels.js";

const AGAIN = "Save it again as PNG.";

/** A file's size, its channels, and what the components that they need have in common. */
interface OpenJpeg2000 {
  readonly view: ByteView;
  readonly size: Jpeg2000Size;
  readonly channels: Jpeg2000Channels;
  readonly bits: number;
  readonly signed: boolean;
}

function openJpeg2000(bytes: Uint8Array): OpenJpeg2000 {
  const view = new ByteView(bytes, "JPEG 2000");
  const size = readJpeg2000Size(view);
  if (size.rows < 0 || size.columns < 0) throw corrupt("JPEG 2000 whose size ends before its first pixel");
  const channels = channelsOf(view, size);
  const needed = channels.components.map((component) => size.components[component]);
  const [first] = needed;
  if (first === undefined) throw corrupt("JPEG 2000 without components");
  const { bits, signed } = first;
  if (
    needed.some((one) => one?.bits !== bits || one.signed !== signed) ||
    size.components.some(({ across, down }) => across !== 1 || down !== 1)
  )
    throw unsupported("JPEG 2000 whose components differ in size, depth or sign", AGAIN);
  if (bits > 16 || (signed && !(channels.grey && channels.palette === undefined)))
    throw unsupported(`JPEG 2000 with ${size.samples} components of ${bits} bits${signed ? " and a sign" : ""}`, AGAIN);
  return { view, size, channels, bits, signed };
}

/** @throws ImagingError `corrupt_image`, `unsupported_format` */
export function readJpeg2000Header(bytes: Uint8Array): HeaderStart {
  const { size, channels, bits, signed } = openJpeg2000(bytes);
  const { grey, alpha, palette } = channels;
  return {
    format: "jpeg-2000",
    width: size.columns,
    height: size.rows,
    bitDepth: bits > 8 ? 16 : 8,
    colour: palette !== undefined ? "palette" : grey ? "grey" : "rgb",
    finish: () => ({
      frames: 1,
      orientation: 1,
      alpha,
      interlaced: false,
      ...(signed ? { values: "signed" as const } : {}),
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
  const { size, channels, bits, signed } = openJpeg2000(bytes);
  const { components, palette, grey } = channels;
  const all = components.length === size.samples && components.every((component, i) => component === i);
  const decoded = await codecs(
    "jpeg-2000",
    bytes.subarray(size.codestream.start, size.codestream.end),
    { rows: height, columns: width, samples: size.samples, ...(all ? {} : { chosen: { components, bits, signed } }) },
    "a file",
  );
  const samples = samplesOf(decoded, bits, values === "signed");
  if (palette !== undefined) return { data: ofPalette(samples, palette) };
  if (!grey) return { data: bits === 8 && samples instanceof Uint8Array ? samples : eightBits(samples, bits) };
  if (range !== undefined && (bits > 8 || values !== undefined)) return { data: repeatedGrey(valuesToEight(samples, range)) };
  if (bits === 16 && samples instanceof Uint16Array) {
    const { data, note } = greyToEight(samples, 1, {}, undefined);
    return { data: repeatedGrey(data), ...(note === undefined ? {} : { note }) };
  }
  // the codestream's own depth is the range of its values
  return { data: repeatedGrey(eightBits(samples, bits)) };
}

/** Indices → RGB8; those beyond the palette are its last colour. */
function ofPalette(indices: ArrayLike<number>, { entries, columns }: Jpeg2000Palette): Uint8Array {
  const eight = columns.map(({ values, bits }) => eightBits(values, bits));
  const rgb = new Uint8Array(indices.length * 3);
  for (let i = 0; i < indices.length; i++) {
    const index = Math.min(sampleAt(indices, i), entries - 1);
    for (let channel = 0; channel < 3; channel++) rgb[3 * i + channel] = sampleAt(eight[channel] ?? eight[0] ?? [], index);
  }
  return rgb;
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
