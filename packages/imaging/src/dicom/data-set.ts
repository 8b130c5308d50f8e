// The elements of a DICOM file, by tag. dicom-parser finds them; here they become numbers and texts, or a typed error that quotes none.
// Deflated files are inflated first, within a bound. Nothing is decoded and no pixel copied.

import type { Element, DataSet as ParsedDataSet } from "dicom-parser";
import { corrupt, ImagingError } from "../errors.js";
import { joinedBytes } from "../joined.js";
import { joined, metaGroup, withPreamble } from "./file-preamble.js";
import { SYNTAX } from "./transfer-syntaxes.js";

/** "(0028,0010)" as dicom-parser writes it. */
export type Tag = `x${string}`;

/** A data set: a file's, or an item's of a sequence. */
export class DicomDataSet {
  readonly #parsed: ParsedDataSet;

  constructor(parsed: ParsedDataSet) {
    this.#parsed = parsed;
  }

  /** Whether an element is there, with a value or without. */
  has(tag: Tag): boolean {
    return this.#parsed.elements[tag] !== undefined;
  }

  /** One value of an element's text, trimmed; undefined where it is absent or empty. */
  text(tag: Tag, index = 0): string | undefined {
    // asked for a value that is not there, the library throws
    const text = this.#read(tag, () => this.#parsed.string(tag)?.split("\\")[index]?.trim());
    return text === undefined || text === "" ? undefined : text;
  }

  /** A binary number of 16 bits (US). */
  u16(tag: Tag, index = 0): number | undefined {
    return this.#read(tag, () => (this.#count(tag, 2) > index ? this.#parsed.uint16(tag, index) : undefined));
  }

