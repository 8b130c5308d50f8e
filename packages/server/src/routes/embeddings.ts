// POST /v1/embeddings and GET /v1/models in OpenAI's shape: texts, or images as data URIs. Token arrays and addresses are refused.

import type { EmbeddingRows, ServedModel } from "@biovlm/engine";
import { littleEndian, nth } from "@biovlm/files";
import type { FastifyInstance } from "fastify";
import { ServerError, type ServerErrorCode } from "../errors.js";
import type {} from "../fastify-types.js";
import { GUARDED, MODEL_CODES, responses } from "../responses.js";
import { inputsOf, refuseTokens } from "../schemas/embedding-inputs.js";
import { EmbeddingsAnswer, EmbeddingsBody, ModelEntry, ModelList, TakenEmbeddingsBody } from "../schemas/embeddings.js";
import { ModelParams } from "../schemas/inference.js";
import { shownOf } from "../schemas/shown.js";
import type { Serving } from "../serving.js";
import { decodeBase64 } from "../tensors/infer-codec.js";

const CODES: readonly ServerErrorCode[] = [
  "bad_request",
  "bad_json",
  "bad_tensor",
  "bad_option",
  ...GUARDED,
  ...MODEL_CODES,
  "deadline_exceeded",
  "payload_too_large",
  "too_many_frames",
  "unsupported_media_type",
  "unsupported_format",
  "unreadable_image",
  "not_ready",
  "backend_unavailable",
];

export function embeddingRoutes(app: FastifyInstance, serving: Serving): void {
  app.post<{ Body: EmbeddingsBody }>(
    "/v1/embeddings",
    {
      config: { scope: "infer", errors: "openai", documentedBody: { content: { "application/json": { schema: TakenEmbeddingsBody } } } },
      preValidation: async (request) => refuseTokens(request.body),
      schema: {
        summary: "Embeddings of texts or images",
        operationId: "createEmbedding",
        tags: ["openai"],
        body: EmbeddingsBody,
        response: responses(EmbeddingsAnswer, "openai", CODES),
      },
    },
    async (request, reply): Promise<EmbeddingsAnswer> => {
      const { model: asked, encoding_format: format = "float", dimensions } = request.body;
      const model = serving.engine.model(asked);
      if (dimensions !== undefined && dimensions !== model.embedDim) {
        throw new ServerError("bad_option", `dimensions — expected ${model.embedDim}, the model's own, got ${dimensions}. Leave it out.`);
      }
      const inputs = inputsOf(request.body);
      const images = inputs.filter(({ isImage }) => isImage).map(({ text }, i) => decodeBase64(text, `image ${i}`));
      const texts = inputs.flatMap(({ text, isImage }) => (isImage ? [] : [text]));
      if (images.length > serving.options.maxImages) {
        throw new ServerError(
          "bad_request",
          `input — expected at most ${serving.options.maxImages} images, got ${images.length}. Send several requests.`,
        );
      }
      const call = serving.call(request, reply);
      const choice = shownOf(request.body);
      const [only] = Object.keys(choice);
      if (images.length === 0 && only !== undefined)
        throw new ServerError("bad_option", `${only} — expected images among the input to show so, got texts alone. Leave it out.`);
      const shown = { ...choice, maxFrames: serving.options.maxFrames };
      const [ofImages, ofTexts] = [
        images.length > 0 ? await serving.engine.embedImages(model.name, images, { ...call, ...shown }) : undefined,
        texts.length > 0 ? await serving.engine.embedTexts(model.name, texts, call) : undefined,
      ];
      const at = (isImage: boolean) => inputs.flatMap((input, index) => (input.isImage === isImage ? [index] : []));
      const rows = [...rowsOf(ofImages, at(true)), ...rowsOf(ofTexts, at(false))].sort((a, b) => a.index - b.index);
      const tokens = ofTexts?.tokens ?? 0;
      return {
        object: "list",
        data: rows.map(({ row, ...of }) => ({
          object: "embedding",
          ...of,
          embedding: format === "base64" ? base64(row) : Array.from(row),
        })),
        model: model.name,
        usage: { prompt_tokens: tokens, total_tokens: tokens },
      };
    },
  );
  app.get(
    "/v1/models",
    {
      config: { scope: "infer", errors: "openai" },
      schema: { summary: "Served models", operationId: "listModels", tags: ["openai"], response: responses(ModelList, "openai", GUARDED) },
    },
    async (): Promise<ModelList> => ({ object: "list", data: serving.engine.models().map(entry) }),
  );
  app.get<{ Params: ModelParams }>(
    "/v1/models/:model",
    {
      config: { scope: "infer", errors: "openai" },
      schema: {
        summary: "One served model",
        operationId: "retrieveModel",
        tags: ["openai"],
        params: ModelParams,
        response: responses(ModelEntry, "openai", ["bad_request", ...GUARDED, "unknown_model"]),
      },
    },
    async (request): Promise<ModelEntry> => entry(serving.engine.model(request.params.model)),
  );
}

function entry({ name }: ServedModel): ModelEntry {
  return { id: name, object: "model", created: 0, owned_by: "biovlm" };
}

/** Little-endian float32, as the official client reads it. */
function base64(row: Float32Array): string {
  const { buffer, byteOffset, byteLength } = littleEndian(row);
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}

interface PlacedRow {
  readonly row: Float32Array;
  readonly index: number;
  readonly images?: number[];
}

/** Rows under the inputs that they stand for. @param at of each image or text its input */
function rowsOf(rows: EmbeddingRows | undefined, at: readonly number[]): PlacedRow[] {
  if (rows === undefined) return [];
  const { data, shape, images } = rows;
  const [count, D] = shape;
  return Array.from({ length: count }, (_, i) => {
    const of = images?.[i]?.map((image) => nth(at, image));
    return { row: data.subarray(i * D, (i + 1) * D), index: of?.[0] ?? nth(at, i), ...(of === undefined ? {} : { images: of }) };
  });
}
