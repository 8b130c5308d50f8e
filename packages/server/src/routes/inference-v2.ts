// The Open Inference Protocol v2, as KServe and Triton speak it. A served name is one model and bank; inputs are `image` (BYTES, whole files)
// or `embedding` (FP32 [n,D]); outputs are probabilities, the best class, and the kept prompts with their entropies.

import type { ClassifyOptions, ImageAnswer, ServedModel } from "@biovlm/engine";
import { nth } from "@biovlm/files";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ServerError, type ServerErrorCode } from "../errors.js";
import type {} from "../fastify-types.js";
import { imageTooLarge } from "../lifecycle/bytes-in-flight.js";
import { InProcessBody } from "../lifecycle/in-process.js";
import { GUARDED, MODEL_CODES, responses } from "../responses.js";
import { RESEARCH_USE } from "../schemas/answer.js";
import {
  InferResponse,
  Live,
  ModelMetadata,
  ModelParams,
  ModelReady,
  ModelVersionParams,
  Ready,
  ServerMetadata,
  TakenInferRequest,
} from "../schemas/inference.js";
import type { Serving } from "../serving.js";
import {
  type DecodedRequest,
  decodeInferRequest,
  encodeInferResponse,
  type InferAnswer,
  type OutputTensor,
} from "../tensors/infer-codec.js";
import { refuseShown, requestParameters } from "../tensors/infer-parameters.js";

const VERSION = "1";
const CODES: readonly ServerErrorCode[] = [
  "bad_tensor",
  "bad_json",
  "bad_classes",
  "bad_request",
  "bad_option",
  "shown_otherwise",
  ...GUARDED,
  ...MODEL_CODES,
  "deadline_exceeded",
  "payload_too_large",
  "too_many_images",
  "unsupported_media_type",
  "unreadable_image",
  "not_ready",
  "backend_unavailable",
];

type Params = { model: string; version?: string };

const OPEN = { errors: "protocol", rateLimit: false } as const;
const PROTECTED = { scope: "infer", errors: "protocol" } as const;
const tags = ["inference"];
/** The codec checks it, before and apart from the numbers in it. */
const INFER_BODY = {
  content: {
    "application/json": { schema: TakenInferRequest },
    "application/octet-stream": { schema: { type: "string", format: "binary" } },
  },
};

export function inferenceRoutes(app: FastifyInstance, serving: Serving): void {
  const { engine, version } = serving;
  app.get(
    "/v2",
    {
      config: OPEN,
      schema: { summary: "Server metadata", operationId: "serverMetadata", tags, response: responses(ServerMetadata, "protocol", []) },
    },
    async () => ({
      name: "biovlm",
      version,
      extensions: ["binary_tensor_data", "classification", "model_repository"],
      notice: RESEARCH_USE,
    }),
  );
  app.get(
    "/v2/health/live",
    { config: OPEN, schema: { summary: "Liveness", operationId: "serverLive", tags, response: responses(Live, "protocol", []) } },
    async () => ({ live: true }),
  );
  app.get(
    "/v2/health/ready",
    {
      config: OPEN,
      schema: { summary: "Readiness", operationId: "serverReady", tags, response: responses(Ready, "protocol", ["not_ready"]) },
    },
    async () => {
      const state = engine.readiness();
      if (!state.ready)
        throw new ServerError("not_ready", `server — expected warm models, got: ${state.reason ?? "not ready"}. Ask again soon.`);
      return { ready: true };
    },
  );
  modelRoutes(app, serving, "/v2/models/:model", ModelParams, "model");
  modelRoutes(app, serving, "/v2/models/:model/versions/:version", ModelVersionParams, "modelVersion");
}

