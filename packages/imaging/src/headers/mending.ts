// Faults of PNG and JPEG that lose no pixel, mended before anything is decoded, so that the decoders can stay strict: what phones and old
// writers leave behind, and what other readers take with a warning. What is cut off or damaged stays as it is, and is refused later.

import { joinedBytes } from "../joined.js";
import { ByteView } from "./byte-view.js";

/** Bytes without the fault, and what was mended. */
export interface Mended {
  readonly bytes: Uint8Array;
  readonly notes: readonly string[];
}

const IEND = Uint8Array.of(0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82);
const [SOI, EOI, SOS] = [0xd8, 0xd9, 0xda];
const SEQUENTIAL = [0xc0, 0xc1];
const hasPayload = (marker: number) => marker !== SOI && marker !== EOI && marker !== 0x01 && !(marker >= 0xd0 && marker <= 0xd7);

/** The bytes as they are, or mended in a copy. Never throws: what makes no sense is left to the header readers. */
export function mended(bytes: Uint8Array): Mended {
  const view = new ByteView(bytes, "image");
  if (view.has(0, "\x89PNG\r\n\x1a\n")) return mendedPng(view);
  return view.has(0, "\xff\xd8") ? mendedJpeg(view) : { bytes, notes: [] };
}

/** A PNG that ends after a whole chunk of image data, or within its end chunk, gets the end chunk. */
function mendedPng(view: ByteView): Mended {
  const { bytes } = view;
  const whole = { bytes, notes: [] };
  let [at, last] = [8, ""];
  while (at + 12 <= bytes.length) {
    const [length, type] = [view.u32(at), view.tag(at + 4)];
    if (type === "IEND" || length > bytes.length - at - 12) break;
    last = type;
    at += length + 12;
  }
  const rest = bytes.subarray(at);
  if (last !== "IDAT" && !/^[a-z]/.test(last)) return whole;
  if (rest.length >= IEND.length || rest.some((byte, i) => byte !== IEND[i])) return whole;
  return { bytes: joinedBytes([bytes.subarray(0, at), IEND]), notes: ["the PNG ends without its end chunk"] };
}

/** Segments of a JPEG up to its first scan: bytes between them are left out; a sequential scan of "coefficients 0 to 0" holds all 64. */
function mendedJpeg(view: ByteView): Mended {
  const { bytes } = view;
  const whole = { bytes, notes: [] };
  const pieces = [bytes.subarray(0, 2)];
  let [at, stray, sequential] = [2, 0, false];
  for (;;) {
    let marker = bytes.indexOf(0xff, at);
    while (marker >= 0 && (bytes[marker + 1] === 0xff || bytes[marker + 1] === 0)) marker = bytes.indexOf(0xff, marker + 1);
    const code = marker < 0 ? undefined : bytes[marker + 1];
    if (code === undefined || code === EOI) return whole;
    // fill bytes of 0xff may stand before a marker
    stray += bytes.subarray(at, marker).some((byte) => byte !== 0xff) ? marker - at : 0;
    if (hasPayload(code) && marker + 4 > bytes.length) return whole;
    const end = marker + 2 + (hasPayload(code) ? view.u16(marker + 2) : 0);
    if (end > bytes.length || (hasPayload(code) && end < marker + 4)) return whole;
    if (SEQUENTIAL.includes(code)) sequential = true;
    const segment = bytes.subarray(marker, end);
    if (code !== SOS) {
      pieces.push(segment);
      at = end;
      continue;
    }
    const band = sequential && segment.length >= 6 && segment.at(-3) === 0 && segment.at(-2) === 0 && segment.at(-1) === 0;
    if (!band && stray === 0) return whole;
    pieces.push(band ? joinedBytes([segment.subarray(0, -2), Uint8Array.of(63, 0)]) : segment, bytes.subarray(end));
    return {
      bytes: joinedBytes(pieces),
      notes: [
        ...(band ? ["the JPEG's scan says that it holds one coefficient of 64; it was read as holding all"] : []),
        ...(stray > 0 ? [`the JPEG has ${stray} bytes between its segments that belong to none; they were left out`] : []),
      ],
    };
  }
}
