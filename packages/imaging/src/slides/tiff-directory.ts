// Directories of a TIFF or BigTIFF of any size, read by ranges: a field's values are read one by one when they are asked for, so that nothing is
// allocated by a count that the file claims. (geotiff.js allocates by it and follows loops; headers/tiff.ts reads files that are in memory.)

import { corrupt } from "../errors.js";
import type { RangeReader } from "./range-reader.js";

/** Bytes a value of the field types that are read: BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, IFD, LONG8, IFD8. */
const BYTES: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 13: 4, 16: 8, 18: 8 };
const RATIONAL = 5;
const MAX_ENTRIES = 4096;
const MAX_DIRECTORIES = 1000;

interface Field {
  readonly type: number;
  readonly count: number;
  /** where the values lie in the file */
  readonly at: number;
}

/** Byte order and widths of a file. */
interface Layout {
  readonly little: boolean;
  readonly big: boolean;
  readonly first: number;
}

function whole(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw corrupt("TIFF offset or count out of range");
  return Number(value);
}

/** One directory: an image, its thumbnail, a level. */
export class TiffDirectory {
  /** where the next of the chain lies; 0 at its end */
  readonly next: number;
  private readonly reader: RangeReader;
  private readonly layout: Layout;
  private readonly fields: ReadonlyMap<number, Field>;

  constructor(reader: RangeReader, layout: Layout, fields: ReadonlyMap<number, Field>, next: number) {
    this.reader = reader;
    this.layout = layout;
    this.fields = fields;
    this.next = next;
  }

  /** Values that a field has; 0 where it is absent. */
  count(tag: number): number {
    return this.fields.get(tag)?.count ?? 0;
  }

  /** Value `index` of a field of whole numbers, or of fractions; undefined where there is none. */
  async value(tag: number, index = 0): Promise<number | undefined> {
    const field = this.fields.get(tag);
    const bytes = BYTES[field?.type ?? 0];
    if (field === undefined || bytes === undefined || index >= field.count) return undefined;
    const { little } = this.layout;
    const view = await this.reader.small(field.at + index * bytes, bytes);
    if (field.type === RATIONAL) return view.getUint32(0, little) / view.getUint32(4, little);
    if (bytes === 8) return whole(view.getBigUint64(0, little));
    return bytes === 4 ? view.getUint32(0, little) : bytes === 2 ? view.getUint16(0, little) : view.getUint8(0);
  }

  /** The first values of a field, at most `most`. */
  async values(tag: number, most: number): Promise<number[]> {
    const out: number[] = [];
    for (let i = 0; i < Math.min(most, this.count(tag)); i++) out.push((await this.value(tag, i)) ?? 0);
    return out;
  }

  /** Bytes of a field, its first `most`; undefined where it is absent. */
  async bytes(tag: number, most: number): Promise<Uint8Array | undefined> {
    const field = this.fields.get(tag);
    if (field === undefined || BYTES[field.type] !== 1) return undefined;
    return this.reader.range(field.at, Math.min(most, field.count));
  }
}

/** A file's directories. */
export class TiffFile {
  private readonly reader: RangeReader;
  private readonly layout: Layout;

  private constructor(reader: RangeReader, layout: Layout) {
    this.reader = reader;
    this.layout = layout;
  }

  /** Reads the head of the file. @throws ImagingError `corrupt_image` */
  static async open(reader: RangeReader): Promise<TiffFile> {
    const head = await reader.small(0, 8);
    const mark = head.getUint16(0);
    const little = mark === 0x4949;
    if (!little && mark !== 0x4d4d) throw corrupt("TIFF without a byte-order mark");
    const magic = head.getUint16(2, little);
    if (magic === 42) return new TiffFile(reader, { little, big: false, first: head.getUint32(4, little) });
    if (magic !== 43 || head.getUint16(4, little) !== 8) throw corrupt(`TIFF version ${magic} — expected 42 or 43`);
    const first = whole((await reader.small(8, 8)).getBigUint64(0, little));
    return new TiffFile(reader, { little, big: true, first });
  }

  /** The directories of the chain. @throws ImagingError `corrupt_image` for a loop, or more than 1000 */
  async chain(): Promise<TiffDirectory[]> {
    const seen = new Set<number>();
    const out: TiffDirectory[] = [];
    for (let at = this.layout.first; at !== 0; ) {
      if (seen.has(at)) throw corrupt("TIFF whose directories form a loop");
      if (seen.size >= MAX_DIRECTORIES) throw corrupt(`TIFF with too many directories — expected at most ${MAX_DIRECTORIES}, got more`);
      seen.add(at);
      const directory = await this.directory(at);
      out.push(directory);
      at = directory.next;
    }
    return out;
  }

  /** The directory at an offset. @throws ImagingError `corrupt_image` */
  async directory(at: number): Promise<TiffDirectory> {
    const { reader, layout } = this;
    const { little, big } = layout;
    const [head, size, width] = big ? [8, 20, 8] : [2, 12, 4];
    const start = await reader.small(at, head);
    const count = big ? whole(start.getBigUint64(0, little)) : start.getUint16(0, little);
    if (count > MAX_ENTRIES) throw corrupt(`TIFF directory too long — expected at most ${MAX_ENTRIES} entries, got ${count}`);
    const view = await reader.small(at + head, count * size + width);
    const number = (from: number) => (big ? whole(view.getBigUint64(from, little)) : view.getUint32(from, little));
    const fields = new Map<number, Field>();
    for (let i = 0; i < count; i++) {
      const from = i * size;
      const [tag, type] = [view.getUint16(from, little), view.getUint16(from + 2, little)];
      const bytes = BYTES[type];
      if (bytes === undefined || fields.has(tag)) continue;
      const values = number(from + 4);
      const inline = from + 4 + width;
      // what fits stands in the entry itself
      const where = values * bytes <= width ? at + head + inline : number(inline);
      fields.set(tag, { type, count: values, at: where });
    }
    return new TiffDirectory(reader, layout, fields, number(count * size));
  }
}
