// POST /v1/classify: images in, routed predictions out. A raw body is one image; parts or base64 may be many.

import type { ClassifyOptions as EngineOptions, FailedImage, FramesAnswer, ImageAnswer, LeftOutImage, VolumeAnswer } from "@biovlm/engine";
import { joinedBytes, nth } from "@biovlm/files";
import type { MultipartFile } from "@fastify/multipart";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Compile } from "typebox/compile";
import { ServerError, type ServerErrorCode } from "../errors.js";
import type {} from "../fastify-types.js";
import { imageTooLarge, tooLarge } from "../lifecycle/bytes-in-flight.js";
import { GUARDED, MODEL_CODES, responses } from "../responses.js";
import { type ImageResult, RESEARCH_USE, type VolumeResult } from "../schemas/answer.js";
import { ClassifyAnswer, ClassifyBody, ClassifyDocument, ClassifyOptions, ClassifyQuery, IMAGE_TYPES } from "../schemas/classify.js";
import { shownOf } from "../schemas/shown.js";
import type { Serving } from "../serving.js";
import { decodeBase64 } from "../tensors/infer-codec.js";

const CODES: readonly ServerErrorCode[] = [
  "bad_request",
  "bad_json",
  "bad_classes",
  "bad_option",
  "shown_otherwise",
  ...GUARDED,
  ...MODEL_CODES,
  "unknown_bank",
  "deadline_exceeded",
  "payload_too_large",
  "too_many_images",
  "too_many_frames",
  "unsupported_media_type",
  "unsupported_format",
  "unreadable_image",
  "not_ready",
  "backend_unavailable",
];

// asked of every request
const OPTIONS = Compile(ClassifyOptions);
const BODY = Compile(ClassifyBody);

interface Asked {
  readonly images: readonly Uint8Array[];
  readonly options: ClassifyOptions;
}

export function classifyRoutes(app: FastifyInstance, serving: Serving): void {
  // bytes: OpenAPI 3.1 describes them by their media type alone
  const binary = { schema: {} };
  app.post<{ Querystring: ClassifyQuery }>(
    "/v1/classify",
    {
      config: { scope: "infer", errors: "problem" },
      // reading images that nobody will look at takes time from those that somebody does
      preParsing: async (request) => {
        const type = request.headers["content-type"]?.split(";", 1)[0];
        // a name given twice is the handler's to refuse
        const { model } = request.query as { model?: unknown };
        const name = typeof model === "string" ? model : undefined;
        if (IMAGE_TYPES.some((known) => known === type)) serving.engine.refuseIfFull(serving.modelName(name));
      },
      // options come as text in a query or a form and as values in JSON: checked here, by the same schemas
      validatorCompiler: () => () => true,
      schema: {
        summary: "Classify images by routed prompts",
        operationId: "classify",
        tags: ["native"],
        querystring: ClassifyQuery,
        body: {
          content: {
            ...Object.fromEntries(IMAGE_TYPES.map((type) => [type, binary])),
            "multipart/form-data": { schema: {} },
            "application/json": { schema: ClassifyDocument },
          },
        },
        response: responses(ClassifyAnswer, "problem", CODES),
      },
    },
    async (request, reply): Promise<ClassifyAnswer> => {
      const { images, options } = await asked(request, serving);
      const model = serving.modelName(options.model);
      checkImages(images, options, serving);
      const call: EngineOptions = {
        ...serving.call(request, reply),
        ...(options.bank === undefined ? {} : { bank: options.bank }),
        ...(options.classes === undefined ? {} : { classes: options.classes }),
        ...(options.rho === undefined ? {} : { rho: options.rho }),
        ...(options.prevalence === undefined ? {} : { prevalence: options.prevalence }),
        ...(options.explain === undefined ? {} : { explain: options.explain }),
        ...shownOf(options),
        maxFrames: serving.options.maxFrames,
      };
      const { answers, source, classes, prevalence, volumes } = await serving.engine.classify(model, images, call);
      const [only] = answers;
      if (answers.length === 1 && only !== undefined && "error" in only) throw unreadable(only);
      // answered, so nothing looks at it any more; after a failure a decoder might
      if (request.body === images[0]) serving.bodies.release(nth(images, 0));
      return {
        model: source.model,
        bank: source.bank!,
        classes: [...classes],
        ...(prevalence === undefined ? {} : { prevalence: [...prevalence] }),
        device: source.device,
        core: source.core,
        fell_back: source.fellBack,
        timingsMs: source.timings,
        results: answers.map((answer) => imageResult(answer, options.top)),
        ...(volumes === undefined ? {} : { volumes: volumes.map((volume) => volumeResult(volume, options.top)) }),
        notice: RESEARCH_USE,
      };
    },
  );
}

