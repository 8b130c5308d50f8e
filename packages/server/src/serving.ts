// What every route is handed: the engine, the options, and the small decisions routes share.

import type { CallOptions, Engine } from "@biovlm/engine";
import type { FastifyReply, FastifyRequest } from "fastify";
import { ServerError } from "./errors.js";
import type {} from "./fastify-types.js";
import type { BytesInFlight } from "./lifecycle/bytes-in-flight.js";
import type { ImageBodies } from "./lifecycle/image-bodies.js";
import type { ServingOptions } from "./options.js";

export interface Serving {
  readonly engine: Engine;
  readonly options: ServingOptions;
  /** "0.1.0" */
  readonly version: string;
  /** whose bodies images are: answered ones may be given back */
  readonly bodies: ImageBodies;
  /** what all requests hold together */
  readonly inFlight: BytesInFlight;
  /** The model asked for, or the only one served. Throws `unknown_model`, `bad_request`. */
  modelName(asked: string | undefined): string;
  /** Abort when the client leaves, and the time by which an answer is due. */
  call(request: FastifyRequest, reply: FastifyReply): CallOptions;
}

export function serving(engine: Engine, options: ServingOptions, version: string, bodies: ImageBodies, inFlight: BytesInFlight): Serving {
  return {
    engine,
    options,
    version,
    bodies,
    inFlight,
    modelName(asked) {
      if (asked !== undefined) return engine.model(asked).name;
      const models = engine.models();
      if (models.length === 1) return models[0]!.name;
      throw new ServerError("bad_request", `model — expected one of ${models.map((m) => m.name).join(", ")}, got none. Name one.`);
    },
    call(request, reply) {
      const left = new AbortController();
      reply.raw.once("close", () => {
        if (!reply.raw.writableFinished)
          left.abort(new ServerError("client_closed", "client — expected to wait for the answer, got a closed connection."));
      });
      const asked = request.headers["x-deadline-ms"];
      const wanted = typeof asked === "string" && /^\d{1,7}$/.test(asked) ? Number(asked) : options.requestTimeoutMs;
      const { keyName } = request;
      return {
        signal: left.signal,
        deadline: Date.now() + Math.min(wanted, options.requestTimeoutMs),
        caller: { request: String(request.id), route: request.routeOptions.url ?? "", ...(keyName === undefined ? {} : { key: keyName }) },
      };
    },
  };
}
