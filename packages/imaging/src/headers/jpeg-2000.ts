// Reads what JPEG 2000 says about itself, as a bare codestream (.j2k) or in a JP2 file: the size marker and the boxes in front of it, never a
// tile. DICOM's codestreams are checked by the same reader.

import { corrupt } from "../errors.js";
import type { ByteView } from "./byte-view.js";

/** SIZ, and what the boxes of a JP2 file say of colours. */
export interface Jpeg2000Size {
  readonly rows: number;
  readonly columns: number;
  readonly samples: number;
  /** bits of each component, whether it has a sign, and how many pixels lie between its samples; of the first five */
  readonly components: readonly { readonly bits: number; readonly signed: boolean; readonly across: number; readonly down: number }[];
  /** EnumCS of the first colour box that has one: 16 sRGB, 17 grey, 18 sYCC, 12 CMYK */
  readonly colourSpace: number | undefined;
  /** of the file's header; none of a bare codestream */
  readonly boxes: readonly Box[];
  /** where the codestream lies */
  readonly codestream: { readonly start: number; readonly end: number };
}

const BOX = { header: "jp2h", colour: "colr", codestream: "jp2c" } as const;

/** A box: its payload is from `start` to `end`. */
export interface Box {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

function boxAt(view: ByteView, at: number, limit: number): Box {
  const short = view.u32(at);
  const head = short === 1 ? 16 : 8;
  const length = short === 0 ? limit - at : short === 1 ? view.u64(at + 8) : short;
  if (length < head) throw corrupt(`${view.label} — expected boxes that hold their own head, got one of ${length} bytes`);
  return { type: view.tag(at + 4), start: at + head, end: Math.min(at + length, limit) };
}

/** Boxes in front of the codestream, and where that lies. */
function codestreamOf(view: ByteView): { readonly start: number; readonly end: number; readonly boxes: readonly Box[] } {
  const boxes: Box[] = [];
  for (let at = 0; ; ) {
    const box = boxAt(view, at, view.length);
    if (box.type === BOX.codestream) return { start: box.start, end: box.end, boxes };
    if (box.type === BOX.header) {
      for (let inner = box.start; inner + 8 <= box.end; ) {
        const part = boxAt(view, inner, box.end);
        boxes.push(part);
        inner = part.end;
      }
    }
    at = box.end;
  }
}

/** @throws ImagingError `corrupt_image` */
export function readJpeg2000Size(view: ByteView): Jpeg2000Size {
  const bare = view.has(0, "\xff\x4f\xff\x51");
  const { start, end, boxes } = bare ? { start: 0, end: view.length, boxes: [] } : codestreamOf(view);
  if (!view.has(start, "\xff\x4f\xff\x51")) throw corrupt(`${view.label} — expected a codestream, got other bytes`);
  const [width, height, left, top] = [view.u32(start + 8), view.u32(start + 12), view.u32(start + 16), view.u32(start + 20)];
  const [tileWidth, tileHeight, samples] = [view.u32(start + 24), view.u32(start + 28), view.u16(start + 40)];
  if (tileWidth === 0 || tileHeight === 0) throw corrupt(`${view.label} with tiles of no size`);
  const tiles = Math.ceil(width / tileWidth) * Math.ceil(height / tileHeight);
  if (tiles > 65_535) throw corrupt(`${view.label} with ${tiles} tiles — expected at most 65 535`);
  if (samples < 1 || samples > 16_384) throw corrupt(`${view.label} with ${samples} components — expected 1 to 16384`);
  const colour = boxes.find(({ type, start: at }) => type === BOX.colour && view.u8(at) === 1);
  return {
    rows: height - top,
    columns: width - left,
    samples,
    components: Array.from({ length: Math.min(samples, 5) }, (_, i) => {
      const at = start + 42 + 3 * i;
      return {
        bits: (view.u8(at) & 0x7f) + 1,
        signed: (view.u8(at) & 0x80) !== 0,
        across: view.u8(at + 1),
        down: view.u8(at + 2),
      };
    }),
    colourSpace: colour === undefined ? undefined : view.u32(colour.start + 3),
    boxes,
    codestream: { start, end },
  };
}
