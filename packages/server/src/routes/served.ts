// GET /v1/served: every served name with its weights and the banks made for them, in one answer. Only tells; POST /v1/classify answers.

import type { Engine, ServedModel } from "@biovlm/engine";
import type { FastifyInstance } from "fastify";
import type {} from "../fastify-types.js";
import { GUARDED, responses } from "../responses.js";
import { RESEARCH_USE } from "../schemas/answer.js";
import { Served } from "../schemas/served.js";
import type { Serving } from "../serving.js";
import { bankFacts } from "./banks.js";

export function servedRoutes(app: FastifyInstance, { engine, version }: Serving): void {
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
    async (): Promise<Served> => ({ version, models: engine.models().map((model) => servedModel(model, engine)), notice: RESEARCH_USE }),
  );
}

function servedModel(
  { name, model, modelDigest, device, precision, imageTower, bank }: ServedModel,
  engine: Engine,
): Served["models"][number] {
  const fitting = engine.banks().filter((one) => one.modelDigest === modelDigest && one.name !== bank?.name);
  const banks = [
    ...(bank === undefined ? [] : [{ ...bankFacts(bank), own: true }]),
    ...fitting.map((one) => ({ ...bankFacts(one), own: false })),
  ];
  return { name, model, digest: modelDigest, device, precision, ...(imageTower === undefined ? {} : { image_tower: imageTower }), banks };
}
