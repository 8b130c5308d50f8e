// Bytes of request bodies that a server holds at once, over all routes and clients: what keeps its memory bounded whatever is sent to it.
// A declared length is reserved before a byte is read; of a body without one, each piece as it comes. All is given back with the answer. What a body
// is unpacked to is held beside it: JSON beside its text and its bytes, tensors beside their rows' answers, a form beside its parts.

import type { IncomingHttpHeaders } from "node:http";
import { Transform } from "node:stream";
import { SERVED_WORDS } from "@biovlm/engine/options";
import { atEdge } from "@biovlm/files";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { ServerError } from "../errors.js";
import { isCompressed } from "./inflate.js";

/** What a byte of a body may cost until it is answered. An image is held as it came; its pixels are the engine's, which bounds them itself. */
function weightOf({ headers }: FastifyRequest): number {
  const [type = ""] = (headers["content-type"] ?? "").split(";", 1);
  if (/^image\//i.test(type)) return 1;
  return /^multipart\//i.test(type) ? 2 : 3;
}

/** The budget of one server. */
export class BytesInFlight {
  private readonly limit: number;
  private readonly held = new WeakMap<object, { readonly bytes: number; readonly weight: number }>();
  private readonly ended = new WeakSet<object>();
  private used = 0;
  private length = 0;

  /** @param limit bytes held at once, with what they are unpacked to; a lone request may be larger than that */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** of bodies held now, as they came */
  get bytes(): number {
    return this.length;
  }

  /** @throws ServerError `overloaded` where others hold so much that this does not fit */
  reserve(request: FastifyRequest, bytes: number): void {
    this.hold(request, bytes, weightOf(request));
  }

  /** @param each what a byte costs @throws as `reserve` */
  hold(owner: object, bytes: number, each = 1): void {
    if (this.ended.has(owner)) return;
    const own = this.held.get(owner) ?? { bytes: 0, weight: 0 };
    const weight = bytes * each;
    if (this.used > own.weight && this.used + weight > this.limit)
      throw new ServerError(
        "overloaded",
        "bytes in flight — expected room for another body or answer, got as many as are allowed. Try again soon.",
      );
    this.held.set(owner, { bytes: own.bytes + bytes, weight: own.weight + weight });
    this.used += weight;
    this.length += bytes;
  }

  /** What an owner holds is given back, and it holds nothing again: pieces that come late are nobody's. */
  end(owner: object): void {
    this.release(owner);
    this.ended.add(owner);
  }

  release(owner: object): void {
    const own = this.held.get(owner);
    this.used -= own?.weight ?? 0;
    this.length -= own?.bytes ?? 0;
    this.held.delete(owner);
  }
}

/** What a protocol beside HTTP asks before it takes a message. */
export interface CallBounds {
  readonly bytes: BytesInFlight;
  /** true where the headers hold a key that may ask for answers, or none is needed */
  knows(headers: IncomingHttpHeaders): boolean;
}

/** Every body of an app counts: refused at once where its declared length is too much, else held in the budget until it is answered. */
export function boundBodies(app: FastifyInstance, bytes: BytesInFlight, maxBodyBytes: number): void {
  app.addHook("preParsing", async (request, reply, payload) => {
    const { headers, method } = request;
    if (method === "GET" || method === "HEAD") return payload;
    // answered, or left by the client: whichever comes
    reply.raw.once("close", () => bytes.end(request));
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

/** The same of one image. @param got bytes; undefined where they were not counted to the end */
export function imageTooLarge(limit: number, got?: number): ServerError {
  const message = `image — expected at most ${limit} bytes, got ${got ?? "more"}. Send a smaller file, or raise maxImageBytes.`;
  return new ServerError("payload_too_large", atEdge(message, SERVED_WORDS));
}
