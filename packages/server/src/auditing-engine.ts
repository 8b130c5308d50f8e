// An engine that writes each classification to the audit log before it answers: what is not on record was not said.

import type { AnswerSource, CallOptions, Engine, FailedImage, ImageAnswer } from "@biovlm/engine";
import type { AuditLog, AuditRecord } from "./audit-log.js";
import { ServerError } from "./errors.js";

/** @returns the same engine, on record */
export function auditingEngine(engine: Engine, log: AuditLog): Engine {
  const noted = async (
    options: CallOptions | undefined,
    source: AnswerSource,
    answers: readonly (Omit<ImageAnswer, "sha256"> | ImageAnswer | FailedImage)[],
  ) => {
    const { request = "", route = "", key } = options?.caller ?? {};
    const record: AuditRecord = {
      request,
      route,
      status: 200,
      ...(key === undefined ? {} : { key }),
      model: source.model.name,
      modelDigest: source.model.digest,
      ...(source.bank === undefined ? {} : { bankDigest: source.bank.digest }),
      device: source.device,
      images: answers.map((answer) => {
        const sha256 = "sha256" in answer ? answer.sha256 : "";
        if ("error" in answer) return { sha256, error: answer.error.code };
        const [first] = answer.predictions;
        return { sha256, class: first!.class, probability: first!.probability };
      }),
    };
    try {
      await log.append(record);
    } catch (error) {
      throw new ServerError("not_ready", "the audit log — expected to be written, got a failure; nothing was answered. Try again later.", {
        cause: error,
        retryAfter: 30,
      });
    }
  };
  return {
    models: () => engine.models(),
    model: (name) => engine.model(name),
    readiness: () => engine.readiness(),
    refuseIfFull: (model) => engine.refuseIfFull(model),
    async classify(model, images, options) {
      const result = await engine.classify(model, images, options);
      await noted(options, result.source, result.answers);
      return result;
    },
    async classifyEmbeddings(model, embeddings, options) {
      const result = await engine.classifyEmbeddings(model, embeddings, options);
      await noted(options, result.source, result.answers);
      return result;
    },
    embedImages: (model, images, options) => engine.embedImages(model, images, options),
    embedTexts: (model, texts, options) => engine.embedTexts(model, texts, options),
    banks: () => engine.banks(),
    addBank: (name, bytes) => engine.addBank(name, bytes),
    compileBank: (name, classes, options) => engine.compileBank(name, classes, options),
    drain: () => engine.drain(),
    async close(graceMs) {
      await engine.close(graceMs);
      await log.close();
    },
  };
}
