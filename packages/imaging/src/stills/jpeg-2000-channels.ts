// What a JP2 file's boxes say of its components (ISO/IEC 15444-1, annex I.5.3): which are colours and in which order (cdef), which are indices of
// a palette (pclr, cmap), which is alpha. Alpha is dropped, as of other formats.

import { corrupt, unsupported } from "../errors.js";
import type { ByteView } from "../headers/byte-view.js";
import type { Box, Jpeg2000Size } from "../headers/jpeg-2000.js";

/** Colours of a palette, each channel by itself. */
export interface Jpeg2000Palette {
  readonly entries: number;
  /** grey, or red, green and blue: values [entries] and their bits */
  readonly columns: readonly { readonly values: Uint16Array; readonly bits: number }[];
}

/** How components become grey or RGB. */
export interface Jpeg2000Channels {
  readonly grey: boolean;
  readonly alpha: boolean;
  /** components of the codestream to be decoded: the colours in their order, or the one of indices */
  readonly components: readonly number[];
  readonly palette: Jpeg2000Palette | undefined;
}

/** A channel: a component as it is, or what a palette's column says of it. */
interface Channel {
  readonly component: number;
  readonly column: number | undefined;
}

const [GREY, RGB] = [17, 16];
const MAX_COMPONENTS = 4;
const MAX_ENTRIES = 1024;
const COLOUR = 0;

/** Entries of a box of a header, checked against its size. */
function requireSize(view: ByteView, { start, end }: Box, bytes: number, what: string): void {
  view.need(start, bytes);
  if (end - start < bytes) throw corrupt(`JPEG 2000 ${what} — expected ${bytes} bytes, got ${end - start}`);
}

function readPalette(view: ByteView, box: Box): Jpeg2000Palette {
  requireSize(view, box, 3, "palette");
  const [entries, count] = [view.u16(box.start), view.u8(box.start + 2)];
  if (entries < 1 || entries > MAX_ENTRIES || count < 1) throw corrupt(`JPEG 2000 palette of ${entries} colours and ${count} channels`);
  requireSize(view, box, 3 + count, "palette");
  const bits = Array.from({ length: count }, (_, i) => (view.u8(box.start + 3 + i) & 0x7f) + 1);
  if (bits.some((value) => value > 16)) throw unsupported("JPEG 2000 with a palette of more than 16 bits", "Save it as PNG.");
  const row = bits.reduce((sum, value) => sum + (value > 8 ? 2 : 1), 0);
  requireSize(view, box, 3 + count + entries * row, "palette");
  const columns = bits.map((value) => ({ values: new Uint16Array(entries), bits: value }));
  let at = box.start + 3 + count;
  for (let entry = 0; entry < entries; entry++) {
    for (const { values, bits: wide } of columns) {
      values[entry] = wide > 8 ? view.u16(at) : view.u8(at);
      at += wide > 8 ? 2 : 1;
    }
  }
  return { entries, columns };
}

function readMapping(view: ByteView, box: Box, samples: number, columns: number): Channel[] {
  const channels = Array.from({ length: Math.floor((box.end - box.start) / 4) }, (_, i): Channel => {
    const at = box.start + i * 4;
    return { component: view.u16(at), column: view.u8(at + 2) === 1 ? view.u8(at + 3) : undefined };
  });
  if (channels.length === 0 || channels.some(({ component, column }) => component >= samples || (column ?? 0) >= columns))
    throw corrupt("JPEG 2000 with channels of components or colours that it lacks");
  return channels;
}

/** Channels that are colours, in their order, where a file says so. */
function readDefinition(view: ByteView, box: Box, channels: number): (number | undefined)[] {
  requireSize(view, box, 2, "channel definition");
  const count = view.u16(box.start);
  requireSize(view, box, 2 + count * 6, "channel definition");
  const order: (number | undefined)[] = [];
  for (let i = 0; i < count; i++) {
    const at = box.start + 2 + i * 6;
    const [channel, type, colour] = [view.u16(at), view.u16(at + 2), view.u16(at + 4)];
    if (channel >= channels) throw corrupt(`JPEG 2000 that defines channel ${channel} of ${channels}`);
    if (type === COLOUR && colour >= 1 && colour <= 3) order[colour - 1] = channel;
  }
  return order;
}

/** @throws ImagingError `corrupt_image`, `unsupported_format` */
export function channelsOf(view: ByteView, { samples, colourSpace, boxes }: Jpeg2000Size): Jpeg2000Channels {
  const find = (type: string) => boxes.find((box) => box.type === type);
  const [pclr, cmap, cdef] = [find("pclr"), find("cmap"), find("cdef")];
  if (samples > MAX_COMPONENTS) throw unsupported(`JPEG 2000 with ${samples} components`, "Save it as grey or RGB, with or without alpha.");
  if ((pclr === undefined) !== (cmap === undefined)) throw corrupt("JPEG 2000 with a palette that no channel is mapped to");
  const palette = pclr === undefined ? undefined : readPalette(view, pclr);
  const channels =
    cmap === undefined || palette === undefined
      ? Array.from({ length: samples }, (_, component): Channel => ({ component, column: undefined }))
      : readMapping(view, cmap, samples, palette.columns.length);
  const grey = colourSpace === undefined ? channels.length <= 2 : colourSpace === GREY;
  const colours = grey ? 1 : 3;
  if ((colourSpace !== undefined && colourSpace !== GREY && colourSpace !== RGB) || ![colours, colours + 1].includes(channels.length))
    throw unsupported(
      `JPEG 2000 of ${channels.length} channels that are neither grey nor RGB, with or without alpha`,
      "Save it as grey or RGB.",
    );
  const order = cdef === undefined ? [0, 1, 2] : readDefinition(view, cdef, channels.length);
  const chosen = Array.from({ length: colours }, (_, colour) => channels[order[colour] ?? -1]);
  const found = chosen.filter((channel) => channel !== undefined);
  if (found.length < colours) throw corrupt(`JPEG 2000 of ${colours} colours — expected a channel for each, got ${found.length}`);
  const alpha = channels.length > colours;
  if (palette === undefined || found.every(({ column }) => column === undefined))
    return { grey, alpha, components: found.map(({ component }) => component), palette: undefined };
  const [first] = found;
  const columns = found.flatMap(({ column, component }) => {
    const values = column === undefined || component !== first?.component ? undefined : palette.columns[column];
    return values === undefined ? [] : [values];
  });
  if (first === undefined || columns.length < colours)
    throw unsupported("JPEG 2000 whose colours come from several components and a palette", "Save it as RGB.");
  return { grey, alpha, components: [first.component], palette: { entries: palette.entries, columns } };
}