function modelRoutes(
  app: FastifyInstance,
  serving: Serving,
  path: string,
  params: typeof ModelParams | typeof ModelVersionParams,
  called: string,
): void {
  app.get<{ Params: Params }>(
    path,
    {
      config: PROTECTED,
      schema: {
        summary: "Model metadata",
        operationId: `${called}Metadata`,
        tags,
        params,
        response: responses(ModelMetadata, "protocol", ["bad_request", ...GUARDED, "unknown_model"]),
      },
    },
    async (request) => metadata(modelOf(serving, request.params)),
  );
  app.get<{ Params: Params }>(
    `${path}/ready`,
    {
      config: PROTECTED,
      schema: {
        summary: "Model readiness",
        operationId: `${called}Ready`,
        tags,
        params,
        response: responses(ModelReady, "protocol", ["bad_request", ...GUARDED, "unknown_model", "not_ready"]),
      },
    },
    async (request) => {
      const model = modelOf(serving, request.params);
      if (!model.ready)
        throw new ServerError(
          "not_ready",
          `model ${model.name} — expected to be warm, got: ${model.reason ?? "not ready"}. Ask again soon.`,
        );
      return { name: model.name, ready: true };
    },
  );
  app.post<{ Params: Params }>(
    `${path}/infer`,
    {
      config: { ...PROTECTED, documentedBody: INFER_BODY },
      schema: {
        summary: "Inference",
        operationId: `${called}Infer`,
        tags,
        params,
        body: {
          content: { "application/json": { schema: {} }, "application/octet-stream": { schema: {} } },
        },
        response: responses(InferResponse, "protocol", CODES),
      },
    },
    (request, reply) => infer(serving, request, reply),
  );
}

function modelOf({ engine }: Serving, { model, version }: Params): ServedModel {
  if (version !== undefined && version !== VERSION)
    throw new ServerError("unknown_model", `model version — expected ${VERSION}, got another. Leave it out.`);
  return engine.model(model);
}

function metadata(model: ServedModel): ModelMetadata {
  const K = model.bank === undefined ? -1 : Math.max(1, Math.floor(model.bank.rho * model.bank.prompts));
  return {
    name: model.name,
    versions: [VERSION],
    platform: "biovlm",
    inputs: [
      { name: "image", datatype: "BYTES", shape: [-1] },
      { name: "embedding", datatype: "FP32", shape: [-1, model.embedDim] },
    ],
    outputs: [
      { name: "probabilities", datatype: "FP32", shape: [-1, model.bank?.classes.length ?? -1] },
      { name: "class", datatype: "BYTES", shape: [-1] },
      { name: "kept", datatype: "INT32", shape: [-1, K] },
      { name: "kept_entropy", datatype: "FP32", shape: [-1, K] },
    ],
    parameters: {
      model_digest: model.modelDigest,
      ...(model.bank === undefined ? {} : { bank_digest: model.bank.digest, classes: JSON.stringify(model.bank.classes) }),
      device: model.device,
      notice: RESEARCH_USE,
    },
  };
}

async function infer(serving: Serving, request: FastifyRequest<{ Params: Params }>, reply: FastifyReply): Promise<FastifyReply> {
  const model = modelOf(serving, request.params);
  if (request.body instanceof InProcessBody) {
    const { asked } = request.body as InProcessBody<() => DecodedRequest, InferAnswer>;
    const decoded = asked();
    const made = await answer(serving, model, decoded, request, reply);
    request.body.made = { model: model.name, version: VERSION, request: decoded, ...made } satisfies InferAnswer;
    return reply.send("");
  }
  const header = request.headers["inference-header-content-length"];
  if (header !== undefined && !/^\d{1,9}$/.test(String(header)))
    throw new ServerError("bad_tensor", "Inference-Header-Content-Length — expected a number of bytes, got other text.");
  const bytes = request.body instanceof Uint8Array ? request.body : (request.body as { raw?: Uint8Array } | undefined)?.raw;
  if (bytes === undefined) throw new ServerError("bad_json", "infer request — expected a body of JSON, or JSON and tensors, got none.");
  const decoded = decodeInferRequest(bytes, header === undefined ? undefined : Number(header), serving.options.maxJsonBytes);
  const { outputs, parameters } = await answer(serving, model, decoded, request, reply);
  const encoded = encodeInferResponse({ model: model.name, version: VERSION, parameters }, outputs, decoded);
  if (encoded.headerLength === undefined) return reply.type("application/json").send(Buffer.from(encoded.body));
  return reply
    .header("inference-header-content-length", String(encoded.headerLength))
    .type("application/octet-stream")
    .send(Buffer.from(encoded.body));
}

