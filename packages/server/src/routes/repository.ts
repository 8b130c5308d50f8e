// What models there are, in the protocol's words: KServe's list and Triton's repository: its index, and loading and unloading by name.

import type { ServedModel } from "@biovlm/engine";
import type { FastifyInstance } from "fastify";
import { ServerError } from "../errors.js";
import type {} from "../fastify-types.js";
import { GUARDED, MODEL_CODES, responses } from "../responses.js";
import { ModelParams } from "../schemas/inference.js";
import { IndexBody, ModelNames, RepositoryBody, RepositoryIndex, RepositoryModel, TakenRepositoryBody } from "../schemas/repository.js";
import type { Serving } from "../serving.js";

const PROTECTED = { scope: "infer", errors: "protocol" } as const;
const ADMIN = { scope: "admin", errors: "protocol" } as const;
const tags = ["inference"];

export function repositoryRoutes(app: FastifyInstance, serving: Serving): void {
  const { engine } = serving;
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
      config: { ...PROTECTED, bodyOptional: true },
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
        .map((model) => ({ ...stateOf(model), version: "1" }))
        .filter(({ state }) => request.body?.ready !== true || state === "READY"),
  );
  change(app, serving, "load");
  change(app, serving, "unload");
}

/** POST /v2/repository/models/{model}/load and /unload. */
function change(app: FastifyInstance, serving: Serving, what: "load" | "unload"): void {
  app.post<{ Params: ModelParams; Body: RepositoryBody | undefined }>(
    `/v2/repository/models/:model/${what}`,
    {
      config: {
        ...ADMIN,
        bodyOptional: true,
        documentedBody: { content: { "application/json": { schema: TakenRepositoryBody } } },
      },
      schema: {
        summary: what === "load" ? "Load a served model" : "Unload a served model: refused until it is loaded again",
        operationId: `${what}Model`,
        tags: ["admin"],
        params: ModelParams,
        body: { content: { "application/json": { schema: RepositoryBody } } },
        response: responses(RepositoryModel, "protocol", [
          "bad_request",
          "bad_json",
          "bad_option",
          ...GUARDED,
          ...(what === "load" ? MODEL_CODES : (["unknown_model"] as const)),
          "deadline_exceeded",
          "payload_too_large",
          "unsupported_media_type",
        ]),
      },
    },
    async (request, reply): Promise<RepositoryModel> => {
      refuseOthers(request.body);
      return stateOf(await serving.engine[what](request.params.model, serving.call(request, reply)));
    },
  );
}

/** What Triton's clients send and means nothing here is taken where it asks for nothing; a config or files of a model are not. */
function refuseOthers(body: RepositoryBody | undefined): void {
  const { unload_dependents: _, ...others } = body?.parameters ?? {};
  if (Object.keys(others).length === 0) return;
  throw new ServerError(
    "bad_option",
    "parameters — expected none, because a model is served as the server was started with it, got some. Leave them out.",
  );
}

function stateOf({ name, ready, reason = "" }: ServedModel): RepositoryModel {
  return { name, state: ready ? "READY" : reason === "loading" ? "LOADING" : "UNAVAILABLE", reason };
}
