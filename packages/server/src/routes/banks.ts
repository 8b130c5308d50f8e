// /v1/banks: what banks there are; uploads and compiled banks behind the admin scope.

import type { ServedBank } from "@biovlm/engine";
import type { FastifyInstance } from "fastify";
import { ServerError, type ServerErrorCode } from "../errors.js";
import type {} from "../fastify-types.js";
import { GUARDED, MODEL_CODES, responses } from "../responses.js";
import { Bank, BankList, BankName, CompileBody } from "../schemas/banks.js";
import type { Serving } from "../serving.js";

const ADMIN: readonly ServerErrorCode[] = [
  "bad_request",
  "bad_json",
  "bad_bank",
  ...GUARDED,
  "payload_too_large",
  "unsupported_media_type",
];

export function bankRoutes(app: FastifyInstance, serving: Serving): void {
  const { engine } = serving;
  app.get(
    "/v1/banks",
    {
      config: { scope: "infer", errors: "problem" },
      schema: { summary: "Prompt banks", operationId: "listBanks", tags: ["native"], response: responses(BankList, "problem", GUARDED) },
    },
    async (): Promise<BankList> => ({ banks: engine.banks().map(bankOf) }),
  );
  app.get<{ Params: { name: string } }>(
    "/v1/banks/:name",
    {
      config: { scope: "infer", errors: "problem" },
      schema: {
        summary: "One prompt bank",
        operationId: "getBank",
        tags: ["native"],
        params: BankName,
        response: responses(Bank, "problem", ["bad_request", ...GUARDED, "unknown_bank"]),
      },
    },
    async (request): Promise<Bank> => bankOf(named(serving, request.params.name)),
  );
  app.put<{ Params: { name: string } }>(
    "/v1/banks/:name",
    {
      config: { scope: "admin", errors: "problem" },
      schema: {
        summary: "Upload a bank file",
        operationId: "putBank",
        tags: ["admin"],
        params: BankName,
        body: { content: { "application/octet-stream": { schema: {} } } },
        response: responses(Bank, "problem", [...ADMIN, "not_kept"]),
      },
    },
    async (request): Promise<Bank> => {
      if (!(request.body instanceof Uint8Array))
        throw new ServerError(
          "unsupported_media_type",
          "bank — expected application/octet-stream, got another type. Send the file's bytes.",
        );
      return bankOf(await engine.addBank(request.params.name, request.body));
    },
  );
  app.post<{ Params: { name: string }; Body: CompileBody }>(
    "/v1/banks/:name/compile",
    {
      config: { scope: "admin", errors: "problem" },
      schema: {
        summary: "A bank with text embeddings for classes, as a file",
        operationId: "compileBank",
        tags: ["admin"],
        params: BankName,
        body: CompileBody,
        response: responses({ type: "application/octet-stream", description: "the compiled bank" }, "problem", [
          ...ADMIN,
          "bad_classes",
          "unknown_bank",
          "not_ready",
          ...MODEL_CODES,
        ]),
      },
    },
    async (request, reply) => {
      const bytes = await engine.compileBank(request.params.name, request.body.classes, serving.call(request, reply));
      return reply.type("application/octet-stream").send(Buffer.from(bytes));
    },
  );
}

function named({ engine }: Serving, name: string): ServedBank {
  const bank = engine.banks().find((b) => b.name === name);
  if (bank === undefined)
    throw new ServerError(
      "unknown_bank",
      `bank — expected one of ${
        engine
          .banks()
          .map((b) => b.name)
          .join(", ") || "none"
      }, got another name. See /v1/banks.`,
    );
  return bank;
}

function bankOf(bank: ServedBank): Bank {
  return { ...bankFacts(bank), open_set: bank.openSet };
}

/** What is said of a bank wherever banks are listed. */
export function bankFacts({ ultrasoundRegion, openSet: _, modelDigest: __, classes, ...facts }: ServedBank): Omit<Bank, "open_set"> {
  return { ...facts, classes: [...classes], ...(ultrasoundRegion === undefined ? {} : { ultrasound_region: ultrasoundRegion }) };
}