async function answer(serving: Serving, model: ServedModel, decoded: DecodedRequest, request: FastifyRequest, reply: FastifyReply) {
  const [input, ...more] = decoded.inputs;
  if (input === undefined || more.length > 0)
    throw new ServerError("bad_tensor", `inputs — expected one of image or embedding, got ${decoded.inputs.length}.`);
  const call = serving.call(request, reply);
  const options: ClassifyOptions = { ...call, ...requestParameters(decoded.parameters, call.deadline) };
  let answers: readonly Omit<ImageAnswer, "sha256">[];
  let result: Awaited<ReturnType<typeof serving.engine.classifyEmbeddings>> | Awaited<ReturnType<typeof serving.engine.classify>>;
  if (input.name === "image" && input.elements !== undefined) {
    const { maxImages, maxImageBytes } = serving.options;
    if (input.elements.length === 0) throw new ServerError("bad_tensor", "image — expected at least one, got none.");
    if (input.elements.length > maxImages)
      throw new ServerError(
        "too_many_images",
        `image — expected at most ${maxImages} in a request, got ${input.elements.length}. Send several requests.`,
      );
    const large = input.elements.find((e) => e.length > maxImageBytes);
    if (large !== undefined) throw imageTooLarge(maxImageBytes, large.length);
    const classified = await serving.engine.classify(model.name, input.elements, options);
    answers = classified.answers.map((a, i) => {
      // what was asked of it may be wrong, and not the image
      if ("error" in a)
        throw new ServerError(
          a.error.code === "bad_option" ? "bad_option" : "unreadable_image",
          `image ${i} — ${a.error.code}: ${a.error.message.replace(/^\[[^\]]*\] /, "")}`,
        );
      if ("leftOut" in a) throw new RangeError("an image left out, where no volumes were asked for");
      return a;
    });
    result = classified;
  } else if (input.name === "embedding" && input.numbers !== undefined) {
    if (input.shape.length !== 2 || input.shape[1] !== model.embedDim || nth(input.shape, 0) < 1) {
      throw new ServerError("bad_tensor", `embedding — expected shape [n, ${model.embedDim}] with n ≥ 1, got [${input.shape.join(", ")}].`);
    }
    refuseShown(options);
    const classified = await serving.engine.classifyEmbeddings(model.name, input.numbers, options);
    answers = classified.answers;
    result = classified;
  } else throw new ServerError("bad_tensor", `input ${input.name} ${input.datatype} — expected image as BYTES or embedding as FP32.`);
  const { classes, source } = result;
  return {
    outputs: tensors(answers, classes),
    parameters: {
      model_digest: source.model.digest,
      ...(source.bank === undefined ? {} : { bank_digest: source.bank.digest }),
      device: source.device,
      fell_back: source.fellBack,
      classes: namesOf(classes).json,
    },
  };
}

function tensors(answers: readonly Omit<ImageAnswer, "sha256">[], classes: readonly string[]): OutputTensor[] {
  const n = answers.length;
  const K = answers[0]?.kept?.length ?? 0;
  const { places } = namesOf(classes);
  const probabilities = new Float32Array(n * classes.length);
  const best: string[] = [];
  const prompts = new Int32Array(n * K);
  const entropies = new Float32Array(n * K);
  for (const [i, { predictions, kept = [] }] of answers.entries()) {
    best.push(nth(predictions, 0).class);
    for (const { class: name, probability } of predictions) probabilities[i * classes.length + (places.get(name) ?? 0)] = probability;
    for (const [k, { prompt, entropy }] of kept.entries()) {
      prompts[i * K + k] = prompt;
      entropies[i * K + k] = entropy;
    }
  }
  return [
    { name: "probabilities", datatype: "FP32", shape: [n, classes.length], data: probabilities, labels: classes },
    { name: "class", datatype: "BYTES", shape: [n], data: best },
    { name: "kept", datatype: "INT32", shape: [n, K], data: prompts },
    { name: "kept_entropy", datatype: "FP32", shape: [n, K], data: entropies },
  ];
}

/** What many answers say of the same classes. */
interface Names {
  readonly json: string;
  readonly places: ReadonlyMap<string, number>;
}
const known = new WeakMap<readonly string[], Names>();

function namesOf(classes: readonly string[]): Names {
  let names = known.get(classes);
  if (names === undefined) {
    names = { json: JSON.stringify(classes), places: new Map(classes.map((name, place) => [name, place])) };
    known.set(classes, names);
  }
  return names;
}
