// LUTs of a data set (Modality LUT, VOI LUT, palettes; PS3.3, C.11): first input, bits of an entry, entries.

import { corrupt } from "../errors.js";
import type { DicomDataSet, Tag } from "./data-set.js";

/** A table: inputs below `first` take the first entry, inputs beyond the end the last. */
export interface LookupTable {
  readonly first: number;
  readonly bits: number;
  readonly entries: Uint16Array;
}

/**
 * Reads a table. Entries of 8 bits may lie one or two in a word: the length of the data says which.
 * @param signedInput the first input is signed
 * @throws ImagingError `corrupt_image`
 */
export function lookupTable(dataset: DicomDataSet, descriptor: Tag, data: Tag, signedInput: boolean, big: boolean): LookupTable {
  const [count, given, bits] = [dataset.u16(descriptor, 0), dataset.u16(descriptor, 1), dataset.u16(descriptor, 2)];
  const value = dataset.value(data);
  if (count === undefined || given === undefined || bits === undefined || bits < 1 || bits > 16 || value === undefined) {
    throw corrupt("DICOM lookup table without its descriptor or data");
  }
  const size = count === 0 ? 65_536 : count;
  const first = signedInput && given >= 32_768 ? given - 65_536 : given;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (value.length >= size * 2) return { first, bits, entries: Uint16Array.from({ length: size }, (_, i) => view.getUint16(i * 2, !big)) };
  if (value.length < size) throw corrupt(`DICOM lookup table — expected ${size} entries, got ${value.length} bytes`);
  return { first, bits, entries: Uint16Array.from(value.subarray(0, size)) };
}

/** The entry for `input`, which is cut to a whole number. */
export function lookedUp({ first, entries }: LookupTable, input: number): number {
  const at = Math.min(entries.length - 1, Math.max(0, Math.trunc(input) - first));
  return entries[at] ?? 0;
}
