// Compressed bodies (Content-Encoding gzip, deflate): what they grow to is counted piece by piece by whoever reads them, so no limit changes.

import { PassThrough, type Readable } from "node:stream";
import { createGunzip, createInflate } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";
import { ServerError } from "../errors.js";

/** True for a body that comes compressed: its Content-Length says nothing of its size. */
export function isCompressed({ headers }: FastifyRequest): boolean {
  return !/^(identity)?$/i.test(headers["content-encoding"] ?? "");
}

/** The body as it was before it was compressed. What it grows to counts against the limits piece by piece. */
export function inflated(request: FastifyRequest, reply: FastifyReply, payload: Readable): Readable {
  if (!isCompressed(request)) return payload;
  const encoding = request.headers["content-encoding"]!.trim().toLowerCase();
  const form = /^multipart\//i.test(request.headers["content-type"] ?? "");
  if (form || !["gzip", "x-gzip", "deflate"].includes(encoding)) {
    throw new ServerError(
      "unsupported_media_type",
      `Content-Encoding — expected ${form ? "none for a form" : "gzip, deflate or none"}, got another. Send it uncompressed.`,
    );
  }
  const inflater = encoding === "deflate" ? createInflate() : createGunzip();
  const out = new PassThrough() as PassThrough & { receivedEncodedLength: number };
  out.receivedEncodedLength = 0;
  payload.on("data", (piece: Buffer) => {
    out.receivedEncodedLength += piece.length;
  });
  payload.once("error", (error) => inflater.destroy(error));
  // a request that is answered before its end stops the work at once
  reply.raw.once("close", () => out.destroy());
  out.once("close", () => {
    payload.unpipe(inflater);
    inflater.destroy();
    payload.resume();
  });
  inflater.once("error", (cause: NodeJS.ErrnoException) => {
    const damaged = cause.code?.startsWith("Z_") === true;
    const what = `request body — expected ${encoding} as its Content-Encoding says, got other or damaged bytes. Send it again.`;
    out.destroy(damaged ? new ServerError("bad_request", what, { cause }) : cause);
  });
  payload.pipe(inflater).pipe(out);
  return out;
}
