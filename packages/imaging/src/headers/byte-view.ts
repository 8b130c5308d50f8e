// Bounds-checked reads over untrusted bytes. Every read past the end is a `corrupt_image` error, never undefined or NaN.

import { corrupt } from "../errors.js";

export class ByteView {
  readonly bytes: Uint8Array;
  readonly label: string;
  private readonly view: DataView;

  /** @param label the format's name, used in the message of a truncated read. */
  constructor(bytes: Uint8Array, label: string) {
    this.bytes = bytes;
    this.label = label;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(at: number): number {
    this.need(at, 1);
    return this.view.getUint8(at);
  }

  u16(at: number, little = false): number {
    this.need(at, 2);
    return this.view.getUint16(at, little);
  }

  u24le(at: number): number {
    this.need(at, 3);
    return this.view.getUint8(at) | (this.view.getUint8(at + 1) << 8) | (this.view.getUint8(at + 2) << 16);
  }

  u32(at: number, little = false): number {
    this.need(at, 4);
    return this.view.getUint32(at, little);
  }

  /** A 64-bit count or offset. @throws ImagingError when it does not fit a double exactly. */
  u64(at: number, little = false): number {
    this.need(at, 8);
    const value = this.view.getBigUint64(at, little);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw corrupt(`${this.label} offset out of range — got ${value}`);
    return Number(value);
  }

  /** True when the ASCII text stands at `at`; false past the end. */
  has(at: number, text: string): boolean {
    if (at + text.length > this.bytes.length) return false;
    for (let i = 0; i < text.length; i++) if (this.bytes[at + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** Four characters, for chunk names. */
  tag(at: number): string {
    this.need(at, 4);
    return String.fromCharCode(...this.bytes.subarray(at, at + 4));
  }

  need(at: number, count: number): void {
    if (at < 0 || at + count > this.bytes.length) {
      throw corrupt(`truncated ${this.label} — expected at least ${at + count} bytes, got ${this.bytes.length}`);
    }
  }
}
