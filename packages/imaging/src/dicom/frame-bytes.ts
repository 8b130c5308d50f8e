// Where the bytes of a frame lie: by size in uncompressed files, by the offset tables or the fragments in others (PS3.5, annex A.4).

import { corrupt } from "../errors.js";
import { joinedBytes } from "../joined.js";
import type { DicomDataSet } from "./data-set.js";
import type { PixelDescription } from "./pixel-description.js";

/** Bytes of one frame as the file codes them; copied only where a frame has more than one fragment. */
export type FrameBytes = (index: number) => Uint8Array;

const PIXELS = "x7fe00010";

/** Bytes of a frame without compression. */
function nativeFrameSize({ rows, columns, samples, bitsAllocated, photometric }: PixelDescription): number {
  // one pair of chroma samples for two pixels
  const perPixel = photometric === "YBR_FULL_422" ? 2 : samples;
  return rows * columns * perPixel * (bitsAllocated / 8);
}

/** Frames of a file without compression. @throws ImagingError `corrupt_image` where there are fewer bytes than the frames need */
export function nativeFrames(dataset: DicomDataSet, description: PixelDescription): FrameBytes {
  const value = dataset.value(PIXELS) ?? new Uint8Array(0);
  const size = nativeFrameSize(description);
  if (value.length < size * description.frames) {
    throw corrupt(`truncated DICOM — expected ${size * description.frames} bytes of pixels, got ${value.length}`);
  }
  return (index) => value.subarray(index * size, (index + 1) * size);
}

interface Fragment {
  /** from the first byte after the basic offset table's item */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

function fragmentsOf(dataset: DicomDataSet): Fragment[] {
  const element = dataset.element(PIXELS);
  return (element?.fragments ?? []).map(({ offset, position, length }) => {
    const bytes = dataset.bytes.subarray(position, position + length);
    if (bytes.length < length) throw corrupt(`truncated DICOM — expected a fragment of ${length} bytes, got ${bytes.length}`);
    return { offset, bytes };
  });
}

/** Offsets of the frames: of the extended table, else of the basic one; none where neither fits the number of frames. */
function offsetsOf(dataset: DicomDataSet, frames: number): readonly number[] {
  const extended = dataset.value("x7fe00001");
  if (extended !== undefined && extended.length >= frames * 8) {
    const view = new DataView(extended.buffer, extended.byteOffset, extended.byteLength);
    return Array.from({ length: frames }, (_, i) => Number(view.getBigUint64(i * 8, true)));
  }
  const basic = dataset.element(PIXELS)?.basicOffsetTable ?? [];
  return basic.length === frames ? basic : [];
}

const startsJpeg = ({ bytes }: Fragment) => bytes[0] === 0xff && bytes[1] === 0xd8;

/** Fragments by frame. */
function grouped(dataset: DicomDataSet, frames: number): readonly (readonly Fragment[])[] {
  const fragments = fragmentsOf(dataset);
  const offsets = offsetsOf(dataset, frames);
  const starts = offsets.map((offset) => fragments.findIndex((fragment) => fragment.offset === offset));
  if (starts.length > 0 && starts.every((start, i) => start >= 0 && start > (starts[i - 1] ?? -1))) {
    return starts.map((start, i) => fragments.slice(start, starts[i + 1]));
  }
  if (frames === 1) return [fragments];
  if (fragments.length === frames) return fragments.map((fragment) => [fragment]);
  // no table that fits: a frame begins where a codestream does
  const groups: Fragment[][] = [];
  for (const fragment of fragments) {
    if (startsJpeg(fragment) || groups.length === 0) groups.push([fragment]);
    else groups.at(-1)?.push(fragment);
  }
  return groups;
}

/** Frames of a compressed file. @throws ImagingError `corrupt_image` where the fragments make another number of frames */
export function encapsulatedFrames(dataset: DicomDataSet, { frames }: PixelDescription): FrameBytes {
  const groups = grouped(dataset, frames);
  if (groups.length !== frames || groups.some((group) => group.length === 0)) {
    throw corrupt(`DICOM fragments — expected ${frames} frames, got ${groups.filter((group) => group.length > 0).length}`);
  }
  return (index) => {
    const group = groups[index];
    if (group === undefined) throw corrupt(`DICOM frame ${index} — expected one of ${frames}`);
    const [only] = group;
    return only !== undefined && group.length === 1 ? only.bytes : joinedBytes(group.map(({ bytes }) => bytes));
  };
}
