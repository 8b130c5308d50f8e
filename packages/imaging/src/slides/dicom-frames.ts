// Where the bytes of a DICOM slide's frames lie, without reading them: by size, by the extended or the basic offset table, or by a walk over the
// fragments' headers (PS3.5, annex A.4). dicom/frame-bytes.ts does it for files that are in memory.

import type { DicomDataSet } from "../dicom/data-set.js";
import { corrupt } from "../errors.js";
import { joinedBytes } from "../joined.js";
import type { RangeReader } from "./range-reader.js";

/** Reads a frame's bytes. */
export type FrameAt = (index: number) => Promise<Uint8Array>;

/** What frames must be. */
export interface ExpectedFrames {
  readonly frames: number;
  /** without compression */
  readonly native: boolean;
  /** of a frame without compression */
  readonly frameBytes: number;
}

const ITEM = 0xe000;
const MAX_GROWTH = 4;
const OVERHEAD = 64 * 1024;

/** Where frames begin, from the first fragment's item on; frame `frames` begins where the last ends, unless that is unknown. */
type Starts = (index: number) => Promise<number | undefined>;

/** The item at an offset: its length, or undefined at the end of the sequence. */
async function itemAt(reader: RangeReader, at: number): Promise<number | undefined> {
  const bytes = await reader.range(at, 8);
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  if (view.getUint16(0, true) !== 0xfffe) throw corrupt("DICOM slide whose fragments do not follow each other");
  return view.getUint16(2, true) === ITEM ? view.getUint32(4, true) : undefined;
}

/** Starts by a walk over all headers: there must be one fragment a frame. */
async function walked(reader: RangeReader, base: number, frames: number): Promise<Starts> {
  const starts: number[] = [];
  for (let at = base; ; ) {
    const length = await itemAt(reader, at);
    if (length === undefined) break;
    if (starts.length === frames) throw corrupt(`DICOM slide without offsets — expected ${frames} fragments, got more`);
    starts.push(at - base);
    at += 8 + length;
  }
  if (starts.length !== frames) throw corrupt(`DICOM slide without offsets — expected ${frames} fragments, got ${starts.length}`);
  return async (index) => starts[index];
}

/** Starts by a table; the table is asked, not copied. */
function tabled(read: (index: number) => Promise<number>, frames: number): Starts {
  return async (index) => (index < frames ? read(index) : undefined);
}

async function startsOf(reader: RangeReader, dataset: DicomDataSet, at: number, table: number, frames: number): Promise<Starts> {
  const extended = dataset.value("x7fe00001");
  if (extended !== undefined && extended.length >= frames * 8) {
    const view = new DataView(extended.buffer, extended.byteOffset, extended.byteLength);
    return tabled(async (index) => Number(view.getBigUint64(index * 8, true)), frames);
  }
  if (table === frames * 4) return tabled(async (index) => (await reader.small(at + 8 + index * 4, 4)).getUint32(0, true), frames);
  return walked(reader, at + 8 + table, frames);
}

/** Fragments from one offset up to another, or the one that begins there where the end is unknown. */
async function fragments(reader: RangeReader, from: number, to: number | undefined, most: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (let at = from; to === undefined || at < to; ) {
    const length = await itemAt(reader, at);
    if (length === undefined) break;
    size += length;
    if (size > most) throw corrupt(`DICOM slide tile of ${size} bytes — expected at most ${most}`);
    pieces.push(await reader.range(at + 8, length));
    at += 8 + length;
  }
  const [first] = pieces;
  if (first === undefined) throw corrupt("DICOM slide tile — expected a fragment, got none");
  if (pieces.length === 1) return first;
  return joinedBytes(pieces);
}

/** A reader of frames. @throws ImagingError `corrupt_image` */
export async function frameReader(
  reader: RangeReader,
  dataset: DicomDataSet,
  { frames, native, frameBytes }: ExpectedFrames,
): Promise<FrameAt> {
  const element = dataset.element("x7fe00010");
  if (element === undefined) throw corrupt("DICOM slide without pixels");
  const at = element.dataOffset;
  if (native) {
    if (element.length < frames * frameBytes)
      throw corrupt(`truncated DICOM slide — expected ${frames * frameBytes} bytes, got ${element.length}`);
    return (index) => reader.range(at + index * frameBytes, frameBytes);
  }
  const table = await itemAt(reader, at);
  if (table === undefined) throw corrupt("DICOM slide without fragments");
  const base = at + 8 + table;
  const starts = await startsOf(reader, dataset, at, table, frames);
  const most = frameBytes * MAX_GROWTH + OVERHEAD;
  return async (index) => {
    const [from, to] = [await starts(index), await starts(index + 1)];
    if (from === undefined || (to !== undefined && to <= from)) throw corrupt("DICOM slide whose offsets contradict each other");
    return fragments(reader, base + from, to === undefined ? undefined : base + to, most);
  };
}
