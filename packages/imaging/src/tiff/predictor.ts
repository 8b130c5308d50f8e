// TIFF's predictors, undone: 2 (each sample is the difference from the one before it) and 3 (of floating point: bytes by their weight, then
// differences). As libtiff does it for the compressions that it knows; here for those that it is not given.

import { sampleAt } from "../element-read.js";

/** How the samples of a row are laid out. */
export interface RowLayout {
  /** 1 none, 2 differences, 3 floating point */
  readonly predictor: number;
  /** of a sample: 1, 2, 4 or 8 */
  readonly bytes: number;
  /** samples from one pixel to the next */
  readonly step: number;
  readonly little: boolean;
}

/** Makes a row what it was before the predictor, in place. */
export function undoPredictor(row: Uint8Array, layout: RowLayout): void {
  if (layout.predictor === 2) undoDifferences(row, layout);
  if (layout.predictor === 3) undoFloatingPoint(row, layout);
}

function undoDifferences(row: Uint8Array, { bytes, step, little }: RowLayout): void {
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
  const back = bytes * step;
  for (let at = back; at + bytes <= row.length; at += bytes) {
    if (bytes === 1) row[at] = sampleAt(row, at) + sampleAt(row, at - back);
    else if (bytes === 2) view.setUint16(at, view.getUint16(at, little) + view.getUint16(at - back, little), little);
    else if (bytes === 4) view.setUint32(at, view.getUint32(at, little) + view.getUint32(at - back, little), little);
    else view.setBigUint64(at, view.getBigUint64(at, little) + view.getBigUint64(at - back, little), little);
  }
}

/** The heaviest bytes of all samples stand first, then the next, whatever the file's byte order. */
function undoFloatingPoint(row: Uint8Array, { bytes, step, little }: RowLayout): void {
  for (let at = step; at < row.length; at++) row[at] = sampleAt(row, at) + sampleAt(row, at - step);
  const planes = Uint8Array.from(row);
  const samples = Math.floor(row.length / bytes);
  for (let i = 0; i < samples; i++)
    for (let weight = 0; weight < bytes; weight++)
      row[i * bytes + (little ? bytes - 1 - weight : weight)] = sampleAt(planes, weight * samples + i);
}
