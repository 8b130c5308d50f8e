// A DICOM cine made here: MONOCHROME2, 8 bits, RLE, each frame of one grey of its own. Small as a file, large when it is decoded.

const STRINGS = new Set(["UI", "CS", "IS", "DS", "LO", "PN", "DA", "TM", "SH", "ST", "LT"]);

/** An element in explicit little endian: "00280010", VR, value. */
export function dicomElement(tag: string, vr: string, value: string | number | Uint8Array): Buffer {
  let data: Buffer;
  if (typeof value === "string") data = Buffer.from(value.length % 2 === 0 ? value : `${value}${vr === "UI" ? "\0" : " "}`, "latin1");
  else if (typeof value === "number") {
    data = Buffer.alloc(2);
    data.writeUInt16LE(value);
  } else data = Buffer.from(value);
  const head = Buffer.alloc(STRINGS.has(vr) || vr === "US" || vr === "UL" ? 8 : 12);
  head.writeUInt16LE(Number.parseInt(tag.slice(0, 4), 16), 0);
  head.writeUInt16LE(Number.parseInt(tag.slice(4), 16), 2);
  head.write(vr, 4, "latin1");
  if (head.length === 8) head.writeUInt16LE(data.length, 6);
  else head.writeUInt32LE(data.length, 8);
  return Buffer.concat([head, data]);
}

/** A file of elements, sorted by tag, with preamble and group 0002. */
export function dicomFile(syntax: string, elements: readonly Buffer[]): Uint8Array<ArrayBuffer> {
  const meta = dicomElement("00020010", "UI", syntax);
  const length = Buffer.alloc(12);
  length.write("\x02\0\0\0UL\x04\0", "latin1");
  length.writeUInt32LE(meta.length, 8);
  return new Uint8Array(Buffer.concat([Buffer.alloc(128), Buffer.from("DICM"), length, meta, ...elements]));
}

/** Group 0028 of grey pixels without a window: one sample of `bits`, all of them stored. */
export function greyElements(
  { rows, columns, frames }: { readonly rows: number; readonly columns: number; readonly frames?: number },
  { bits = 8, signed = false }: { readonly bits?: number; readonly signed?: boolean } = {},
): Buffer[] {
  return [
    dicomElement("00280002", "US", 1),
    dicomElement("00280004", "CS", "MONOCHROME2"),
    ...(frames === undefined ? [] : [dicomElement("00280008", "IS", String(frames))]),
    dicomElement("00280010", "US", rows),
    dicomElement("00280011", "US", columns),
    dicomElement("00280100", "US", bits),
    dicomElement("00280101", "US", bits),
    dicomElement("00280102", "US", bits - 1),
    dicomElement("00280103", "US", signed ? 1 : 0),
  ];
}

function item(data: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0xe000fffe, 0);
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data]);
}

/** One RLE segment of `count` bytes that are all `value`. */
function constantRle(count: number, value: number): Buffer {
  const head = Buffer.alloc(64);
  head.writeUInt32LE(1, 0);
  head.writeUInt32LE(64, 4);
  const runs: number[] = [];
  for (let left = count; left > 0; left -= 128) {
    const run = Math.min(left, 128);
    // a run of one is a literal
    runs.push(...(run === 1 ? [0, value] : [257 - run, value]));
  }
  if (runs.length % 2 === 1) runs.push(0);
  return Buffer.concat([head, Buffer.from(runs)]);
}

/**
 * An ultrasound frame of 8 bits: pixel (x, y) is (x + 7 · y) mod 256, so that a crop tells where it was made.
 * @param region corners (min x, min y, max x, max y) of the one item of Sequence of Ultrasound Regions; absent: no such element
 */
export function ultrasoundFrame(
  columns: number,
  rows: number,
  region?: readonly [number, number, number, number],
): Uint8Array<ArrayBuffer> {
  const corner = (tag: string, value: number) => dicomElement(tag, "UL", Uint8Array.from([value & 255, value >> 8, 0, 0]));
  const tags = ["00186018", "0018601A", "0018601C", "0018601E"];
  const regions = region === undefined ? [] : [item(Buffer.concat(tags.map((tag, i) => corner(tag, region[i] ?? 0))))];
  return dicomFile("1.2.840.10008.1.2.1", [
    dicomElement("00080016", "UI", "1.2.840.10008.5.1.4.1.1.6.1"),
    dicomElement("00080060", "CS", "US"),
    ...regions.map((one) => dicomElement("00186011", "SQ", one)),
    ...greyElements({ rows, columns }),
    dicomElement(
      "7FE00010",
      "OW",
      Uint8Array.from({ length: columns * rows }, (_, i) => (i % columns) + 7 * Math.floor(i / columns)),
    ),
  ]);
}

/** A cine of `greys.length` frames, side × side pixels. */
export function madeCine(greys: readonly number[], side: number): Uint8Array<ArrayBuffer> {
  const frames = greys.map((grey) => item(constantRle(side * side, grey)));
  const head = Buffer.from([0xe0, 0x7f, 0x10, 0x00, 0x4f, 0x42, 0, 0, 0xff, 0xff, 0xff, 0xff]);
  const end = Buffer.from([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
  return dicomFile("1.2.840.10008.1.2.5", [
    dicomElement("00080016", "UI", "1.2.840.10008.5.1.4.1.1.3.1"),
    dicomElement("00080018", "UI", "2.25.4242.900"),
    dicomElement("00080060", "CS", "US"),
    dicomElement("0020000D", "UI", "2.25.4242.901"),
    dicomElement("0020000E", "UI", "2.25.4242.902"),
    ...greyElements({ rows: side, columns: side, frames: greys.length }),
    Buffer.concat([head, item(new Uint8Array(0)), ...frames, end]),
  ]);
}
