// A grey PNG of 8 or 16 bits a sample, made here: sharp writes neither sBIT nor what a detector writes into 16 bits.

import { crc32, deflateSync } from "node:zlib";

/** A grey PNG, with an sBIT chunk where one is given. `sample` gives the value of pixel `index`, row by row. */
export function greyPng(
  width: number,
  height: number,
  depth: 8 | 16,
  sample: (index: number) => number,
  sbit?: number,
): Uint8Array<ArrayBuffer> {
  const bytes = depth / 8;
  const rows = Buffer.alloc(height * (1 + width * bytes));
  for (let i = 0; i < width * height; i++) {
    const at = Math.floor(i / width) * (1 + width * bytes) + 1 + (i % width) * bytes;
    if (depth === 8) rows.writeUInt8(sample(i), at);
    else rows.writeUInt16BE(sample(i), at);
  }
  const chunk = (type: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.writeUInt8(depth, 8);
  const said = sbit === undefined ? [] : [chunk("sBIT", Uint8Array.of(sbit))];
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  return new Uint8Array(
    Buffer.concat([signature, chunk("IHDR", head), ...said, chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]),
  );
}
