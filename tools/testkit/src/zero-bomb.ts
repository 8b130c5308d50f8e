// Deflate streams that inflate to far more than they hold, made without deflating what they claim: one block, many times.

import { constants, deflateRawSync } from "node:zlib";

const MEGABYTE = 1 << 20;

/** A raw deflate stream (RFC 1951) of `megabytes` MiB of zeros, about a thousandth of that long. */
export function rawZeroBomb(megabytes: number): Uint8Array {
  const block = deflateRawSync(new Uint8Array(MEGABYTE), { level: 9, finishFlush: constants.Z_FULL_FLUSH });
  return Buffer.concat([...Array.from({ length: megabytes }, () => block), deflateRawSync(new Uint8Array())]);
}

/** The same as a zlib stream (RFC 1950), its checksum right. */
export function zlibZeroBomb(megabytes: number): Uint8Array {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt16BE((megabytes * MEGABYTE) % 65521, 0);
  checksum.writeUInt16BE(1, 2);
  return Buffer.concat([Uint8Array.of(0x78, 0xda), rawZeroBomb(megabytes), checksum]);
}
