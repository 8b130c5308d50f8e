// The part of an ultrasound frame that holds the picture: the first item of Sequence of Ultrasound Regions (PS3.3, C.8.5.5). What lies around it,
// often with names, is cut away.

import { corrupt, ImagingError } from "../errors.js";
import type { DicomDataSet, Tag } from "./data-set.js";
import type { Region } from "./dicom-facts.js";

const ITEMS: Tag = "x00186011";
const CORNERS = ["x00186018", "x0018601a", "x0018601c", "x0018601e"] as const;

/**
 * The first region of a file; both its corners belong to it. A corner one pixel beyond the frame, as devices write it, is the frame's edge.
 * @throws ImagingError `unsupported_format` for a file without a region, `corrupt_image` for one that does not lie in the frame
 */
export function ultrasoundRegion(dataset: DicomDataSet, columns: number, rows: number): Region {
  const [item] = dataset.items(ITEMS);
  if (item === undefined) throw withoutRegion("DICOM without one");
  const [left = -1, top = -1, right = -1, bottom = -1] = CORNERS.map((tag) => item.integer(tag, false));
  if (left < 0 || top < 0 || right < left || bottom < top || left >= columns || top >= rows || right > columns || bottom > rows)
    throw corrupt("ultrasound region that does not lie in the frame");
  return { left, top, width: Math.min(right, columns - 1) - left + 1, height: Math.min(bottom, rows - 1) - top + 1 };
}

/** The refusal of an image that names no region. @param got what came */
export function withoutRegion(got: string): ImagingError {
  return new ImagingError(
    "unsupported_format",
    `ultrasound region — expected DICOM with a Sequence of Ultrasound Regions, got ${got}. Leave this image out, or read images whole: without the ultrasound region.`,
  );
}

/** RGB8 [height,width,3] of a region of a frame that is `columns` wide. */
export function cropped(data: Uint8Array, columns: number, { left, top, width, height }: Region): Uint8Array {
  const out = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * columns + left) * 3;
    out.set(data.subarray(from, from + width * 3), y * width * 3);
  }
  return out;
}
