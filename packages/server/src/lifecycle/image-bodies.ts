// Bodies that are one image each. They are most of what a server allocates: buffers that are used again spare it the collections of old space that
// new ones bring on, tens of milliseconds each.

import type { Readable } from "node:stream";
import { ServerError } from "../errors.js";
import { imageTooLarge } from "./bytes-in-flight.js";

const SMALLEST = 16 * 1024;
const LARGEST = 1024 * 1024;
/** what the idle buffers of a server may hold */
const KEPT_BYTES = 32 * 1024 * 1024;

/** Reads bodies into buffers that `release` gives back. */
export class ImageBodies {
  private readonly idle = new Map<number, ArrayBuffer[]>();
  private kept = 0;

  /**
   * The whole body of a request. @param declared its Content-Length, where it has one @param limit bytes in a body; more are refused
   * @throws ServerError `payload_too_large`, `bad_request` for a body of another length than declared; what the stream fails with
   */
  read(body: Readable, declared: number | undefined, limit: number): Promise<Uint8Array> {
    if (declared !== undefined && declared > limit) return Promise.reject(imageTooLarge(limit, declared));
    return new Promise((resolve, reject) => {
      // a length is a claim, which the budget holds; room that nothing was written to costs no memory. Without one it grows with what comes
      let into = this.take(declared ?? SMALLEST);
      let length = 0;
      const settle = () => void body.off("data", onData).off("end", onEnd).off("error", onError);
      const onError = (error: Error) => {
        settle();
        reject(error);
      };
      const onData = (piece: Buffer) => {
        const needed = length + piece.length;
        if (needed > limit) return onError(imageTooLarge(limit, needed));
        if (needed > into.length) {
          const larger = this.take(Math.max(needed, Math.min(limit, 2 * into.length)));
          larger.set(into.subarray(0, length));
          this.release(into);
          into = larger;
        }
        into.set(piece, length);
        length = needed;
      };
      const onEnd = () => {
        settle();
        if (declared === undefined || declared === length) return resolve(into.subarray(0, length));
        const wanted = `expected ${declared} bytes as its Content-Length says, got ${length}`;
        reject(new ServerError("bad_request", `request body — ${wanted}. Send it again.`));
      };
      body.on("data", onData).on("end", onEnd).on("error", onError);
    });
  }

  /** Gives a body's buffer back. Only when nothing will look at it again: whoever is unsure keeps it, and it is collected. */
  release({ buffer }: Uint8Array): void {
    const size = buffer.byteLength;
    const list = this.idle.get(size);
    // none of ours, enough of them, or given twice
    if (list === undefined || this.kept + size > KEPT_BYTES || list.includes(buffer as ArrayBuffer)) return;
    list.push(buffer as ArrayBuffer);
    this.kept += size;
  }

  private take(atLeast: number): Uint8Array {
    if (atLeast > LARGEST) return new Uint8Array(atLeast);
    let size = SMALLEST;
    while (size < atLeast) size *= 2;
    const used = this.idle.get(size)?.pop();
    if (used === undefined) {
      if (!this.idle.has(size)) this.idle.set(size, []);
      return new Uint8Array(size);
    }
    this.kept -= size;
    return new Uint8Array(used);
  }
}
