// The table of formats, by content: what is read, and what is recognised only to be refused with advice.
// A new format is one row here and one header reader. DICOM, which has frames and no header of a few bytes, is read by its own room (dicom/);
// its row stands here because its preamble may hold another format's signature. So are volumes (volumes/).

import { ImagingError, READ_FORMATS, unsupported } from "./errors.js";
import { ByteView } from "./headers/byte-view.js";
import { readJpegHeader } from "./headers/jpeg.js";
import { readPngHeader } from "./headers/png.js";
import { readTiffHeader } from "./headers/tiff.js";
import { readWebpHeader } from "./headers/webp.js";
import type { HeaderStart } from "./image-info.js";
import { readBmpHeader } from "./stills/bmp.js";
import { readGifHeader } from "./stills/gif.js";
import { readJpeg2000Header } from "./stills/jpeg-2000.js";
import { readPnmHeader } from "./stills/pnm.js";
import { isNifti } from "./volumes/nifti.js";

/** One row: how the format is recognised, and either its header reader or the advice given when it is refused. */
export type FormatRow = { readonly name: string; matches(view: ByteView): boolean } & (
  | { read(bytes: Uint8Array): HeaderStart; readonly advice?: never }
  | { readonly advice: string; read?: never }
);

const TO_PNG = "Convert it to PNG first.";
const BY_DECODER = "Its header is read by the decoder alone.";

const startsWith =
  (...texts: string[]) =>
  (view: ByteView): boolean =>
    texts.some((text) => view.has(0, text));

/** First match wins. Order matters where one signature is the start of another; DICOM's preamble may hold a TIFF header. */
const IMAGE_FORMATS: readonly FormatRow[] = [
  { name: "PNG", matches: startsWith("\x89PNG\r\n\x1a\n"), read: readPngHeader },
  { name: "JPEG", matches: startsWith("\xff\xd8\xff"), read: readJpegHeader },
  { name: "WebP", matches: (view) => view.has(0, "RIFF") && view.has(8, "WEBP"), read: readWebpHeader },
  {
    name: "DICOM",
    matches: isDicom,
    advice: BY_DECODER,
  },
  { name: "TIFF", matches: startsWith("II*\0", "MM\0*", "II+\0", "MM\0+"), read: readTiffHeader },
  { name: "GIF", matches: startsWith("GIF87a", "GIF89a"), read: readGifHeader },
  {
    name: "BMP",
    matches: (view) => view.has(0, "BM") && view.length >= 26 && view.u32(14, true) >= 12 && view.u32(14, true) <= 256,
    read: readBmpHeader,
  },
  { name: "JPEG 2000", matches: startsWith("\0\0\0\x0cjP  ", "\xff\x4f\xff\x51"), read: readJpeg2000Header },
  { name: "JPEG XL", matches: startsWith("\0\0\0\x0cJXL ", "\xff\x0a"), advice: TO_PNG },
  { name: "HEIC or AVIF", matches: (view) => view.has(4, "ftyp"), advice: TO_PNG },
  { name: "NIfTI", matches: isNifti, advice: BY_DECODER },
  {
    name: "Analyze 7.5",
    matches: (view) => view.length >= 348 && (view.u32(0, true) === 348 || view.u32(0) === 348) && /^[\0r]$/.test(ascii(view, 1, 38)),
    advice: "It does not say which side is left; save it as NIfTI where that is known (for instance: fslchfiletype NIFTI_GZ in.hdr out).",
  },
  { name: "NRRD", matches: startsWith("NRRD000"), advice: BY_DECODER },
  { name: "gzip", matches: startsWith("\x1f\x8b"), advice: "Unpack it first; of volumes, NIfTI (.nii.gz) is read as it is." },
  { name: "NumPy", matches: startsWith("\x93NUMPY"), advice: "Save the array as PNG, or name it as a data set where one is read." },
  { name: "ZIP", matches: startsWith("PK\x03\x04", "PK\x05\x06"), advice: "Unpack it and pass the images." },
  { name: "PDF", matches: startsWith("%PDF-"), advice: "Export the picture as PNG." },
  { name: "Photoshop", matches: startsWith("8BPS"), advice: TO_PNG },
  {
    name: "PNM",
    matches: (view) => view.length > 2 && /^P[1-7]$/.test(ascii(view, 2)) && /\s/.test(String.fromCharCode(view.u8(2))),
    read: readPnmHeader,
  },
  { name: "SVG, XML or HTML", matches: isMarkup, advice: "Vector graphics and web pages are not images here; export pixels as PNG." },
];

/** The row whose signature the bytes carry and that has a reader. @throws ImagingError `unsupported_format` */
export function imageFormatOf(bytes: Uint8Array): FormatRow & { read(bytes: Uint8Array): HeaderStart } {
  const view = new ByteView(bytes, "image");
  const row = IMAGE_FORMATS.find(({ matches }) => matches(view));
  if (row === undefined) {
    const opening = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    throw unsupported(
      `unrecognised bytes (they begin with ${opening})`,
      "Check that the file is an image; a name's ending is not looked at.",
    );
  }
  if (row.read === undefined)
    throw new ImagingError("unsupported_format", `${row.name} is not read — expected ${READ_FORMATS}. ${row.advice}`);
  return row;
}

/** Whether the bytes are a DICOM file: their first match in the table. */
export function isDicomFile(bytes: Uint8Array): boolean {
  return isNamed(bytes, "DICOM");
}

/** Whether the bytes are a TIFF: their first match in the table. */
export function isTiffFile(bytes: Uint8Array): boolean {
  return isNamed(bytes, "TIFF");
}

function isNamed(bytes: Uint8Array, name: string): boolean {
  const view = new ByteView(bytes, "image");
  return IMAGE_FORMATS.find(({ matches }) => matches(view))?.name === name;
}

/** With the preamble of part 10, or raw: a first element of group 0002 or 0008 with a value representation or a length that fits. */
function isDicom(view: ByteView): boolean {
  if (view.has(128, "DICM")) return true;
  if (view.length < 16) return false;
  const [group, element] = [view.u16(0, true), view.u16(2, true)];
  if (!(group === 0x0002 && element <= 0x0102) && !(group === 0x0008 && element <= 0x0070)) return false;
  const explicit = /^(AE|AS|CS|DA|DT|IS|LO|OB|PN|SH|ST|TM|UI|UL|US)$/.test(ascii(view, 2, 4));
  const length = view.u32(4, true);
  return explicit || (length <= 64 && length % 2 === 0 && 8 + length <= view.length);
}

function isMarkup(view: ByteView): boolean {
  const text = ascii(view, 512)
    .replace(/^\xef\xbb\xbf/, "")
    .trimStart();
  return /^<(\?xml|!doctype|!--|svg|html|head|body)/i.test(text) || /<svg[\s>]/i.test(text);
}

function ascii(view: ByteView, count: number, from = 0): string {
  return String.fromCharCode(...view.bytes.subarray(from, from + count));
}
