// What models there are, in the protocol's words: KServe's list and Triton's repository index.

import type { FastifyInstance } from "fastify";
import type {} from "../fastify-types.js";
import { GUARDED, responses } from "../responses.js";
import { IndexBody, ModelNames, RepositoryIndex } from "../schemas/repository.js";
import type { Serving } from "../serving.js";

const PROTECTED = { scope: "infer", errors: "protocol" } as const;
const tags = ["inference"];

export function repositoryRoutes(app: FastifyInstance, { engine }: Serving): void {
  app.get(
    "/v2/models",
    {
      config: PROTECTED,
      schema: { summary: "Names of served models", operationId: "modelNames", tags, response: responses(ModelNames, "protocol", GUARDED) },
    },
    async (): Promise<ModelNames> => ({ models: engine.models().map(({ name }) => name) }),
  );
  app.post<{ Body: IndexBody | undefined }>(
    "/v2/repository/index",
    {
      config: PROTECTED,
      schema: {
        summary: "Served models and whether they are ready",
        operationId: "repositoryIndex",
        tags,
        body: { content: { "application/json": { schema: IndexBody } } },
        response: responses(RepositoryIndex, "protocol", [
          "bad_request",
          "bad_json",
          ...GUARDED,
          "payload_too_large",
          "unsupported_media_type",
        ]),
      },
    },
    async (request): Promise<RepositoryIndex> =>
      engine
        .models()
        .map(({ name, ready, reason }) => ({
          name,
          version: "1",
          state: ready ? ("READY" as const) : ("UNAVAILABLE" as const),
          reason: reason ?? "",
        }))
        .filter(({ state }) => request.body?.ready !== true || state === "READY"),
  );
}
