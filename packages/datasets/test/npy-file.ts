// NumPy files for tests: an .npy of any header, and an .npz of some, stored or deflated.

import { zipSync } from "fflate";

/** An .npy of version 1 (or `major`) with this header text or this dtype and shape, and these data bytes. */
export function npy(
  {
    descr = "|u1",
    fortran = false,
    shape,
    header,
    major = 1,
  }: { descr?: string; fortran?: boolean; shape: readonly number[]; header?: string; major?: number },
  data: Uint8Array,
): Uint8Array {
  const axes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = header ?? `{'descr': '${descr}', 'fortran_order': ${fortran ? "True" : "False"}, 'shape': (${axes}), }`;
  const start = major === 1 ? 10 : 12;
  const padded = text.padEnd(Math.ceil((start + text.length + 1) / 64) * 64 - start - 1, " ").concat("\n");
  const out = new Uint8Array(start + padded.length + data.length);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, major, 0]);
  const view = new DataView(out.buffer);
  if (major === 1) view.setUint16(8, padded.length, true);
  else view.setUint32(8, padded.length, true);
  out.set(new TextEncoder().encode(padded), start);
  out.set(data, start + padded.length);
  return out;
}

/** Labels as numpy's int64. */
export function int64(values: readonly number[]): Uint8Array {
  return new Uint8Array(BigInt64Array.from(values, (v) => BigInt(v)).buffer);
}

export function npz(members: Readonly<Record<string, Uint8Array>>, level: 0 | 6 = 6): Uint8Array {
  return zipSync(Object.fromEntries(Object.entries(members).map(([name, bytes]) => [`${name}.npy`, [bytes, { level }]])));
}
