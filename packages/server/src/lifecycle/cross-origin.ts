// Pages of other origins, where the operator names them: CORS answers for them alone. Without the option no page of another site can read an answer.

import cors from "@fastify/cors";
import type { FastifyInstance } from "fastify";
import { ServerError } from "../errors.js";

/**
 * Origins of `--cors-origin`, as browsers write them.
 * @param list "https://viewer.example,http://localhost:3000" @throws ServerError `bad_option` for what is no origin
 */
export function originsOf(list: string | undefined): readonly string[] {
  if (list === undefined) return [];
  return list.split(",").map((given) => {
    const text = given.trim();
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !["http:", "https:"].includes(url.protocol) || (text !== url.origin && text !== `${url.origin}/`)) {
      throw new ServerError(
        "bad_option",
        "corsOrigin — expected origins such as https://viewer.example:8443, joined by commas, got another text. Name scheme, host and port alone.",
      );
    }
    return url.origin;
  });
}

/** Answers preflights and lets pages of these origins read answers. Keys still decide who may ask; cookies are never used. Call before the keys are checked. */
export async function allowOrigins(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0) return;
  await app.register(cors, {
    origin: [...origins],
    methods: ["GET", "HEAD", "POST", "PUT"],
    allowedHeaders: ["authorization", "x-api-key", "content-type", "content-encoding", "inference-header-content-length", "x-deadline-ms"],
    exposedHeaders: ["inference-header-content-length", "retry-after", "allow"],
    credentials: false,
    maxAge: 600,
  });
}
