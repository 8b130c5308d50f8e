// Writes small files the tests need and no encoder makes: 16-bit and interlaced PNG, bombs with lying headers, TIFF variants.

import { crc32, deflateSync } from "node:zlib";

type Colour = 0 | 2 | 3 | 4 | 6;
const CHANNELS: Record<Colour, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

export interface PngPlan {
  width: number;
  height: number;
  depth: 1 | 2 | 4 | 8 | 16;
  colour: Colour;
  interlaced?: boolean;
  /** Sample value at a place; below 2^depth. */
  sample(x: number, y: number, channel: number): number;
  palette?: Uint8Array;
  transparency?: Uint8Array;
  /** Row filters used in turn. Default: 0 to 4. */
  filters?: number[];
}

export function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

export const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]);

export function header(width: number, height: number, depth: number, colour: number, interlace = 0): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set([depth, colour, 0, 0, interlace], 8);
  return chunk("IHDR", data);
}

export function writePng(plan: PngPlan): Uint8Array {
  const passes = plan.interlaced
    ? [
        [0, 0, 8, 8],
        [4, 0, 8, 8],
        [0, 4, 4, 8],
        [2, 0, 4, 4],
        [0, 2, 2, 4],
        [1, 0, 2, 2],
        [0, 1, 1, 2],
      ] // prettier-ignore
    : [[0, 0, 1, 1]];
  const channels = CHANNELS[plan.colour];
  const distance = Math.max(1, (channels * plan.depth) >> 3);
  const filters = plan.filters ?? [0, 1, 2, 3, 4];
  const rows: Uint8Array[] = [];
  for (const [left, top, stepX, stepY] of passes as [number, number, number, number][]) {
    const columns = Math.ceil((plan.width - left) / stepX);
    if (columns <= 0) continue;
    let above = new Uint8Array(Math.ceil((columns * channels * plan.depth) / 8));
    for (let y = top, n = 0; y < plan.height; y += stepY, n++) {
      const line = new Uint8Array(above.length);
      for (let i = 0; i < columns * channels; i++) {
        const value = plan.sample(left + Math.floor(i / channels) * stepX, y, i % channels);
        if (plan.depth === 16) line.set([value >> 8, value & 255], 2 * i);
        else line[(i * plan.depth) >> 3]! |= value << (8 - plan.depth - ((i * plan.depth) & 7));
      }
      rows.push(filterRow(filters[n % filters.length]!, line, above, distance));
      above = line;
    }
  }
  const parts = [PNG_SIGNATURE, header(plan.width, plan.height, plan.depth, plan.colour, plan.interlaced ? 1 : 0)];
  if (plan.palette) parts.push(chunk("PLTE", plan.palette));
  if (plan.transparency) parts.push(chunk("tRNS", plan.transparency));
  parts.push(chunk("IDAT", deflateSync(Buffer.concat(rows))), chunk("IEND", new Uint8Array()));
  return Buffer.concat(parts);
}

function filterRow(filter: number, line: Uint8Array, above: Uint8Array, distance: number): Uint8Array {
  const out = new Uint8Array(line.length + 1);
  out[0] = filter;
  line.forEach((value, i) => {
    const left = i < distance ? 0 : line[i - distance]!;
    const corner = i < distance ? 0 : above[i - distance]!;
    const up = above[i]!;
    const [pa, pb, pc] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
    const paeth = pa <= pb && pa <= pc ? left : pb <= pc ? up : corner;
    out[i + 1] = value - [0, left, up, (left + up) >> 1, paeth][filter]!;
  });
  return out;
}

/** The 69-byte bomb: a header of `side`² and an empty image. */
export function pngBomb(side: number): Uint8Array {
  const bytes = Buffer.concat([
    PNG_SIGNATURE,
    header(side, side, 8, 6),
    chunk("IDAT", deflateSync(new Uint8Array(1)).subarray(0, 12)),
    chunk("IEND", new Uint8Array()),
  ]);
  return bytes;
}

/** Little-endian TIFF of one directory; `tags` are [tag, type, value] with one inline value each, `next` the following directory's offset. */
export function writeTiff(tags: [number, number, number][], data: Uint8Array, next = 0): Uint8Array {
  const sorted = [...tags, [273, 4, 8 + 2 + (tags.length + 2) * 12 + 4] as const, [279, 4, data.length] as const].sort(
    (a, b) => a[0] - b[0],
  );
  const out = Buffer.alloc(8 + 2 + sorted.length * 12 + 4 + data.length);
  out.write("II*\0", 0, "latin1");
  out.writeUInt32LE(8, 4);
  out.writeUInt16LE(sorted.length, 8);
  sorted.forEach(([tag, type, value], i) => {
    out.writeUInt16LE(tag, 10 + i * 12);
    out.writeUInt16LE(type, 12 + i * 12);
    out.writeUInt32LE(1, 14 + i * 12);
    out.writeUInt32LE(value >>> 0, 18 + i * 12);
  });
  out.writeUInt32LE(next, 10 + sorted.length * 12);
  out.set(data, 14 + sorted.length * 12);
  return out;
}

/** Tags of a grey image in one strip; type 3 = SHORT, 4 = LONG. */
export const greyTags = (width: number, height: number, depth: number, photometric = 1): [number, number, number][] => [
  [256, 4, width],
  [257, 4, height],
  [258, 3, depth],
  [259, 3, 1],
  [262, 3, photometric],
  [277, 3, 1],
  [278, 4, height],
];

/** A JPEG of which only the frame header is real. */
export function jpegHeaderOnly(width: number, height: number): Uint8Array {
  const out = Buffer.from([0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0, 0, 0, 0, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1, 0xff, 0xd9]);
  out.writeUInt16BE(height, 7);
  out.writeUInt16BE(width, 9);
  return out;
}