  /** A binary number of 16 or 32 bits, by its length, signed or not (US, SS, UL, SL). */
  integer(tag: Tag, signed: boolean): number | undefined {
    const length = this.#parsed.elements[tag]?.length ?? 0;
    return this.#read(tag, () => {
      if (length >= 4) return signed ? this.#parsed.int32(tag) : this.#parsed.uint32(tag);
      if (length >= 2) return signed ? this.#parsed.int16(tag) : this.#parsed.uint16(tag);
      return undefined;
    });
  }

  /** A number written as text (DS, IS); undefined where it is absent or none. */
  decimal(tag: Tag, index = 0): number | undefined {
    const text = this.text(tag, index);
    if (text === undefined || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim())) return undefined;
    return Number(text);
  }

  /** Items of a sequence; none where it is absent. */
  items(tag: Tag): DicomDataSet[] {
    return (this.#parsed.elements[tag]?.items ?? []).flatMap(({ dataSet }) => (dataSet === undefined ? [] : [new DicomDataSet(dataSet)]));
  }

  /** Where an element's value lies in `bytes`. */
  element(tag: Tag): Element | undefined {
    return this.#parsed.elements[tag];
  }

  /** Bytes of an element's value, not copied. */
  value(tag: Tag): Uint8Array | undefined {
    const element = this.#parsed.elements[tag];
    return element === undefined ? undefined : this.bytes.subarray(element.dataOffset, element.dataOffset + element.length);
  }

  /** The file's bytes (inflated, where it was deflated). */
  get bytes(): Uint8Array {
    return this.#parsed.byteArray as Uint8Array;
  }

  #count(tag: Tag, size: number): number {
    return Math.floor((this.#parsed.elements[tag]?.length ?? 0) / size);
  }

  #read<T>(tag: Tag, read: () => T | undefined): T | undefined {
    if (this.#parsed.elements[tag] === undefined) return undefined;
    try {
      return read();
    } catch {
      throw corrupt("DICOM element that reaches past the end of the file");
    }
  }
}

const PIXELS = "x7fe00010";

/**
 * A copy in which the extended offset tables (7FE0,0001 and 0002) are bytes; undefined where there are none. dicom-parser does not know their
 * value representation, OV, and takes the length of such an element from the wrong place.
 */
function extendedAsBytes(bytes: Uint8Array): Uint8Array | undefined {
  let copy: Uint8Array | undefined;
  for (let at = bytes.indexOf(0xe0); at >= 0; at = bytes.indexOf(0xe0, at + 1)) {
    const [group, element, first, second] = [bytes[at + 1], bytes[at + 2], bytes[at + 4], bytes[at + 5]];
    if (group !== 0x7f || (element !== 1 && element !== 2) || bytes[at + 3] !== 0 || first !== 0x4f || second !== 0x56) continue;
    copy ??= bytes.slice();
    copy[at + 5] = 0x42;
  }
  return copy;
}

/** The elements of a file with preamble. @throws ImagingError `corrupt_image` */
function parsed(parseDicom: (bytes: Uint8Array, options?: object) => ParsedDataSet, bytes: Uint8Array, options?: object): DicomDataSet {
  const attempt = (given: Uint8Array): DicomDataSet | undefined => {
    try {
      return new DicomDataSet(parseDicom(given, options));
    } catch {
      // the library's words may quote the file
      return undefined;
    }
  };
  const found = attempt(bytes);
  const mended = found?.has(PIXELS) === true ? undefined : extendedAsBytes(bytes);
  const dataset = mended === undefined ? found : attempt(mended);
  if (dataset === undefined) throw corrupt("DICOM whose elements break off or contradict themselves");
  return dataset;
}

/** A file: its data set and its transfer syntax. */
export interface DicomFile {
  readonly dataset: DicomDataSet;
  readonly syntax: string;
}

/**
 * Reads the elements of a file.
 * @param maxInflated most bytes of a deflated file, inflated
 * @throws ImagingError `corrupt_image`, `too_large`
 */
export async function readDicomFile(given: Uint8Array, maxInflated: number): Promise<DicomFile> {
  const { parseDicom } = (await import("dicom-parser")).default;
  const bytes = withPreamble(given);
  const meta = metaGroup(bytes.subarray(132));
  if (meta.syntax === SYNTAX.deflated) {
    const inflated = await inflate(bytes.subarray(132 + meta.end), maxInflated);
    return { dataset: parsed(parseDicom, joined(SYNTAX.explicit, inflated)), syntax: SYNTAX.deflated };
  }
  return { dataset: parsed(parseDicom, bytes), syntax: meta.syntax };
}

/**
 * Reads the elements before the pixels of a file whose beginning is given; of the pixels it tells where they lie.
 * @param more whether more of the file may be given: then bytes that end within an element are no error
 * @returns undefined where more is needed
 * @throws ImagingError `corrupt_image`
 */
export async function readDicomHead(given: Uint8Array, more: boolean): Promise<DicomFile | undefined> {
  const { parseDicom } = (await import("dicom-parser")).default;
  const bytes = withPreamble(given);
  const { syntax, end } = metaGroup(bytes.subarray(132));
  try {
    const plain =
      syntax === SYNTAX.deflated
        ? joined(SYNTAX.explicit, await inflate(bytes.subarray(132 + end), 4 * bytes.length + 2 ** 26, more))
        : bytes;
    const dataset = parsed(parseDicom, plain, { untilTag: PIXELS });
    if (more && !dataset.has(PIXELS)) return undefined;
    return { dataset, syntax };
  } catch (error) {
    if (more && !(error instanceof ImagingError && error.code === "too_large")) return undefined;
    throw error;
  }
}

/** Packed bytes at once: at deflate's most, 1032 : 1, 16 MiB come of them. */
const INFLATE_STEP = 16 * 1024;

/** Inflates raw deflate data, at most `limit` bytes; what follows the data is ignored. @param more whether data may break off */
async function inflate(data: Uint8Array, limit: number, more = false): Promise<Uint8Array> {
  const { Inflate } = await import("fflate");
  const pieces: Uint8Array[] = [];
  let size = 0;
  const stream = new Inflate((piece) => {
    size += piece.length;
    if (size > limit) {
      throw new ImagingError(
        "too_large",
        `deflated DICOM too large — expected at most ${limit} bytes inflated, got more. Store it without compression, or raise maxBytes.`,
      );
    }
    pieces.push(piece);
  });
  try {
    // in small steps, so that a bomb is seen before it has gone off
    for (let at = 0; at < data.length; at += INFLATE_STEP)
      stream.push(data.subarray(at, at + INFLATE_STEP), !more && at + INFLATE_STEP >= data.length);
  } catch (error) {
    if (error instanceof ImagingError) throw error;
    throw corrupt("deflated DICOM that does not inflate");
  }
  return joinedBytes(pieces);
}
