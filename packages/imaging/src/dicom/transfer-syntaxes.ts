// Transfer syntaxes: which are read and by which codec, and the words for those that are not.

import { ImagingError } from "../errors.js";

/** Transfer syntaxes without a codec. */
export const SYNTAX = {
  implicit: "1.2.840.10008.1.2",
  explicit: "1.2.840.10008.1.2.1",
  deflated: "1.2.840.10008.1.2.1.99",
  bigEndian: "1.2.840.10008.1.2.2",
} as const;

/** How frames are coded. */
export type FrameCoding = "native" | "rle" | "jpeg" | "jpeg-twelve-bit" | "jpeg-lossless" | "jpeg-ls" | "jpeg-2000" | "htj2k";

const JPEG = "1.2.840.10008.1.2.4.";

const CODINGS: Readonly<Record<string, FrameCoding>> = {
  [SYNTAX.implicit]: "native",
  [SYNTAX.explicit]: "native",
  [SYNTAX.deflated]: "native",
  [SYNTAX.bigEndian]: "native",
  "1.2.840.10008.1.2.5": "rle",
  [`${JPEG}50`]: "jpeg",
  [`${JPEG}51`]: "jpeg-twelve-bit",
  [`${JPEG}53`]: "jpeg-twelve-bit",
  [`${JPEG}55`]: "jpeg-twelve-bit",
  [`${JPEG}57`]: "jpeg-lossless",
  [`${JPEG}70`]: "jpeg-lossless",
  [`${JPEG}80`]: "jpeg-ls",
  [`${JPEG}81`]: "jpeg-ls",
  [`${JPEG}90`]: "jpeg-2000",
  [`${JPEG}91`]: "jpeg-2000",
  [`${JPEG}201`]: "htj2k",
  [`${JPEG}202`]: "htj2k",
  [`${JPEG}203`]: "htj2k",
};

/** Names of syntaxes that are recognised and not read. */
function refusedName(syntax: string): string {
  const last = Number(syntax.slice(JPEG.length));
  if (!syntax.startsWith(JPEG) || !Number.isInteger(last)) return "a transfer syntax that is not read";
  if (last >= 92 && last <= 93) return "JPEG 2000 of several components (part 2)";
  if (last >= 94 && last <= 95) return "frames that a server sends on request (JPIP)";
  if (last >= 100 && last <= 106) return "MPEG video";
  if (last >= 107 && last <= 108) return "HEVC video";
  if (last >= 110 && last <= 112) return "JPEG XL";
  return "a transfer syntax that is not read";
}

/** How the frames of a file are coded. @throws ImagingError `unsupported_format` */
export function frameCoding(syntax: string): FrameCoding {
  const coding = CODINGS[syntax];
  if (coding !== undefined) return coding;
  throw new ImagingError(
    "unsupported_format",
    `DICOM with ${refusedName(syntax)} — expected uncompressed, RLE, JPEG, JPEG-LS, JPEG 2000 or HTJ2K. Have the archive send it uncompressed (for instance: gdcmconv --raw in.dcm out.dcm).`,
  );
}
