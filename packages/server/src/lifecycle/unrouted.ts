// Requests that no route takes: unknown paths, known ones asked with another method, paths that are no paths. Answered in the form of the family
// that the path begins like, without a word of the path itself: it may name a patient.

import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ServerError } from "../errors.js";
import { type ErrorForm, replyWith } from "../replies.js";

/** One slash too many at the end or between is what people type; names are checked by the routes' own schemas, in their own form. */
export const ROUTER_OPTIONS = { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, maxParamLength: 4096 } as const;

const OPENAI = /^\/+v1\/+(embeddings|models)(\/|$)/;

/** The form of errors for a path that has no route of its own. */
function formOf(path: string): ErrorForm {
  if (/^\/+v2(\/|$)/.test(path)) return "protocol";
  return OPENAI.test(path) ? "openai" : "problem";
}

const pathOf = (request: FastifyRequest) => request.url.split("?", 1)[0]!;

/** Answers what the router itself cannot read, such as %ff. For Fastify's `frameworkErrors`. */
export function refusePath(_error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const error = new ServerError("bad_request", "path — expected one of /openapi.json, got one that cannot be read. Correct it.");
  replyWith(error, formOf(pathOf(request)), request, reply);
}

/** Answers 405 with Allow where another method would do, else 404. Call before routes are added. */
export function answerUnrouted(app: FastifyInstance): void {
  const known: { readonly path: RegExp; readonly methods: readonly string[] }[] = [];
  app.addHook("onRoute", ({ method, url, config }) => {
    // a wildcard is a family of files: asking it with another method tells nothing
    if (!url.includes("*") && config?.inProcess !== true) known.push({ path: pattern(url), methods: [method].flat() });
  });
  const answer = (request: FastifyRequest, reply: FastifyReply) => {
    const path = pathOf(request)
      .replace(/\/{2,}/g, "/")
      .replace(/(?<=.)\/$/, "");
    const allowed = [...new Set(known.filter((route) => route.path.test(path)).flatMap(({ methods }) => methods))].sort();
    const error =
      allowed.length === 0
        ? new ServerError("not_found", "route — expected one of /openapi.json, got another path. See /docs.")
        : new ServerError("method_not_allowed", `method — expected ${allowed.join(" or ")} for this path, got another. See /docs.`);
    if (allowed.length > 0) reply.header("allow", allowed.join(", "));
    return replyWith(error, formOf(path), request, reply);
  };
  // Fastify would ask for a media type first, of a method that no route takes
  app.addHook("onRequest", async (request, reply) => (request.is404 && request.method === "QUERY" ? answer(request, reply) : undefined));
  app.setNotFoundHandler(answer);
}

/** "/v2/models/:model" → the paths that it takes. */
function pattern(url: string): RegExp {
  const parts = url.split("/").map((part) => (part.startsWith(":") ? "[^/]+" : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
  return new RegExp(`^${parts.join("/").replace(/(?<=.)\/$/, "")}$`);
}
