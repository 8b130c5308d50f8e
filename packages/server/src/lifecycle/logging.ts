// Logs without patients: what is written is chosen field by field. Never a URL as it was asked for, a file name, a header beside the length, a
// body, an address, or an error's message, which may quote what a client sent; an error's code and the places in our source are enough.

import type { FastifyReply, FastifyRequest } from "fastify";
import { type DestinationStream, type LogFn, type Logger, pino } from "pino";
import type {} from "../fastify-types.js";
import { logOutput } from "./log-output.js";

/** How much is logged; `silent` nothing. */
export type LogLevel = "silent" | "fatal" | "error" | "warn" | "info" | "debug";

/** What a line may say in words; the rest is fields. New sentences are listed here, and quote nothing. */
const SENTENCES =
  /^(incoming request|request completed|request errored|request aborted|client error|ready|draining|stopped|reloaded|reload refused|bank refused|encoder (started|crashed|recycled|fell back)|model (loaded|unloaded|not loaded)|Server listening at (https?:\/\/[\w.:[\]-]+|\/\S+))$/;

/**
 * A logger for Fastify's `loggerInstance`. Lines are JSON.
 * @param destination standard output unless said; `logOutput` makes one that also counts lines that could not be written
 */
export function createLogger(level: LogLevel, destination: DestinationStream = logOutput()): Logger {
  const options = {
    level,
    base: null,
    serializers: { req: requestFields, res: replyFields, err: errorFields },
    hooks: {
      // pino copies an error's message into the line, and Fastify puts paths into some of its own: only known sentences pass
      logMethod(this: Logger, args: unknown[], method: LogFn) {
        const [first, second] = args;
        const fields = first instanceof Error ? { err: first } : typeof first === "object" && first !== null ? first : {};
        const said = typeof first === "string" ? first : typeof second === "string" ? second : "";
        method.call(this, fields, SENTENCES.test(said) ? said : "err" in fields ? "error" : "event");
      },
    },
  };
  return pino(options, destination);
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
  const { keyName, errorCode } = reply.request ?? {};
  return {
    status: reply.statusCode,
    ...(keyName === undefined ? {} : { key: keyName }),
    ...(errorCode === undefined ? {} : { code: errorCode }),
  };
}

/** Type, code, and where: frames only. Causes likewise, three deep. */
function errorFields(error: unknown, depth = 0): object {
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
