// The server, put together in plain sight: limits → records → keys → bodies → errors → routes. It opens nothing by itself: the engine is handed in.

import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Engine } from "@biovlm/engine";
import { parseStrictJson } from "@biovlm/files";
import multipart from "@fastify/multipart";
import rateLimit from "@fastify/rate-limit";
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest } from "fastify";
import { type ApiKey, authorize, checkExposure } from "./auth.js";
import { ServerError } from "./errors.js";
import type {} from "./fastify-types.js";
import { BytesInFlight, boundBodies } from "./lifecycle/bytes-in-flight.js";
import { connectionLimits, limitRequestsPerSocket } from "./lifecycle/connection-limits.js";
import { checkCallers } from "./lifecycle/host-check.js";
import { ImageBodies } from "./lifecycle/image-bodies.js";
import { createLogger } from "./lifecycle/logging.js";
import { recordRequests } from "./lifecycle/request-records.js";
import type { Metrics } from "./metrics.js";
import type { ServingOptions } from "./options.js";
import type { PageFiles } from "./page-files.js";
import { replyWith, serverError } from "./replies.js";
import { bankRoutes } from "./routes/banks.js";
import { classifyRoutes } from "./routes/classify.js";
import { embeddingRoutes } from "./routes/embeddings.js";
import { healthRoutes } from "./routes/health.js";
import { inferenceRoutes } from "./routes/inference-v2.js";
import { pageRoutes } from "./routes/page.js";
import { IMAGE_TYPES } from "./schemas/classify.js";
import { serving } from "./serving.js";

/** What a server is put together from. */
export interface ServerParts {
  readonly engine: Engine;
  readonly options: ServingOptions;
  readonly version: string;
  readonly keys?: readonly ApiKey[];
  readonly metrics?: Metrics;
  readonly logger?: FastifyBaseLogger;
  /** the browser page for `/` (`pageFiles`) */
  readonly page?: PageFiles;
  /** Called before any route is added: where hooks that must see every request belong (`drainable`, `traceRequests`). */
  readonly prepare?: (app: FastifyInstance) => void | Promise<void>;
}

/**
 * A server that is ready to listen (`listen`). @throws ServerError `bad_option` for an address beyond loopback without a key.
 * @example const app = await createServer({ engine, options: servingOptions(), version: "0.1.0" }); await listen(app, options);
 */
export async function createServer({
  engine,
  options,
  version,
  keys = [],
  metrics,
  logger,
  page,
  prepare,
}: ServerParts): Promise<FastifyInstance> {
  checkExposure(options, keys);
  const limits = await connectionLimits(options);
  const app = Fastify({
    ...limits,
    // unique over restarts: the audit log names requests
    genReqId: () => randomUUID(),
    loggerInstance: logger ?? createLogger("silent"),
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: false } },
  }) as unknown as FastifyInstance;

  limitRequestsPerSocket(app);
  if (metrics !== undefined) recordRequests(app, metrics);
  await prepare?.(app);
  app.decorateRequest("keyName", undefined);
  app.addHook("onRequest", async (request) => {
    const { scope } = request.routeOptions.config;
    if (scope !== undefined) request.keyName = authorize(request.headers.authorization, scope, keys)?.name;
  });
  checkCallers(app, options, keys);
  if (options.ratePerMinute > 0) await app.register(rateLimit, { max: options.ratePerMinute, timeWindow: 60_000 });
  const bodies = new ImageBodies();
  const inFlight = new BytesInFlight(options.maxInFlightBytes);
  readBodies(app, options, bodies);
  await app.register(multipart, {
    limits: {
      fileSize: options.maxImageBytes,
      files: options.maxImages,
      fields: 64 + 1000,
      fieldSize: 1000,
      parts: options.maxImages + 64 + 1000,
    },
    throwFileSizeLimit: true,
  });
  boundBodies(app, inFlight, options.maxBodyBytes);
  await documents(app, version);

  app.setErrorHandler((error, request, reply) => {
    const known = serverError(error);
    if (known.status >= 500) request.log.error({ err: error }, "request failed");
    return replyWith(known, request.routeOptions.config.errors ?? "problem", request, reply);
  });
  app.setNotFoundHandler((request, reply) => {
    const form = request.url.startsWith("/v2") ? "protocol" : "problem";
    return replyWith(
      new ServerError("not_found", "route — expected one of /openapi.json, got another path or method. See /docs."),
      form,
      request,
      reply,
    );
  });
  const parts = serving(engine, options, version, bodies, inFlight);
  await app.register(async (routes) => {
    healthRoutes(routes, parts, metrics);
    inferenceRoutes(routes, parts);
    classifyRoutes(routes, parts);
    embeddingRoutes(routes, parts);
    bankRoutes(routes, parts);
    pageRoutes(routes, page);
  });

  return app;
}

/** JSON is parsed strictly; images and tensors stay bytes; anything else is refused. */
function readBodies(app: FastifyInstance, options: ServingOptions, bodies: ImageBodies): void {
  app.removeAllContentTypeParsers();
  app.addHook("preParsing", async (request) => {
    const { headers, method } = request;
    if (method === "GET" || method === "HEAD") return;
    // Triton's Python client names no type; the protocol's codec finds out itself
    if (headers["content-type"] === undefined && request.routeOptions.url?.endsWith("/infer")) headers["content-type"] = "application/json";
    // a compressed body has no bound on what it grows to
    if (!/^(identity)?$/i.test(headers["content-encoding"] ?? "")) {
      throw new ServerError("unsupported_media_type", "request body — expected it as it is, got a Content-Encoding. Send it uncompressed.");
    }
  });
  app.addContentTypeParser("application/json", { parseAs: "buffer", bodyLimit: options.maxBodyBytes }, (request, body, done) => {
    // the protocol's own codec reads the raw bytes: a header of JSON may be followed by tensors
    if (request.routeOptions.url?.endsWith("/infer")) return done(null, { raw: viewed(body as Buffer) });
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(body as Buffer);
      done(null, plain(parseStrictJson(text, "request body")));
    } catch (cause) {
      const why = (cause as Error).message.replace(/^\[[^\]]*\] /, "");
      done(new ServerError("bad_json", `request body — expected JSON, got: ${why}`, { cause }));
    }
  });
  app.addContentTypeParser([...IMAGE_TYPES], (request: FastifyRequest, body: IncomingMessage) => {
    const declared = request.headers["content-length"];
    // tensors and banks come as octet streams too: what is no image by its type may be as large as any body
    const isImage = request.headers["content-type"]?.startsWith("image/") === true;
    const limit = isImage ? Math.min(options.maxImageBytes, options.maxBodyBytes) : options.maxBodyBytes;
    return bodies.read(body, declared === undefined ? undefined : Number(declared), limit);
  });
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

async function documents(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "BioVLM",
        version,
        description:
          "Routed prompts for biomedical images. Research use only, not a medical device. No address in a request is ever fetched.",
        license: { name: "Apache-2.0" },
      },
      components: { securitySchemes: { key: { type: "http", scheme: "bearer" } } },
    },
  });
  app.get("/openapi.json", { schema: { hide: true } }, async () => (app as unknown as { swagger(): object }).swagger());
  await app.register(swaggerUi, { routePrefix: "/docs", staticCSP: true });
}
