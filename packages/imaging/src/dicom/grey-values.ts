// From stored value to display value, in the two steps of PS3.3: modality (slope and intercept, or a LUT) and VOI (a LUT, a window, the full
// range, or the file's own ends). Nothing is rounded before the last step. docs/dicom.md has the rules in words.

import type { DicomDataSet } from "./data-set.js";
import type { DisplayWindow, ShownWindow } from "./dicom-facts.js";
import { type LookupTable, lookedUp, lookupTable } from "./lookup-table.js";
import type { PixelDescription } from "./pixel-description.js";

/** The modality step. */
export interface ModalityStep {
  readonly apply: (stored: number) => number;
  readonly identity: boolean;
}

/** Functional groups of a frame that hold `tag`: its own before the shared ones; else the data set itself. */
function groupOf(dataset: DicomDataSet, frame: number, tag: `x${string}`): DicomDataSet {
  const own = dataset.items("x52009230")[frame]?.items(tag)[0];
  return own ?? dataset.items("x52009229")[0]?.items(tag)[0] ?? dataset;
}

/** The modality step of a frame. */
export function modalityStep(dataset: DicomDataSet, frame: number, { signed }: PixelDescription, big: boolean): ModalityStep {
  const source = groupOf(dataset, frame, "x00289145");
  const [item] = source.items("x00283000");
  if (item !== undefined) {
    const table = lookupTable(item, "x00283002", "x00283006", signed, big);
    return { apply: (stored) => lookedUp(table, stored), identity: false };
  }
  const [slope, intercept] = [source.decimal("x00281053"), source.decimal("x00281052")];
  if (slope === undefined && intercept === undefined) return { apply: (stored) => stored, identity: true };
  const [a, b] = [slope ?? 1, intercept ?? 0];
  return { apply: (stored) => stored * a + b, identity: false };
}

/** 0 to 255, not rounded. */
type Display = (value: number) => number;

/** A window as a function (PS3.3, C.11.2.1.2 and C.11.2.1.3). */
export function windowFunction({ center, width }: DisplayWindow, kind: string): Display {
  if (kind === "SIGMOID") return (x) => 255 / (1 + Math.exp((-4 * (x - center)) / width));
  const exact = kind === "LINEAR_EXACT";
  const [middle, span] = exact ? [center, width] : [center - 0.5, width - 1];
  const [low, high] = [middle - span / 2, middle + span / 2];
  return (x) => {
    if (x <= low) return 0;
    if (x > high || span === 0) return 255;
    return Math.min(255, Math.max(0, ((x - middle) / span + 0.5) * 255));
  };
}

/** The window of the file for a frame: LUT before window; undefined where it has neither that counts. */
export interface FileWindow {
  readonly display: Display;
  readonly shown: ShownWindow;
}

/** What the file itself says of a frame. @param anyNegative whether the frame has values below 0 after the modality step */
export function fileWindow(dataset: DicomDataSet, frame: number, anyNegative: () => boolean, big: boolean): FileWindow | undefined {
  const source = groupOf(dataset, frame, "x00289132");
  const [item] = source.items("x00283010");
  if (item !== undefined) {
    const table = lookupTable(item, "x00283002", "x00283006", anyNegative(), big);
    return { display: tableDisplay(table), shown: { center: 0, width: 0, source: "VOI LUT" } };
  }
  const [center, width] = [source.decimal("x00281050"), source.decimal("x00281051")];
  const kind = (source.text("x00281056") ?? "LINEAR").toUpperCase();
  if (center === undefined || width === undefined || !(width >= 1 || (kind !== "LINEAR" && width > 0))) return undefined;
  return { display: windowFunction({ center, width }, kind), shown: { center, width, source: "file" } };
}

function tableDisplay(table: LookupTable): Display {
  const shift = Math.max(table.bits, 8) - 8;
  return (x) => lookedUp(table, x) >> shift;
}

/** The whole range of unsigned values of at most 8 bits. */
export function fullRange(bitsStored: number): FileWindow {
  const most = 2 ** bitsStored - 1;
  return { display: (x) => x * (255 / most), shown: { center: (most + 1) / 2, width: most + 1, source: "full range" } };
}

/** Ends of a file's values. */
export interface ValueRange {
  readonly low: number;
  readonly high: number;
}

/** A window from the lowest value to the highest; a file of one value is black. */
export function rangeWindow({ low, high }: ValueRange): FileWindow {
  const window = { center: (low + high + 1) / 2, width: high - low + 1 };
  return { display: high > low ? windowFunction(window, "LINEAR") : () => 0, shown: { ...window, source: "min-max" } };
}

/** Stored values that are padding: none where the file names none. */
export function paddingOf(dataset: DicomDataSet, { signed }: PixelDescription): (stored: number) => boolean {
  const value = dataset.integer("x00280120", signed);
  if (value === undefined) return () => false;
  const limit = dataset.integer("x00280121", signed) ?? value;
  const [low, high] = [Math.min(value, limit), Math.max(value, limit)];
  return (stored) => stored >= low && stored <= high;
}