/** The fault of a lone image, as the status it deserves. */
function unreadable({ error }: FailedImage): ServerError {
  const own = ["unsupported_format", "payload_too_large", "bad_option"] as const;
  const code = own.find((one) => one === error.code) ?? "unreadable_image";
  return new ServerError(code, `image — ${error.message.replace(/^\[[^\]]*\] /, "")}`);
}

/** An answer as it is sent, its predictions cut to `top`. */
function imageResult(answer: ImageAnswer | FailedImage | LeftOutImage, top = Number.POSITIVE_INFINITY): ImageResult {
  if ("error" in answer) return { sha256: answer.sha256, error: answer.error };
  if ("leftOut" in answer) return { ...answer };
  const { sha256, frames, volume, ...picture } = answer;
  return {
    sha256,
    ...pictureResult(picture, top),
    ...(frames === undefined ? {} : { frames: framesResult(frames, top) }),
    ...(volume === undefined ? {} : { volume: { ...volume } }),
  };
}

function framesResult({ surest, answers, ...counts }: FramesAnswer, top: number): NonNullable<ImageResult["frames"]> {
  return {
    ...counts,
    surest: surest.map((one) => ({ ...one })),
    answers: answers.map((one) =>
      "error" in one ? { frame: one.frame, error: { ...one.error } } : { frame: one.frame, ...pictureResult(one, top) },
    ),
  };
}

function pictureResult(
  { predictions, kept, prompts, parts, dicom, slice, page, notes }: Omit<ImageAnswer, "sha256" | "frames" | "volume">,
  top: number,
): Omit<ImageResult, "sha256"> {
  return {
    ...(dicom === undefined ? {} : { dicom: dicomResult(dicom) }),
    ...(slice === undefined ? {} : { slice: { ...slice, window: { ...slice.window }, notes: [...slice.notes] } }),
    ...(page === undefined ? {} : { page: { ...page } }),
    ...(notes === undefined ? {} : { notes: [...notes] }),
    predictions: predictions.slice(0, top).map((p) => ({ ...p })),
    ...(kept === undefined ? {} : { kept: kept.map((k) => ({ ...k })) }),
    ...(prompts === undefined ? {} : { prompts: prompts.map((p) => ({ ...p, probabilities: [...p.probabilities] })) }),
    ...(parts === undefined ? {} : { parts: parts.map((part) => ({ ...part })) }),
  };
}

function volumeResult({ volume, predictions }: VolumeAnswer, top = Number.POSITIVE_INFINITY): VolumeResult {
  return {
    volume: {
      ...volume,
      images: [...volume.images],
      notes: [...volume.notes],
      leftOut: volume.leftOut.map((one) => ({ ...one })),
      surest: volume.surest.map((one) => ({ ...one })),
    },
    ...(predictions === undefined ? {} : { predictions: predictions.slice(0, top).map((p) => ({ ...p })) }),
  };
}

function dicomResult({ modality, window, region, notes, ...dicom }: NonNullable<ImageAnswer["dicom"]>): NonNullable<ImageResult["dicom"]> {
  return {
    ...dicom,
    ...(modality === undefined ? {} : { modality }),
    ...(window === undefined ? {} : { window: { ...window } }),
    ...(region === undefined ? {} : { region: { ...region } }),
    notes: [...notes],
  };
}

async function asked(request: FastifyRequest<{ Querystring: ClassifyQuery }>, serving: Serving): Promise<Asked> {
  const fromQuery = optionsOf(Object.entries(request.query), "query");
  if (request.isMultipart()) {
    const { images, fields } = await parts(request, serving);
    return { images, options: { ...fromQuery, ...fields } };
  }
  const { body } = request;
  if (body instanceof Uint8Array) return { images: [body], options: fromQuery };
  if (!BODY.Check(body)) {
    const error = BODY.Errors(body).at(-1);
    throw new ServerError(
      "bad_request",
      `request body — ${error?.instancePath || "it"} ${error?.message ?? "does not match its schema"}. See /docs.`,
    );
  }
  const { images, ...options } = body as ClassifyBody;
  if (images.length > serving.options.maxImages) throw tooMany(images.length, options.volumes, serving);
  return { images: images.map((text, i) => decodeBase64(text, `image ${i}`)), options: { ...fromQuery, ...options } };
}

