// An engine that writes each call to the audit log before it answers: what is not on record was not said.

import { createHash } from "node:crypto";
import type { AnswerSource, CallOptions, Engine, FailedImage, ImageAnswer, LeftOutImage, VolumeAnswer } from "@biovlm/engine";
import type { AuditLog, AuditRecord } from "./audit-log.js";
import { ServerError } from "./errors.js";
import { serverError } from "./replies.js";

/** What answered, as a record names it. */
function sourceOf({ model, bank, device }: AnswerSource): Partial<AuditRecord> {
  return { model: model.name, modelDigest: model.digest, ...(bank === undefined ? {} : { bankDigest: bank.digest }), device };
}

/** What was said of an image: its digest, the first class or the failure's code. */
function imageOf(
  answer: Omit<ImageAnswer, "sha256"> | ImageAnswer | FailedImage | LeftOutImage,
): NonNullable<AuditRecord["images"]>[number] {
  const sha256 = "sha256" in answer ? answer.sha256 : "";
  if ("error" in answer) return { sha256, error: answer.error.code };
  if ("leftOut" in answer) return { sha256 };
  const [first] = answer.predictions;
  return { sha256, ...(first !== undefined && { class: first.class, probability: first.probability }) };
}

function volumeOf({ volume, predictions }: VolumeAnswer): NonNullable<AuditRecord["volumes"]>[number] {
  const first = predictions?.[0];
  return { slices: volume.answered, ...(first !== undefined && { class: first.class, probability: first.probability }) };
}

/** Runs calls of an engine and puts what came of each on record. */
function recorder(engine: Engine, log: AuditLog) {
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
  /** Name and digest of a served model, for a call that it did not answer. */
  const modelOf = (asked: string): Partial<AuditRecord> => {
    try {
      const { model, modelDigest } = engine.model(asked);
      return { model, modelDigest };
    } catch {
      return {};
    }
  };
  /** Runs a call and puts what came of it on record; a refusal, too. */
  return async function recorded<T>(
    asked: string,
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
      await put({ ...caller, status, error: code, ...modelOf(asked) });
      throw error;
    }
    await put({ ...caller, status: 200, ...said(result) });
    return result;
  };
}

/** @returns the same engine, on record: answers, embeddings, refusals, and models loaded and unloaded by name */
export function auditingEngine(engine: Engine, log: AuditLog): Engine {
  const recorded = recorder(engine, log);
  const changed =
    (change: Engine["load"]): Engine["load"] =>
    (model, options) =>
      recorded(
        model,
        options,
        () => change(model, options),
        (now) => ({ model: now.model, modelDigest: now.modelDigest }),
      );
  return {
    load: changed((model, options) => engine.load(model, options)),
    unload: changed((model, options) => engine.unload(model, options)),
    renewBank: (name) => engine.renewBank(name),
    models: () => engine.models(),
    model: (name) => engine.model(name),
    readiness: () => engine.readiness(),
    refuseIfFull: (model) => engine.refuseIfFull(model),
    classify: (model, images, options) =>
      recorded(
        model,
        options,
        () => engine.classify(model, images, options),
        ({ source, answers, volumes }) => ({
          ...sourceOf(source),
          images: answers.map(imageOf),
          ...(volumes === undefined ? {} : { volumes: volumes.map(volumeOf) }),
        }),
      ),
    classifyEmbeddings: (model, embeddings, options) =>
      recorded(
        model,
        options,
        () => engine.classifyEmbeddings(model, embeddings, options),
        ({ source, answers }) => ({
          ...sourceOf(source),
          images: answers.map(imageOf),
        }),
      ),
    embedImages: (model, images, options) =>
      recorded(
        model,
        options,
        () => engine.embedImages(model, images, options),
        ({ source }) => ({
          ...sourceOf(source),
          images: images.map((bytes) => ({ sha256: createHash("sha256").update(bytes).digest("hex") })),
        }),
      ),
    embedTexts: (model, texts, options) =>
      recorded(
        model,
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
