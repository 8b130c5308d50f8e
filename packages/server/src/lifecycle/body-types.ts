// What a body may be: JSON parsed strictly, images and tensors as bytes, forms by their own parser; anything else is refused with what is taken.
// Types that old clients use for the same things are theirs; a compressed body grows within the limits of one that is not.

import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { parseStrictJson } from "@biovlm/files";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { ServerError } from "../errors.js";
import type { ServingOptions } from "../options.js";
import { IMAGE_TYPES } from "../schemas/classify.js";
import type { ImageBodies } from "./image-bodies.js";
import { inflated, isCompressed } from "./inflate.js";

/** Other names of types, as clients and operating systems give them. What a file really is, its content says. */
const SAME_TYPE: Readonly<Record<string, (typeof IMAGE_TYPES)[number]>> = {
  "image/jpg": "image/jpeg",
  "image/pjpeg": "image/jpeg",
  "image/x-png": "image/png",
  "image/tif": "image/tiff",
  "image/x-tiff": "image/tiff",
  "image/x-bmp": "image/bmp",
  "image/x-ms-bmp": "image/bmp",
  "image/j2c": "image/jp2",
  "image/jpx": "image/jp2",
  "image/x-portable-bitmap": "image/x-portable-anymap",
  "image/x-portable-graymap": "image/x-portable-anymap",
  "image/x-portable-pixmap": "image/x-portable-anymap",
  "image/x-portable-arbitrarymap": "image/x-portable-anymap",
  "image/dicom": "application/dicom",
  "image/x-dicom": "application/dicom",
  "binary/octet-stream": "application/octet-stream",
  "application/x-www-form-urlencoded": "application/octet-stream",
};

/** Values in a body of JSON: images and texts are few and long, and parsing millions of short ones would hold everybody up. */
const MAX_VALUES = 100_000;

/** JSON is parsed strictly; images and tensors stay bytes; anything else is refused. */
export function readBodies(app: FastifyInstance, options: ServingOptions, bodies: ImageBodies): void {
  app.removeAllContentTypeParsers();
  app.addHook("preParsing", async (request, reply, payload) => {
    if (request.method === "GET" || request.method === "HEAD") return payload;
    request.headers["content-type"] = typeOf(request);
    return inflated(request, reply, payload as Readable);
  });
  app.addContentTypeParser("application/json", { parseAs: "buffer", bodyLimit: options.maxBodyBytes }, (request, body, done) => {
    // the protocol's own codec reads the raw bytes: a header of JSON may be followed by tensors
    if (request.routeOptions.url?.endsWith("/infer")) return done(null, { raw: viewed(body as Buffer) });
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(body as Buffer);
      done(null, plain(parseStrictJson(text, "request body", { maxValues: MAX_VALUES })));
    } catch (cause) {
      const why = (cause as Error).message.replace(/^\[[^\]]*\] /, "");
      done(new ServerError("bad_json", `request body — expected JSON, got: ${why}`, { cause }));
    }
  });
  app.addContentTypeParser([...IMAGE_TYPES], (request: FastifyRequest, body: IncomingMessage) => {
    const declared = isCompressed(request) ? undefined : request.headers["content-length"];
    // tensors and banks come as octet streams too: what is no image by its type may be as large as any body
    const isImage = request.headers["content-type"]?.startsWith("image/") === true;
    const limit = isImage ? Math.min(options.maxImageBytes, options.maxBodyBytes) : options.maxBodyBytes;
    return bodies.read(body, declared === undefined ? undefined : Number(declared), limit);
  });
}

/** Media types that a route takes, as its schema documents them. */
export function takenTypes(request: FastifyRequest): string[] {
  const { schema } = request.routeOptions;
  const content = (schema?.body as { content?: object } | undefined)?.content;
  return Object.keys(content ?? { "application/json": {} });
}

/** The type by its usual name. Without one: JSON in the protocol, as Triton's client sends it, and elsewhere bytes where a route takes them. */
function typeOf(request: FastifyRequest): string | undefined {
  const given = request.headers["content-type"];
  const [name = "", ...parameters] = (given ?? "").split(";");
  const key = name.trim().toLowerCase();
  const isProtocol = request.routeOptions.url?.startsWith("/v2") === true;
  const takesBytes = () => takenTypes(request).includes("application/octet-stream");
  if (key === "") {
    const { "content-length": length, "transfer-encoding": chunked } = request.headers;
    if (chunked === undefined && (length === undefined || length === "0")) return given;
    if (isProtocol) return "application/json";
    return takesBytes() ? "application/octet-stream" : given;
  }
  const same = Object.hasOwn(SAME_TYPE, key) ? SAME_TYPE[key] : undefined;
  // what curl calls -d and --data-binary: JSON in the protocol, bytes where they are taken; elsewhere it is a form that nobody reads
  if (isProtocol && key === "application/x-www-form-urlencoded") return "application/json";
  return same === undefined || (same === "application/octet-stream" && !takesBytes()) ? given : [same, ...parameters].join(";");
}

/** The same bytes as a plain array: a Buffer's `slice` means another thing. */
function viewed({ buffer, byteOffset, byteLength }: Buffer): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Objects with the usual prototype, as the validator expects; keys are checked by then (`__proto__` is refused by the parser). */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
