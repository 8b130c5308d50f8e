// Data sets that come without the file format around them (PS3.10, section 7): with group 0002 but no preamble, or with neither. They get
// both, so that one reader takes all. Only group 0002 is looked at.

const IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2";
/** value representations whose length takes four bytes after two reserved ones */
const LONG = new Set(["OB", "OW", "OF", "OD", "OL", "OV", "SQ", "UC", "UN", "UR", "UT", "SV", "UV"]);

const ascii = (bytes: Uint8Array, from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));

/** Where group 0002, which `bytes` begin with, ends, and the transfer syntax it names (without one: implicit little endian). */
export function metaGroup(bytes: Uint8Array): { readonly end: number; readonly syntax: string } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let syntax = IMPLICIT_LITTLE_ENDIAN;
  while (at + 8 <= bytes.length && view.getUint16(at, true) === 0x0002) {
    const element = view.getUint16(at + 2, true);
    const long = LONG.has(ascii(bytes, at + 4, at + 6));
    if (long && at + 12 > bytes.length) break;
    const length = long ? view.getUint32(at + 8, true) : view.getUint16(at + 6, true);
    const start = at + (long ? 12 : 8);
    if (start + length > bytes.length) break;
    if (element === 0x0010) syntax = ascii(bytes, start, start + Math.min(length, 64)).replace(/[\0 ]+$/, "");
    at = start + length;
  }
  return { end: at, syntax };
}

/** `bytes` with preamble and group 0002: themselves, not copied, where they have both. */
export function withPreamble(bytes: Uint8Array): Uint8Array {
  if (bytes.length >= 132 && ascii(bytes, 128, 132) === "DICM") return bytes;
  const { end, syntax } = metaGroup(bytes);
  return joined(syntax, bytes.subarray(end));
}

/** A file of `dataset` (without group 0002) in the transfer syntax `syntax`. */
export function joined(syntax: string, dataset: Uint8Array): Uint8Array<ArrayBuffer> {
  const uid = syntax.length % 2 === 0 ? syntax : `${syntax}\0`;
  const head = 132 + 12 + 8 + uid.length;
  const whole = new Uint8Array(head + dataset.length);
  const view = new DataView(whole.buffer);
  const put = (at: number, text: string) =>
    whole.set(
      [...text].map((c) => c.charCodeAt(0)),
      at,
    );
  put(128, "DICM");
  view.setUint16(132, 0x0002, true);
  put(136, "UL");
  view.setUint16(138, 4, true);
  view.setUint32(140, 8 + uid.length, true);
  view.setUint16(144, 0x0002, true);
  view.setUint16(146, 0x0010, true);
  put(148, "UI");
  view.setUint16(150, uid.length, true);
  put(152, uid);
  whole.set(dataset, head);
  return whole;
}
