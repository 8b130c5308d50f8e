// POST /v1/classify: images in, routed predictions out. A raw body is one image; parts or base64 may be many.

import type { MultipartFile } from "@fastify/multipart";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Check, Errors } from "typebox/value";
import type { ClassifyOptions as EngineOptions, FailedImage, ImageAnswer } from "../engine.js";
import { ServerError, type ServerErrorCode } from "../errors.js";
import type {} from "../fastify-types.js";
import { GUARDED, responses } from "../responses.js";
import { RESEARCH_USE } from "../schemas/answer.js";
import { ClassifyAnswer, ClassifyBody, ClassifyOptions, ClassifyQuery, IMAGE_TYPES } from "../schemas/classify.js";
import type { Serving } from "../serving.js";
import { decodeBase64 } from "../tensors/infer-codec.js";

const CODES: readonly ServerErrorCode[] = [
  "bad_request",
  "bad_json",
  "bad_classes",
  ...GUARDED,
  "unknown_model",
  "unknown_bank",
  "deadline_exceeded",
  "payload_too_large",
  "too_many_images",
  "unsupported_media_type",
  "unsupported_format",
  "unreadable_image",
  "overloaded",
  "not_ready",
  "backend_unavailable",
];

interface Asked {
  readonly images: readonly Uint8Array[];
  readonly options: ClassifyOptions;
}

export function classifyRoutes(app: FastifyInstance, serving: Serving): void {
  const binary = { schema: { type: "string", format: "binary" } };
  app.post<{ Querystring: ClassifyQuery }>(
    "/v1/classify",
    {
      config: { scope: "infer", errors: "problem" },
      schema: {
        summary: "Classify images by routed prompts",
        tags: ["native"],
        querystring: ClassifyQuery,
        body: {
          content: {
            ...Object.fromEntries(IMAGE_TYPES.map((type) => [type, binary])),
            "multipart/form-data": { schema: {} },
            "application/json": { schema: ClassifyBody },
          },
        },
        response: responses(ClassifyAnswer, "problem", CODES),
      },
    },
    async (request, reply): Promise<ClassifyAnswer> => {
      const { images, options } = await asked(request, serving);
      const model = serving.modelName(options.model);
      checkImages(images, serving);
      const call: EngineOptions = {
        ...serving.call(request, reply),
        ...(options.bank === undefined ? {} : { bank: options.bank }),
        ...(options.classes === undefined ? {} : { classes: options.classes }),
        ...(options.keep === undefined ? {} : { keep: options.keep }),
        ...(options.explain === undefined ? {} : { explain: options.explain }),
      };
      const { answers, source, classes } = await serving.engine.classify(model, images, call);
      return {
        model: source.model,
        bank: source.bank!,
        classes: [...classes],
        device: source.device,
        core: source.core,
        fell_back: source.fellBack,
        timings: source.timings,
        results: answers.map((answer) => imageResult(answer, options.top)),
        notice: RESEARCH_USE,
      };
    },
  );
}

/** An answer as it is sent, its predictions cut to `top`. */
export function imageResult(answer: ImageAnswer | FailedImage, top = Number.POSITIVE_INFINITY): ClassifyAnswer["results"][number] {
  if ("error" in answer) return { sha256: answer.sha256, error: answer.error };
  const { sha256, predictions, kept, prompts } = answer;
  return {
    sha256,
    predictions: predictions.slice(0, top).map((p) => ({ ...p })),
    kept: kept.map((k) => ({ ...k })),
    ...(prompts === undefined ? {} : { prompts: prompts.map((p) => ({ ...p, probabilities: [...p.probabilities] })) }),
  };
}

async function asked(request: FastifyRequest<{ Querystring: ClassifyQuery }>, serving: Serving): Promise<Asked> {
  const { classes, ...rest } = request.query;
  const fromQuery: ClassifyOptions = { ...rest, ...(classes === undefined ? {} : { classes: [classes].flat() }) };
  if (request.isMultipart()) {
    const { images, fields } = await parts(request, serving);
    return { images, options: { ...fromQuery, ...fields } };
  }
  const body = request.body as Uint8Array | ClassifyBody;
  if (body instanceof Uint8Array) return { images: [body], options: fromQuery };
  const { images, ...options } = body;
  if (images.length > serving.options.maxImages) throw tooMany(images.length, serving);
  return { images: images.map((text, i) => decodeBase64(text, `image ${i}`)), options: { ...fromQuery, ...options } };
}

/** Parts of a form: every file is an image, every field an option; `classes` may come often. */
async function parts(request: FastifyRequest, serving: Serving): Promise<{ images: Uint8Array[]; fields: ClassifyOptions }> {
  const images: Uint8Array[] = [];
  const raw = new Map<string, unknown>();
  for await (const part of request.parts()) {
    if (part.type === "file") images.push(new Uint8Array(await (part as MultipartFile).toBuffer()));
    else {
      const value = String(part.value);
      if (part.fieldname === "classes") raw.set("classes", [...((raw.get("classes") as string[] | undefined) ?? []), value]);
      else if (part.fieldname === "keep" || part.fieldname === "top") raw.set(part.fieldname, Number(value));
      else if (part.fieldname === "explain") raw.set(part.fieldname, value === "true" || value === "1");
      else raw.set(part.fieldname, value);
    }
    if (images.length > serving.options.maxImages) throw tooMany(images.length, serving);
  }
  const fields = Object.fromEntries(raw);
  if (!Check(ClassifyOptions, fields)) {
    const error = Errors(ClassifyOptions, fields).at(-1);
    throw new ServerError(
      "bad_request",
      `form — field ${error?.instancePath || Object.keys(fields).join(", ")} ${error?.message ?? "is wrong"}. See /docs.`,
    );
  }
  return { images, fields };
}

function checkImages(images: readonly Uint8Array[], serving: Serving): void {
  const { maxImages, maxImageBytes } = serving.options;
  if (images.length === 0) throw new ServerError("bad_request", "images — expected at least one, got none. Send one.");
  if (images.length > maxImages) throw tooMany(images.length, serving);
  for (const image of images) {
    if (image.length > maxImageBytes) {
      throw new ServerError(
        "payload_too_large",
        `image — expected at most ${maxImageBytes} bytes, got ${image.length}. Send a smaller file.`,
      );
    }
  }
}

function tooMany(count: number, serving: Serving): ServerError {
  return new ServerError(
    "too_many_images",
    `images — expected at most ${serving.options.maxImages} in a request, got ${count}. Send several requests.`,
  );
}
