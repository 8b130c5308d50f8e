// Reads protobuf's wire format out of bytes that may be hostile: every length is checked before use, nothing is copied, nothing recurses.
// It knows nothing of ONNX; parse.ts does.

import { GraphError } from "./errors.js";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Throws `malformed_model`. */
export function malformed(what: string, expected: string, got: string | number): never {
  throw new GraphError(
    "malformed_model",
    `${what} — expected ${expected}, got ${got}. The file is damaged or no ONNX model; get it again.`,
  );
}

/** A cursor over the fields of one message. */
export class WireReader {
  private readonly bytes: Uint8Array;
  private at = 0;
  /** Field number and wire type of the field that `next` stepped to. */
  field = 0;
  wire = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Steps to the next field; false at the end. Its value must then be read, or skipped, before the next step. */
  next(): boolean {
    if (this.at >= this.bytes.length) return false;
    const key = this.int();
    this.field = Math.floor(key / 8);
    this.wire = key % 8;
    if (key < 8 || this.field > 536870911) malformed("protobuf key", "a field number of 1 to 2^29 − 1", key);
    return true;
  }

  /** A varint as a signed 64-bit whole number. Throws beyond ±2^53, which no size or count reaches. */
  int(): number {
    let value = 0;
    let unit = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) return malformed("protobuf number", "its last byte", "the end of the message");
      if (i >= 7) return this.longInt(i + 1);
      value += (byte & 127) * unit;
      if (byte < 128) return value;
      unit *= 128;
    }
    return malformed("protobuf number", "at most 10 bytes", "more");
  }

  private longInt(read: number): number {
    let start = this.at - read;
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[start++];
      if (byte === undefined) return malformed("protobuf number", "its last byte", "the end of the message");
      value |= BigInt(byte & 127) << shift;
      if (byte >= 128) continue;
      this.at = start;
      const signed = Number(BigInt.asIntN(64, value));
      return Number.isSafeInteger(signed) ? signed : malformed("protobuf number", "at most 2^53", String(BigInt.asIntN(64, value)));
    }
    return malformed("protobuf number", "at most 10 bytes", "more");
  }

  /** The value of the current field as a whole number; its wire type is checked. */
  intField(what: string): number {
    this.expect(what, 0);
    return this.int();
  }

  /** One or, packed, several whole numbers. */
  intFields(what: string, into: number[], limit: number): void {
    if (this.wire === 0) into.push(this.int());
    else {
      const packed = new WireReader(this.bytesField(what));
      while (packed.at < packed.bytes.length && into.length <= limit) into.push(packed.int());
    }
    if (into.length > limit) malformed(what, `at most ${limit} numbers`, "more");
  }

  floatField(what: string): number {
    this.expect(what, 5);
    return this.fixed32(what);
  }

  /** One or, packed, several floats. */
  floatFields(what: string, into: number[], limit: number): void {
    if (this.wire === 5) into.push(this.fixed32(what));
    else {
      const packed = new WireReader(this.bytesField(what));
      while (packed.at < packed.bytes.length && into.length <= limit) into.push(packed.fixed32(what));
    }
    if (into.length > limit) malformed(what, `at most ${limit} numbers`, "more");
  }

  /** Length-delimited bytes: a view, not a copy. */
  bytesField(what: string): Uint8Array {
    this.expect(what, 2);
    const length = this.int();
    const left = this.bytes.length - this.at;
    if (length < 0 || length > left) malformed(what, `at most ${left} bytes`, length);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  messageField(what: string): WireReader {
    return new WireReader(this.bytesField(what));
  }

  /** UTF-8 text of at most `limit` bytes. */
  stringField(what: string, limit = 1024): string {
    const bytes = this.bytesField(what);
    if (bytes.length > limit) malformed(what, `at most ${limit} bytes of text`, bytes.length);
    try {
      return decoder.decode(bytes);
    } catch {
      return malformed(what, "UTF-8 text", "other bytes");
    }
  }

  /** Steps over the current field's value, whatever it is. */
  skip(): void {
    if (this.wire === 0) this.int();
    else if (this.wire === 2) this.bytesField("skipped field");
    else if (this.wire === 1 || this.wire === 5) {
      this.at += this.wire === 1 ? 8 : 4;
      if (this.at > this.bytes.length) malformed("skipped field", "its bytes", "the end of the message");
    } else malformed("protobuf wire type", "0, 1, 2 or 5", this.wire);
  }

  private fixed32(what: string): number {
    if (this.at + 4 > this.bytes.length) malformed(what, "4 bytes", "the end of the message");
    const value = new DataView(this.bytes.buffer, this.bytes.byteOffset + this.at, 4).getFloat32(0, true);
    this.at += 4;
    return value;
  }

  private expect(what: string, wire: number): void {
    if (this.wire !== wire) malformed(what, `protobuf wire type ${wire}`, this.wire);
  }
}
