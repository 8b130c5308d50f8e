// GET /v1/served: every served name with its weights and the banks made for them, in one answer. Only tells; POST /v1/classify answers.

import type { Engine, ServedBank, ServedModel } from "@biovlm/engine";
import type { FastifyInstance } from "fastify";
import type {} from "../fastify-types.js";
import { GUARDED, responses } from "../responses.js";
import { RESEARCH_USE } from "../schemas/answer.js";
import { Served } from "../schemas/served.js";
import type { Serving } from "../serving.js";

export function servedRoutes(app: FastifyInstance, { engine }: Serving): void {
  app.get(
    "/v1/served",
    {
      config: { scope: "infer", errors: "problem" },
      schema: {
        summary: "Served models, each with the banks that it may be asked with",
        operationId: "listServed",
        tags: ["native"],
        response: responses(Served, "problem", GUARDED),
      },
    },
    async (): Promise<Served> => ({ models: engine.models().map((model) => servedModel(model, engine)), notice: RESEARCH_USE }),
  );
}

function servedModel({ name, model, modelDigest, device, precision, bank }: ServedModel, engine: Engine): Served["models"][number] {
  const fitting = engine.banks().filter((one) => one.modelDigest === modelDigest && one.name !== bank?.name);
  const banks = [...(bank === undefined ? [] : [servedBank(bank, true)]), ...fitting.map((one) => servedBank(one, false))];
  return { name, model, digest: modelDigest, device, precision, banks };
}

function servedBank(
  { name, digest, classes, prompts, rho, recipe, window, plane }: ServedBank,
  own: boolean,
): Served["models"][number]["banks"][number] {
  return {
    ...{ name, digest, classes: [...classes], prompts, rho, recipe, own },
    ...(window === undefined ? {} : { window }),
    ...(plane === undefined ? {} : { plane }),
  };
}
