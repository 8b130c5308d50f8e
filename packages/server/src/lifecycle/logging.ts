// Logs without patients: what is written is chosen field by field. Never a URL as it was asked for, a file name, a header beside the length, a
// body, an address, or an error's message, which may quote what a client sent; an error's code and the places in our source are enough.

import type { FastifyReply, FastifyRequest } from "fastify";
import { type DestinationStream, type Logger, pino } from "pino";

export type LogLevel = "silent" | "fatal" | "error" | "warn" | "info" | "debug";

/** A logger for Fastify's `loggerInstance`. Lines are JSON. */
export function createLogger(level: LogLevel, destination?: DestinationStream): Logger {
  const options = { level, base: null, serializers: { req: requestFields, res: replyFields, err: errorFields } };
  return destination === undefined ? pino(options) : pino(options, destination);
}

function requestFields(request: FastifyRequest): object {
  const length = Number(request.headers?.["content-length"]);
  return {
    id: request.id,
    method: request.method,
    // the route as declared, not the path as asked
    route: request.routeOptions?.url ?? "none",
    ...(Number.isSafeInteger(length) ? { bytes: length } : {}),
  };
}

function replyFields(reply: FastifyReply): object {
  return { status: reply.statusCode };
}

/** Type, code, and where: frames only. Causes likewise, three deep. */
export function errorFields(error: unknown, depth = 0): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const code: unknown = Reflect.get(error, "code");
  const frames = (error.stack ?? "")
    .split("\n")
    .filter((line) => /^ {4}at /.test(line))
    .slice(0, 12)
    .map((line) => line.trim());
  return {
    type: error.name,
    ...(typeof code === "string" && /^\w{1,64}$/.test(code) ? { code } : {}),
    at: frames,
    ...(error.cause !== undefined && depth < 3 ? { cause: errorFields(error.cause, depth + 1) } : {}),
  };
}
