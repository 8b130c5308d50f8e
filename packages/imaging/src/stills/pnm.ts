// PNM: P1 to P6 (bits, grey, colours; as text and as bytes, 8 or 16 bits) and PAM (P7). Own code of one page: nothing well-kept reads them.
// Values are scaled by the largest value that the header names, as Pillow scales them; 16-bit grey is shown as that of PNG.

import type { GreyRange } from "../decoder.js";
import { sampleAt } from "../element-read.js";
import { corrupt, unsupported } from "../errors.js";
import { greyToEight } from "../grey-range.js";
import { ByteView } from "../headers/byte-view.js";
import type { HeaderStart } from "../image-info.js";
import { repeatedGrey, sixteenToEight } from "../pixels.js";

/** Longest header: numbers, and comments between them. */
const MAX_HEADER = 64 * 1024;

interface PnmPlan {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
  readonly most: number;
  /** numbers in words, each bit a character, bits packed in bytes, or bytes */
  readonly stored: "words" | "characters" | "bits" | "bytes";
  readonly start: number;
}

const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13);

/** Skips spaces and comments. */
function skipped(view: ByteView, from: number, end: number): number {
  let at = from;
  for (;;) {
    while (at < end && isSpace(view.u8(at))) at++;
    if (at >= end || view.u8(at) !== 0x23) return at;
    while (at < end && view.u8(at) !== 10) at++;
  }
}

/** The whole number at or after `from`, and where it ends. */
function numberAt(view: ByteView, from: number, end: number): { readonly value: number; readonly at: number } {
  let at = skipped(view, from, end);
  let value = 0;
  const first = at;
  for (; at < end && at - first <= 10; at++) {
    const digit = view.u8(at) - 48;
    if (!(digit >= 0 && digit <= 9)) break;
    value = value * 10 + digit;
  }
  if (at === first || at - first > 10) throw corrupt("PNM header or samples — expected a whole number, got something else");
  return { value, at };
}

function planOf(view: ByteView): PnmPlan {
  const kind = view.u8(1) - 48;
  return kind === 7 ? pamPlan(view) : pnmPlan(view, kind);
}

function pnmPlan(view: ByteView, kind: number): PnmPlan {
  const end = Math.min(view.length, MAX_HEADER);
  const width = numberAt(view, 2, end);
  const height = numberAt(view, width.at, end);
  const bits = kind === 1 || kind === 4;
  const most = bits ? { value: 1, at: height.at } : numberAt(view, height.at, end);
  requireMost(most.value);
  const plain = kind <= 3;
  // one space ends the header of bytes
  if (!plain && !isSpace(view.u8(most.at))) throw corrupt("PNM header — expected a space behind it, got something else");
  return {
    width: width.value,
    height: height.value,
    channels: kind === 3 || kind === 6 ? 3 : 1,
    most: most.value,
    stored: plain ? (bits ? "characters" : "words") : bits ? "bits" : "bytes",
    start: plain ? most.at : most.at + 1,
  };
}

const PAM_CHANNELS: Readonly<Record<string, number>> = {
  BLACKANDWHITE: 1,
  GRAYSCALE: 1,
  RGB: 3,
  BLACKANDWHITE_ALPHA: 2,
  GRAYSCALE_ALPHA: 2,
  RGB_ALPHA: 4,
};

function pamPlan(view: ByteView): PnmPlan {
  const text = new TextDecoder("latin1").decode(view.bytes.subarray(0, Math.min(view.length, MAX_HEADER)));
  const header = /^P7\s[\s\S]*?\nENDHDR[^\S\n]*\n/.exec(text)?.[0];
  if (header === undefined) throw corrupt("PAM header without an end — expected a line ENDHDR");
  const field = (name: string): string | undefined => new RegExp(`^${name}[^\\S\\n]+(\\S+)`, "m").exec(header)?.[1];
  const count = (name: string): number => {
    const value = field(name) ?? "";
    if (!/^\d{1,10}$/.test(value)) throw corrupt(`PAM header — expected ${name} as a whole number, got another or none`);
    return Number(value);
  };
  const depth = count("DEPTH");
  const type = field("TUPLTYPE");
  if (depth < 1 || depth > 4 || (type !== undefined && PAM_CHANNELS[type] !== depth))
    throw unsupported(`PAM of another kind, with ${depth} values a pixel`, "Save it as grey or RGB.");
  const most = count("MAXVAL");
  requireMost(most);
  return {
    width: count("WIDTH"),
    height: count("HEIGHT"),
    channels: depth as 1 | 2 | 3 | 4,
    most,
    stored: "bytes",
    start: header.length,
  };
}

function requireMost(most: number): void {
  if (most < 1 || most > 65_535) throw corrupt(`PNM header — expected a largest value of 1 to 65535, got ${most}`);
}