/** Options that came as text. `classes` may come once or often. */
function optionsOf(entries: readonly (readonly [string, unknown])[], where: string): ClassifyOptions {
  const raw: Record<string, unknown> = {};
  for (const [name, value] of entries) {
    if (name === "classes") raw["classes"] = [...((raw["classes"] as unknown[] | undefined) ?? []), ...[value].flat()];
    else if (name === "rho" || name === "top") raw[name] = value === "" ? Number.NaN : Number(value);
    else if (name === "explain" || name === "volumes" || name === "cropped")
      raw[name] = value === "true" || value === "1" ? true : value === "false" || value === "0" ? false : value;
    else raw[name] = value;
  }
  if (!OPTIONS.Check(raw)) {
    const error = OPTIONS.Errors(raw).at(-1);
    throw new ServerError(
      "bad_request",
      `${where} — ${error?.instancePath || `expected only ${Object.keys(ClassifyOptions.properties).join(", ")};`} ${error?.message ?? "is wrong"}. See /docs.`,
    );
  }
  return raw as ClassifyOptions;
}

/** Parts of a form: every file is an image, every field an option; `classes` may come often. */
async function parts(request: FastifyRequest, serving: Serving): Promise<{ images: Uint8Array[]; fields: ClassifyOptions }> {
  const images: Uint8Array[] = [];
  const fields: [string, string][] = [];
  const { maxBodyBytes } = serving.options;
  // without a declared length nothing is reserved yet
  const counted = request.headers["content-length"] === undefined;
  let length = 0;
  const count = (bytes: number) => {
    length += bytes;
    if (length > maxBodyBytes) throw tooLarge(maxBodyBytes, length);
    if (counted) serving.inFlight.reserve(request, bytes);
  };
  try {
    for await (const part of request.parts()) {
      if (part.type === "file") images.push(await fileBytes(part, count, serving.options.maxImageBytes));
      else {
        fields.push([part.fieldname, String(part.value)]);
        count(String(part.value).length);
      }
      if (images.length > serving.options.maxImages) throw tooMany(images.length, asksVolumes(fields, request), serving);
    }
  } catch (cause) {
    // the form parser's own complaints (no boundary, an early end) are plain errors
    if (cause instanceof Error && cause.constructor === Error)
      throw new ServerError("bad_request", "form — expected whole parts between boundaries, got a damaged form. Send it again.", { cause });
    throw cause;
  }
  return { images, fields: optionsOf(fields, "form") };
}

/** A part's bytes, each piece counted as it comes. @throws ServerError `payload_too_large`, and as `count` */
async function fileBytes({ file }: MultipartFile, count: (bytes: number) => void, limit: number): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  let refusal: { readonly error: unknown } | undefined;
  // a part that is refused is read to its end and not kept: whoever is in the middle of sending it hears why
  for await (const piece of file as AsyncIterable<Buffer>) {
    if (refusal !== undefined) continue;
    try {
      count(piece.length);
      pieces.push(piece);
    } catch (error) {
      refusal = { error };
      pieces.length = 0;
    }
  }
  if (refusal !== undefined) throw refusal.error;
  // the parser lets no more through; what it cut is no image
  if (file.truncated) throw imageTooLarge(limit);
  return joinedBytes(pieces);
}

function checkImages(images: readonly Uint8Array[], { volumes }: Pick<ClassifyOptions, "volumes">, serving: Serving): void {
  const { maxImages, maxImageBytes } = serving.options;
  if (images.length === 0) throw new ServerError("bad_request", "images — expected at least one, got none. Send one.");
  if (images.length > maxImages) throw tooMany(images.length, volumes, serving);
  for (const { length } of images) if (length > maxImageBytes) throw imageTooLarge(maxImageBytes, length);
}

/** Whether a form that is read so far asks for volumes. */
function asksVolumes(fields: readonly (readonly [string, string])[], { query }: FastifyRequest): boolean {
  const said = fields.find(([name]) => name === "volumes")?.[1] ?? (query as { readonly volumes?: unknown }).volumes;
  return said === "true" || said === "1";
}

function tooMany(count: number, volumes: boolean | undefined, serving: Serving): ServerError {
  const remedy =
    volumes === true
      ? "A series is sent whole: have the server started with a larger --max-images, and a larger --max-body-bytes where it needs one."
      : "Send several requests.";
  return new ServerError("too_many_images", `images — expected at most ${serving.options.maxImages} in a request, got ${count}. ${remedy}`);
}
