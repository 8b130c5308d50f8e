// Messages of a call as they come: each behind a prefix of five bytes, gathered in one piece of memory, and inflated within the limit where it is
// compressed. What all that costs is counted by whoever hands the pieces over.

import { createGunzip, createInflate } from "node:zlib";
import { ServerError } from "../errors.js";
import { tooLarge } from "../lifecycle/bytes-in-flight.js";
import { GrowingBytes } from "./growing-bytes.js";

/** Before a message: whether it is compressed, and its length. */
export const PREFIX_BYTES = 5;
/** What a byte of a message costs: itself, and the body that it becomes, which HTTP's routes hold beside their answer. */
export const COST = 3;
const NONE: Uint8Array = new Uint8Array(0);

/** The messages of a call, gathered piece by piece. */
export class CallMessages {
  private readonly limit: number;
  /** as far as it came in pieces */
  private prefix = NONE;
  private message: GrowingBytes | undefined;
  private length = 0;
  private skipping = 0;
  /** what `take` has not looked at */
  rest: Uint8Array = NONE;

  /** @param limit most bytes of a message */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** bytes held of a message that is not whole yet */
  get pending(): number {
    return this.message?.length ?? 0;
  }

  /** whether a message has begun that is not whole yet */
  get begun(): boolean {
    return this.message !== undefined || this.prefix.length > 0 || this.skipping > 0;
  }

  /**
   * Looks at a piece up to the end of a message; `rest` is what follows it.
   * @param first most that is reserved for a length that is only a claim yet
   * @returns the message with its prefix, where it is whole now. @throws ServerError `payload_too_large`
   */
  take(piece: Uint8Array, first?: number): Buffer | undefined {
    let rest = piece;
    this.rest = NONE;
    if (this.skipping > 0) {
      const passed = Math.min(this.skipping, rest.length);
      this.skipping -= passed;
      rest = rest.subarray(passed);
    }
    if (this.message === undefined) {
      if (this.prefix.length > 0) rest = Buffer.concat([this.prefix, rest]);
      if (rest.length < PREFIX_BYTES) {
        this.prefix = rest.length === 0 ? NONE : new Uint8Array(rest);
        return undefined;
      }
      this.prefix = NONE;
      const declared = new DataView(rest.buffer, rest.byteOffset).getUint32(1);
      if (declared > this.limit) throw tooLarge(this.limit, declared);
      this.length = PREFIX_BYTES + declared;
      this.message = new GrowingBytes(this.length, first);
    }
    const missing = this.length - this.message.length;
    this.message.add(rest.length > missing ? rest.subarray(0, missing) : rest);
    if (this.message.length < this.length) return undefined;
    this.rest = rest.subarray(missing);
    const { bytes } = this.message;
    this.message = undefined;
    return bytes;
  }

  /** Passes over the message that is coming. What there is of it is let go. */
  skip(): void {
    this.skipping = this.message === undefined ? 0 : this.length - this.message.length;
    this.message = undefined;
  }
}

/** @throws ServerError `unsupported_media_type` */
export function checkEncoding(encoding: string): void {
  if (encoding === "gzip" || encoding === "deflate") return;
  throw new ServerError("unsupported_media_type", "grpc-encoding — expected gzip, deflate or identity, got another. Send it uncompressed.");
}

/** What a compressed message was. @param count hears of each piece before it is kept @throws ServerError */
export async function inflated(message: Uint8Array, encoding: string, limit: number, count: (bytes: number) => void): Promise<Buffer> {
  checkEncoding(encoding);
  const inflater = encoding === "gzip" ? createGunzip() : createInflate();
  const out = new GrowingBytes(limit);
  inflater.end(message);
  try {
    for await (const piece of inflater as AsyncIterable<Buffer>) {
      if (out.length + piece.length > limit) throw tooLarge(limit, out.length + piece.length);
      count(piece.length);
      out.add(piece);
    }
  } catch (cause) {
    if (cause instanceof ServerError) throw cause;
    throw new ServerError(
      "bad_request",
      `message — expected ${encoding} as grpc-encoding says, got other or damaged bytes. Send it again.`,
      {
        cause,
      },
    );
  }
  return out.bytes;
}
