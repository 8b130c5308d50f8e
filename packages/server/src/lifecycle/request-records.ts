// What is known of every request once it is answered: for metrics always, for OpenTelemetry where that is asked for. Routes as declared, no paths.

import type { FastifyInstance } from "fastify";
import type { Metrics } from "../metrics.js";

/** Records every answer of an app. Call before routes are added. */
export function recordRequests(app: FastifyInstance, metrics: Metrics): void {
  app.addHook("onResponse", (request, reply, done) => {
    metrics.request(request.routeOptions.url ?? "none", request.method, reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
}

/**
 * A span for every request, through whatever SDK this process has registered with @opentelemetry/api. Opt-in: the package is imported here and
 * nowhere else, and rejects where it is not installed.
 */
export async function traceRequests(app: FastifyInstance): Promise<void> {
  const { SpanKind, SpanStatusCode, context, propagation, trace } = await import("@opentelemetry/api");
  const tracer = trace.getTracer("@biovlm/server");
  app.addHook("onResponse", (request, reply, done) => {
    const route = request.routeOptions.url ?? "none";
    const endTime = Date.now();
    const parent = propagation.extract(context.active(), request.headers);
    const span = tracer.startSpan(
      `${request.method} ${route}`,
      {
        kind: SpanKind.SERVER,
        startTime: endTime - reply.elapsedTime,
        attributes: { "http.request.method": request.method, "http.route": route, "http.response.status_code": reply.statusCode },
      },
      parent,
    );
    if (reply.statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(endTime);
    done();
  });
}
