// An engine that writes each call to the audit log before it answers: what is not on record was not said.

import { createHash } from "node:crypto";
import type { AnswerSource, CallOptions, Engine, FailedImage, ImageAnswer } from "@biovlm/engine";
import type { AuditLog, AuditRecord } from "./audit-log.js";
import { ServerError } from "./errors.js";
import { serverError } from "./replies.js";

/** What answered, as a record names it. */
function sourceOf({ model, bank, device }: AnswerSource): Partial<AuditRecord> {
  return { model: model.name, modelDigest: model.digest, ...(bank === undefined ? {} : { bankDigest: bank.digest }), device };
}

/** What was said of an image: its digest, the first class or the failure's code. */
function imageOf(answer: Omit<ImageAnswer, "sha256"> | ImageAnswer | FailedImage): NonNullable<AuditRecord["images"]>[number] {
  const sha256 = "sha256" in answer ? answer.sha256 : "";
  if ("error" in answer) return { sha256, error: answer.error.code };
  const [first] = answer.predictions;
  return { sha256, ...(first !== undefined && { class: first.class, probability: first.probability }) };
}

/** @returns the same engine, on record: answers, embeddings and refusals */
export function auditingEngine(engine: Engine, log: AuditLog): Engine {
  const put = async (record: AuditRecord) => {
    try {
      await log.append(record);
    } catch (error) {
      throw new ServerError("not_ready", "the audit log — expected to be written, got a failure; nothing was answered. Try again later.", {
        cause: error,
        retryAfter: 30,
      });
    }
  };
  /** Runs a call and puts what came of it on record; a refusal, too. */
  async function recorded<T>(
    options: CallOptions | undefined,
    call: () => Promise<T>,
    said: (result: T) => Partial<AuditRecord>,
  ): Promise<T> {
    const { request = "", route = "", key } = options?.caller ?? {};
    const caller = { request, route, ...(key === undefined ? {} : { key }) };
    let result: T;
    try {
      result = await call();
    } catch (error) {
      const { status, code } = serverError(error);
      await put({ ...caller, status, error: code });
      throw error;
    }
    await put({ ...caller, status: 200, ...said(result) });
    return result;
  }
  return {
    models: () => engine.models(),
    model: (name) => engine.model(name),
    readiness: () => engine.readiness(),
    refuseIfFull: (model) => engine.refuseIfFull(model),
    classify: (model, images, options) =>
      recorded(
        options,
        () => engine.classify(model, images, options),
        ({ source, answers }) => ({ ...sourceOf(source), images: answers.map(imageOf) }),
      ),
    classifyEmbeddings: (model, embeddings, options) =>
      recorded(
        options,
        () => engine.classifyEmbeddings(model, embeddings, options),
        ({ source, answers }) => ({
          ...sourceOf(source),
          images: answers.map(imageOf),
        }),
      ),
    embedImages: (model, images, options) =>
      recorded(
        options,
        () => engine.embedImages(model, images, options),
        ({ source }) => ({
          ...sourceOf(source),
          images: images.map((bytes) => ({ sha256: createHash("sha256").update(bytes).digest("hex") })),
        }),
      ),
    embedTexts: (model, texts, options) =>
      recorded(
        options,
        () => engine.embedTexts(model, texts, options),
        ({ source }) => ({ ...sourceOf(source), texts: texts.length }),
      ),
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