/** @throws ImagingError `corrupt_image`, `unsupported_format` */
export function readPnmHeader(bytes: Uint8Array): HeaderStart {
  const { width, height, channels, most } = planOf(new ByteView(bytes, "PNM"));
  return {
    format: "pnm",
    width,
    height,
    bitDepth: most > 255 ? 16 : 8,
    colour: channels < 3 ? "grey" : "rgb",
    finish: () => ({ frames: 1, orientation: 1, alpha: channels === 2 || channels === 4, interlaced: false }),
  };
}

/**
 * Decodes a PNM whose size was found within the limits.
 * @returns RGB8 [height,width,3], and what is to be said of 16-bit grey
 * @throws ImagingError `corrupt_image`
 */
export function decodePnm(bytes: Uint8Array, range: GreyRange | undefined): { readonly data: Uint8Array; readonly note?: string } {
  const view = new ByteView(bytes, "PNM");
  const plan = planOf(view);
  const { width, height, most, channels } = plan;
  const pixels = width * height;
  const kept = channels < 3 ? 1 : 3;
  requireData(view, plan);
  const samples = most > 255 ? new Uint16Array(pixels * kept) : new Uint8Array(pixels * kept);
  if (plan.stored === "bytes") readBytes(view, plan, samples);
  else if (plan.stored === "bits") readBits(view, plan, samples);
  else readText(view, plan, samples);
  if (samples instanceof Uint16Array && kept === 1) {
    // a largest value of fewer bits is the file's own range
    const asked = range ?? (most < 65_535 ? { low: 0, high: most } : undefined);
    const { data, note } = greyToEight(samples, 1, {}, asked);
    return { data: repeatedGrey(data), ...(note === undefined ? {} : { note }) };
  }
  const eight = samples instanceof Uint16Array && most === 65_535 ? sixteenToEight(samples) : scaled(samples, most);
  return { data: kept === 1 ? repeatedGrey(eight) : eight };
}

/** Bytes that the samples take at least, before anything is allocated by the header. */
function requireData(view: ByteView, { stored, start, width, height, channels, most }: PnmPlan): void {
  const samples = width * height * channels;
  const least = {
    words: samples * 2 - 1,
    characters: samples,
    bits: Math.ceil(width / 8) * height,
    bytes: samples * (most > 255 ? 2 : 1),
  }[stored];
  view.need(start, least);
}

function readBytes({ bytes }: ByteView, { start, channels, most }: PnmPlan, out: Uint8Array | Uint16Array): void {
  const kept = channels < 3 ? 1 : 3;
  const size = most > 255 ? 2 : 1;
  for (let to = 0, from = start; to < out.length; from += channels * size) {
    for (let c = 0; c < kept; c++, to++) {
      const at = from + c * size;
      out[to] = size === 1 ? sampleAt(bytes, at) : (sampleAt(bytes, at) << 8) | sampleAt(bytes, at + 1);
    }
  }
}

/** 1 is black. */
function readBits({ bytes }: ByteView, { start, width, height }: PnmPlan, out: Uint8Array | Uint16Array): void {
  const stride = Math.ceil(width / 8);
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++, to++) out[to] = 1 - ((sampleAt(bytes, start + y * stride + (x >> 3)) >> (7 - (x & 7))) & 1);
}

function readText(view: ByteView, { start, stored, most }: PnmPlan, out: Uint8Array | Uint16Array): void {
  let at = start;
  for (let to = 0; to < out.length; to++) {
    if (stored === "characters") {
      at = skipped(view, at, view.length);
      const bit = view.u8(at++) - 48;
      if (bit !== 0 && bit !== 1) throw corrupt("PNM samples — expected 0 or 1, got something else");
      out[to] = 1 - bit;
    } else {
      const { value, at: next } = numberAt(view, at, view.length);
      if (value > most) throw corrupt(`PNM samples — expected at most ${most} as its header says, got ${value}`);
      out[to] = value;
      at = next;
    }
  }
}

/** value · 255 / most, rounded to nearest, halves to even; larger values are white. */
function scaled(samples: Uint8Array | Uint16Array, most: number): Uint8Array {
  if (most === 255 && samples instanceof Uint8Array) return samples;
  const table = Uint8Array.from({ length: most + 1 }, (_, value) => {
    const [whole, rest] = [Math.floor((value * 255) / most), (value * 255) % most];
    return whole + (2 * rest > most || (2 * rest === most && whole % 2 === 1) ? 1 : 0);
  });
  const out = new Uint8Array(samples.length);
  for (let i = 0; i < out.length; i++) out[i] = sampleAt(table, Math.min(sampleAt(samples, i), most));
  return out;
}
