// What is known of every request once it is answered: for metrics always, for OpenTelemetry where that is asked for. Routes as declared, no paths.

import type { Context, Span } from "@opentelemetry/api";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Metrics } from "../metrics.js";
import { serverError } from "../replies.js";

/** Records every answer of an app. Call before routes are added. */
export function recordRequests(app: FastifyInstance, metrics: Metrics): void {
  app.addHook("onRequest", (_request, reply, done) => {
    const ended = metrics.begun();
    reply.raw.once("close", ended);
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    metrics.request(request.routeOptions.url ?? "none", request.method, reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
}

/**
 * A span for every request, through whatever SDK this process has registered with @opentelemetry/api: begun with the request, so that what its handler
 * does nests under it. Opt-in: the package is imported here and nowhere else, and rejects where it is not installed.
 */
export async function traceRequests(app: FastifyInstance): Promise<void> {
  const { SpanKind, SpanStatusCode, context, propagation, trace } = await import("@opentelemetry/api");
  const tracer = trace.getTracer("@biovlm/server");
  const open = new WeakMap<FastifyRequest, { readonly span: Span; readonly inside: Context }>();
  app.addHook("onRequest", (request, _reply, done) => {
    const route = request.routeOptions.url ?? "none";
    const { localAddress, localPort } = request.socket;
    const parent = propagation.extract(context.active(), request.headers);
    const span = tracer.startSpan(
      `${request.method} ${route}`,
      {
        kind: SpanKind.SERVER,
        attributes: {
          "http.request.method": request.method,
          "http.route": route,
          "url.scheme": request.protocol,
          // where it listens, not what a client calls it
          ...(localAddress === undefined ? {} : { "server.address": localAddress }),
          ...(localPort === undefined ? {} : { "server.port": localPort }),
          "network.protocol.version": request.raw.httpVersion,
        },
      },
      parent,
    );
    const inside = trace.setSpan(parent, span);
    open.set(request, { span, inside });
    context.with(inside, done);
  });
  // a body is read from events of its socket, which know nothing of this request
  app.addHook("preHandler", (request, _reply, done) => context.with(open.get(request)?.inside ?? context.active(), done));
  app.addHook("onError", (request, _reply, error, done) => {
    open.get(request)?.span.setAttribute("error.type", serverError(error).code);
    done();
  });
  const ended = (request: FastifyRequest, status: number | undefined) => {
    const { span } = open.get(request) ?? {};
    if (span === undefined) return;
    open.delete(request);
    if (status !== undefined) span.setAttribute("http.response.status_code", status);
    else span.setAttribute("error.type", "client_closed");
    if (status === undefined || status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  };
  app.addHook("onResponse", (request, reply, done) => {
    ended(request, reply.statusCode);
    done();
  });
  app.addHook("onRequestAbort", (request, done) => {
    ended(request, undefined);
    done();
  });
}
