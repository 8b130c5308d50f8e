// The server, put together in plain sight: limits → records → keys → bodies → errors → routes. It opens nothing by itself: the engine is handed in.

import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Engine } from "@biovlm/engine";
import multipart from "@fastify/multipart";
import rateLimit from "@fastify/rate-limit";
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from "fastify";
import { type ApiKey, checkExposure, isAuthorized } from "./auth.js";
import type {} from "./fastify-types.js";
import { readBodies, takenTypes } from "./lifecycle/body-types.js";
import { BytesInFlight, boundBodies } from "./lifecycle/bytes-in-flight.js";
import { trustedProxies } from "./lifecycle/caller-addresses.js";
import type { Certificate } from "./lifecycle/certificate.js";
import { connectionLimits, limitRequestsPerSocket } from "./lifecycle/connection-limits.js";
import { allowOrigins, originsOf } from "./lifecycle/cross-origin.js";
import { checkCallers } from "./lifecycle/host-check.js";
import { ImageBodies } from "./lifecycle/image-bodies.js";
import { takeInProcess } from "./lifecycle/in-process.js";
import { callerOf, checkKeys } from "./lifecycle/key-check.js";
import { createLogger } from "./lifecycle/logging.js";
import { recordRequests } from "./lifecycle/request-records.js";
import { boundAnswers } from "./lifecycle/unread-answers.js";
import { answerUnread } from "./lifecycle/unread-requests.js";
import { answerUnrouted, ROUTER_OPTIONS, refusePath } from "./lifecycle/unrouted.js";
import type { Metrics } from "./metrics.js";
import { documents } from "./openapi.js";
import type { ServingOptions } from "./options.js";
import type { PageFiles } from "./page-files.js";
import { replyWith, serverError } from "./replies.js";
import { bankRoutes } from "./routes/banks.js";
import { classifyRoutes } from "./routes/classify.js";
import { embeddingRoutes } from "./routes/embeddings.js";
import { healthRoutes } from "./routes/health.js";
import { inferenceRoutes } from "./routes/inference-v2.js";
import { pageRoutes } from "./routes/page.js";
import { repositoryRoutes } from "./routes/repository.js";
import { servedRoutes } from "./routes/served.js";
import { serving } from "./serving.js";

/** What a server is put together from. */
export interface ServerParts {
  readonly engine: Engine;
  readonly options: ServingOptions;
  readonly version: string;
  /** those that may call; a function is asked at every request, for keys that are renewed */
  readonly keys?: readonly ApiKey[] | (() => readonly ApiKey[]);
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
  keys: known = [],
  metrics,
  logger,
  page,
  prepare,
}: ServerParts): Promise<FastifyInstance> {
  const keys = typeof known === "function" ? known : () => known;
  checkExposure(options, keys());
  const limits = await connectionLimits(options);
  const trustProxy = trustedProxies(options.trustProxy);
  const app = Fastify({
    ...limits,
    ...(trustProxy === undefined ? {} : { trustProxy }),
    // unique over restarts: the audit log names requests
    genReqId: () => randomUUID(),
    routerOptions: ROUTER_OPTIONS,
    frameworkErrors: refusePath,
    clientErrorHandler: answerUnread,
    loggerInstance: logger ?? createLogger("silent"),
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: false, verbose: true } },
  }) as unknown as FastifyInstance;

  app.decorate("certificateTakers", new Set<(renewed: Certificate) => void>());
  limitRequestsPerSocket(app);
  if (metrics !== undefined) recordRequests(app, metrics);
  await prepare?.(app);
  const origins = originsOf(options.corsOrigin);
  await allowOrigins(app, origins);
  app.decorateRequest("keyName", undefined);
  app.decorateRequest("errorCode", undefined);
  checkKeys(app, options, keys, metrics);
  checkCallers(app, options, keys(), origins);
  if (options.ratePerMinute > 0) await app.register(rateLimit, { max: options.ratePerMinute, timeWindow: 60_000, keyGenerator: callerOf });
  const bodies = new ImageBodies();
  const inFlight = new BytesInFlight(options.maxInFlightBytes);
  metrics?.bodies(() => inFlight.bytes);
  app.decorate("callBounds", { bytes: inFlight, knows: (headers: IncomingHttpHeaders) => isAuthorized(headers, "infer", keys()) });
  readBodies(app, options, bodies);
  takeInProcess(app);
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
  boundAnswers(app, inFlight, options.requestTimeoutMs);
  answerUnrouted(app);
  await documents(app, version);

  app.setErrorHandler((error, request, reply) => {
    const known = serverError(error, () => takenTypes(request));
    if (known.status >= 500) request.log.error({ err: error }, "request failed");
    return replyWith(known, request.routeOptions.config.errors ?? "problem", request, reply);
  });
  const parts = serving(engine, options, version, bodies, inFlight);
  await app.register(async (routes) => {
    healthRoutes(routes, parts, metrics);
    inferenceRoutes(routes, parts);
    repositoryRoutes(routes, parts);
    classifyRoutes(routes, parts);
    embeddingRoutes(routes, parts);
    bankRoutes(routes, parts);
    servedRoutes(routes, parts);
    pageRoutes(routes, page, options, keys);
  });

  return app;
}
