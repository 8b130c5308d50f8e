// A stored tile as a TIFF of its own, of one tile: what a decoder of whole files (libtiff, in sharp) reads it from, with the tables and the
// colours that the slide says. It writes little endian, 8 bits a sample, and nothing else.

/** How a tile is stored. */
export interface TileCoding {
  readonly compression: number;
  readonly photometric: number;
  /** samples a pixel */
  readonly samples: number;
  readonly predictor: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
  /** what the JPEG streams of all tiles have in common */
  readonly jpegTables: Uint8Array | undefined;
}

const SHORT = 3;
const LONG = 4;
const UNDEFINED = 7;

/** The file. */
export function oneTileTiff(tile: Uint8Array, coding: TileCoding): Uint8Array {
  const { compression, photometric, samples, predictor, tileWidth, tileHeight, jpegTables } = coding;
  const eights = new Uint8Array(new Uint16Array(samples).fill(8).buffer);
  // tag, type, values: a number, or bytes that lie behind the directory
  const fields: (readonly [number, number, number | Uint8Array])[] = [
    [256, LONG, tileWidth],
    [257, LONG, tileHeight],
    [258, SHORT, samples === 1 ? 8 : eights],
    [259, SHORT, compression],
    [262, SHORT, photometric],
    [277, SHORT, samples],
    [284, SHORT, 1],
    ...(predictor === 1 ? [] : ([[317, SHORT, predictor]] as const)),
    [322, LONG, tileWidth],
    [323, LONG, tileHeight],
    [324, LONG, tile],
    [325, LONG, tile.length],
    ...(samples === 4 ? ([[338, SHORT, 0]] as const) : []),
    ...(jpegTables === undefined ? [] : ([[347, UNDEFINED, jpegTables]] as const)),
  ];
  const head = 8 + 2 + fields.length * 12 + 4;
  const behind = fields.reduce((sum, [, , value]) => sum + (typeof value === "number" ? 0 : value.length + (value.length % 2)), 0);
  const out = new Uint8Array(head + behind);
  const view = new DataView(out.buffer);
  view.setUint32(0, 0x49492a00);
  view.setUint32(4, 8, true);
  view.setUint16(8, fields.length, true);
  let at = head;
  for (const [i, [tag, type, value]] of fields.entries()) {
    const entry = 10 + i * 12;
    view.setUint16(entry, tag, true);
    view.setUint16(entry + 2, type, true);
    const number = typeof value === "number";
    const count = number || tag === 324 ? 1 : type === SHORT ? value.length / 2 : value.length;
    view.setUint32(entry + 4, count, true);
    if (number) {
      if (type === SHORT) view.setUint16(entry + 8, value, true);
      else view.setUint32(entry + 8, value, true);
      continue;
    }
    view.setUint32(entry + 8, at, true);
    out.set(value, at);
    at += value.length + (value.length % 2);
  }
  return out;
}
