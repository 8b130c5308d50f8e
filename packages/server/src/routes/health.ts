// Liveness, readiness and metrics: what a platform asks a process. No rate limit: a busy server must not look dead.

import type { Engine } from "@biovlm/engine";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import type {} from "../fastify-types.js";
import type { Metrics } from "../metrics.js";
import { responses } from "../responses.js";
import type { Serving } from "../serving.js";

const Live = Type.Object({ status: Type.Literal("live") });
const ReadyState = Type.Object({
  ready: Type.Boolean(),
  reason: Type.Optional(Type.String()),
  models: Type.Array(
    Type.Object({
      name: Type.String(),
      ready: Type.Boolean(),
      loaded: Type.Boolean(),
      device: Type.String(),
      reason: Type.Optional(Type.String()),
    }),
  ),
});

export function healthRoutes(app: FastifyInstance, { engine }: Serving, metrics: Metrics | undefined): void {
  app.get(
    "/livez",
    {
      config: { errors: "problem", rateLimit: false },
      schema: { summary: "The process answers", operationId: "live", tags: ["health"], response: { 200: Live } },
    },
    async () => ({ status: "live" as const }),
  );
  app.get(
    "/readyz",
    {
      config: { errors: "problem", rateLimit: false },
      schema: {
        summary: "Every model in memory is warmed up",
        operationId: "ready",
        tags: ["health"],
        response: { 200: ReadyState, 503: ReadyState },
      },
    },
    async (_request, reply) => {
      const state = engine.readiness();
      return reply.code(state.ready ? 200 : 503).send({ ...state, models: modelStates(engine) });
    },
  );
  if (metrics === undefined) return;
  app.get(
    "/metrics",
    {
      config: { scope: "infer", errors: "problem", rateLimit: false },
      schema: {
        summary: "Prometheus metrics",
        operationId: "metrics",
        tags: ["health"],
        response: responses({ type: "text/plain", description: "Prometheus text format" }, "problem", [
          "unauthorized",
          "forbidden",
          "rate_limited",
        ]),
      },
    },
    async (_request, reply) => reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
}

/** Each model's state; none while they are still being opened. */
function modelStates(engine: Engine) {
  try {
    return engine
      .models()
      .map(({ name, ready, loaded, device, reason }) => ({ name, ready, loaded, device, ...(reason === undefined ? {} : { reason }) }));
  } catch {
    return [];
  }
}
