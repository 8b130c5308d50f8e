// What is told of a slice of a volume beside its pixels: never a text of its header.

import type { ShownWindow } from "../dicom/dicom-facts.js";
import type { Plane } from "./orientation.js";

/** What is told of a slice. */
export interface SliceFacts {
  /** counted from 1: axial from the feet to the head, coronal from the front to the back, sagittal from the left to the right */
  readonly frame: number;
  /** slices of the plane */
  readonly frames: number;
  readonly plane: Plane;
  readonly window: ShownWindow;
  /** what a reader should know: pixels that are not square, a grid that is tilted, a file that does not say how it lies in the body */
  readonly notes: readonly string[];
}

/** The same in words, for who shows no more than notes: "axial slice 12 of 30", then what a reader should know. */
export function sliceNotes({ plane, frame, frames, notes }: SliceFacts): string[] {
  return [`${plane} slice ${frame} of ${frames}`, ...notes];
}
