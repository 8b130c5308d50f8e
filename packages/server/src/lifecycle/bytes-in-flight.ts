// Bytes of request bodies that a server holds at once, over all routes and clients: what keeps its memory bounded whatever is sent to it.
// A declared length is reserved before a byte is read; of a body without one, each piece as it comes. All is given back with the answer.

import { Transform } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { ServerError } from "../errors.js";
import { isCompressed } from "./inflate.js";

/** The budget of one server. */
export class BytesInFlight {
  private readonly limit: number;
  private readonly held = new WeakMap<object, number>();
  private used = 0;

  /** @param limit bytes held at once; a lone request may be larger than that */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** held now */
  get bytes(): number {
    return this.used;
  }

  /** @throws ServerError `overloaded` where others hold so much that this does not fit */
  reserve(request: FastifyRequest, bytes: number): void {
    const own = this.held.get(request) ?? 0;
    if (this.used > own && this.used + bytes > this.limit)
      throw new ServerError(
        "overloaded",
        "request bodies — expected room for another, got as many bytes in flight as are allowed. Try again soon.",
      );
    this.held.set(request, own + bytes);
    this.used += bytes;
  }

  release(request: FastifyRequest): void {
    this.used -= this.held.get(request) ?? 0;
    this.held.delete(request);
  }
}

/** Every body of an app counts: refused at once where its declared length is too much, else held in the budget until it is answered. */
export function boundBodies(app: FastifyInstance, bytes: BytesInFlight, maxBodyBytes: number): void {
  app.addHook("preParsing", async (request, reply, payload) => {
    const { headers, method } = request;
    if (method === "GET" || method === "HEAD") return payload;
    // answered, or left by the client: whichever comes
    reply.raw.once("close", () => bytes.release(request));
    const declared = headers["content-length"];
    if (declared !== undefined) {
      const length = Number(declared);
      if (length > maxBodyBytes) throw tooLarge(maxBodyBytes, length);
      // what a compressed body grows to is known when it has grown
      if (!isCompressed(request)) {
        bytes.reserve(request, length);
        return payload;
      }
    }
    // a form is read from the socket by its own parser, which counts its parts
    if (/^multipart\/form-data\b/i.test(headers["content-type"] ?? "")) return payload;
    const counted = new Transform({
      transform(piece: Buffer, _encoding, done) {
        try {
          bytes.reserve(request, piece.length);
          done(null, piece);
        } catch (error) {
          done(error as Error);
        }
      },
    });
    // Fastify compares it with the declared length
    Object.defineProperty(counted, "receivedEncodedLength", { get: () => payload.receivedEncodedLength });
    payload.on("error", (error) => counted.destroy(error));
    reply.raw.once("close", () => counted.destroy());
    return payload.pipe(counted);
  });
}

export function tooLarge(limit: number, got: number): ServerError {
  return new ServerError("payload_too_large", `request body — expected at most ${limit} bytes, got ${got}. Send a smaller one.`);
}
