// @biovlm/server/client: a small typed client for browsers and Node. Types come from the schemas that the server validates with; nothing of the
// server is imported at run time.

import type { Static } from "typebox";
import type { Bank, BankList } from "../schemas/banks.js";
import type { ClassifyAnswer, ClassifyOptions } from "../schemas/classify.js";
import type { EmbeddingsAnswer, EmbeddingsBody, ModelList } from "../schemas/embeddings.js";
import type {
  InferRequest as InferRequestSchema,
  InferResponse as InferResponseSchema,
  ModelMetadata,
  ServerMetadata,
} from "../schemas/inference.js";
import type { RepositoryModel } from "../schemas/repository.js";
import type { Served } from "../schemas/served.js";
import { ApiError, askOf, type CallOptions, type ClientOptions, type Question } from "./calls.js";

export { ApiError, type CallOptions, type ClientOptions } from "./calls.js";

/** What the server answers to a classification, one prediction an image. */
export type ClassifyResult = Static<typeof ClassifyAnswer>;
/** Options of one classification: bank, classes, dataset, and the rest of the route's query. */
export type ClassifyRequest = Static<typeof ClassifyOptions>;
/** How the images of one call for embeddings are shown: frame, plane, window, range, volumes, cropped. */
export type EmbedRequest = Pick<EmbeddingsBody, "frame" | "plane" | "window" | "range" | "volumes" | "cropped">;
/** A row of embeddings, and which of the images it stands for. */
export interface EmbeddedRow {
  /** of its image among those of the call; with `volumes` of its series' first slice */
  readonly index: number;
  /** [D], L2-normalised */
  readonly embedding: Float32Array;
  /** with `frame` or `volumes`: the images that it is the mean of, in anatomical order */
  readonly images?: readonly number[];
}
/** A bank as the server lists it. */
export type BankInfo = Static<typeof Bank>;

/** A request of the Open Inference Protocol v2: tensors as JSON. */
export type InferRequest = Static<typeof InferRequestSchema>;
/** The tensors that it is answered with. */
export type InferResponse = Static<typeof InferResponseSchema>;
/** Served names, each with its weights and the banks that it may be asked with. */
export type ServedList = Static<typeof Served>;
/** A model's place in memory. */
export type ModelState = Static<typeof RepositoryModel>;

/** A biovlm server's routes as functions. Refusals and failures reject with `ApiError`. */
export interface Client {
  /** Encoded image files (PNG, JPEG, WebP, TIFF, BMP, GIF, PNM, JPEG 2000, DICOM, NIfTI, NRRD) → routed predictions, in order. */
  classify(images: readonly (Uint8Array | Blob)[], options?: ClassifyRequest & CallOptions): Promise<ClassifyResult>;
  /**
   * Texts, or images as data URIs → embeddings [D], L2-normalised. With `volumes` a series is one row, at the place of its first slice: `embedImages`
   * says which.
   */
  embed(model: string, input: string | readonly string[], options?: EmbedRequest & CallOptions): Promise<Float32Array[]>;
  /** Encoded image files, as `classify` takes them → a row for each; with `volumes` one for each series, in the order of their first slices. */
  embedImages(model: string, images: readonly (Uint8Array | Blob)[], options?: EmbedRequest & CallOptions): Promise<EmbeddedRow[]>;
  /** Tensors in and out as JSON (Open Inference Protocol v2): inputs `image` of files as base64 or `embedding` of rows; see the model's metadata. */
  infer(model: string, request: InferRequest, options?: CallOptions): Promise<InferResponse>;
  /** served names */
  models(options?: CallOptions): Promise<readonly string[]>;
  model(name: string, options?: CallOptions): Promise<Static<typeof ModelMetadata>>;
  /** every name with its weights, its device and its banks */
  served(options?: CallOptions): Promise<ServedList>;
  /** name, version and extensions of the server */
  server(options?: CallOptions): Promise<Static<typeof ServerMetadata>>;
  banks(options?: CallOptions): Promise<readonly BankInfo[]>;
  bank(name: string, options?: CallOptions): Promise<BankInfo>;
  /** admin scope */
  uploadBank(name: string, bytes: Uint8Array, options?: CallOptions): Promise<BankInfo>;
  /** admin scope: a bank file with text embeddings for classes */
  compileBank(name: string, classes: readonly string[], options?: CallOptions): Promise<Uint8Array>;
  /** admin scope: takes a model into memory, back after `unloadModel` */
  loadModel(model: string, options?: CallOptions): Promise<ModelState>;
  /** admin scope: it is refused until it is loaded again */
  unloadModel(model: string, options?: CallOptions): Promise<ModelState>;
  /** never throws for a server that says no, and is not sent again */
  ready(options?: CallOptions): Promise<{ readonly ready: boolean; readonly reason?: string }>;
}

/**
 * A client of one server. Methods reject with {@link ApiError}, and with the reason of a signal that was aborted.
 * @throws ApiError `bad_option` for an address or a key that cannot be one
 * @example const { results } = await createClient({ baseUrl }).classify([png], { classes: ["benign tumor", "malignant tumor"] });
 */
export function createClient(options: ClientOptions): Client {
  const ask = askOf(options);
  const get = <T>(path: string, options?: CallOptions) => ask({ method: "GET", path }, jsonOf<T>, options);
  const post = <T>(path: string, body: unknown, options?: CallOptions) => ask(jsonQuestion(path, body), jsonOf<T>, options);
  const name = encodeURIComponent;
  return {
    classify(images, options = {}) {
      const [call, asked] = split(options);
      return ask({ method: "POST", path: "/v1/classify", body: formOf(images, asked) }, jsonOf<ClassifyResult>, call);
    },
    embed: async (model, input, options) =>
      (await rows(post, model, typeof input === "string" ? input : [...input], options)).map(({ embedding }) => embedding),
    embedImages: async (model, images, options) => rows(post, model, await Promise.all(images.map(dataUri)), options),
    infer: (model, request, options) => post(`/v2/models/${name(model)}/infer`, request, options),
    models: async (options) => (await get<Static<typeof ModelList>>("/v1/models", options)).data.map(({ id }) => id),
    model: (model, options) => get(`/v2/models/${name(model)}`, options),
    served: (options) => get("/v1/served", options),
    server: (options) => get("/v2", options),
    banks: async (options) => (await get<Static<typeof BankList>>("/v1/banks", options)).banks,
    bank: (bank, options) => get(`/v1/banks/${name(bank)}`, options),
    uploadBank(bank, bytes, options) {
      const body = bytes as Uint8Array<ArrayBuffer>;
      return ask({ method: "PUT", path: `/v1/banks/${name(bank)}`, body, type: "application/octet-stream" }, jsonOf<BankInfo>, options);
    },
    compileBank: (bank, classes, options) =>
      ask(
        jsonQuestion(`/v1/banks/${name(bank)}/compile`, { classes }),
        async (answer) => new Uint8Array(await answer.arrayBuffer()),
        options,
      ),
    loadModel: (model, options) => post(`/v2/repository/models/${name(model)}/load`, {}, options),
    unloadModel: (model, options) => post(`/v2/repository/models/${name(model)}/unload`, {}, options),
    async ready(options) {
      try {
        return await get<{ ready: boolean; reason?: string }>("/readyz", { maxRetries: 0, ...options });
      } catch (error) {
        if (error instanceof ApiError && error.status > 0) return { ready: false, reason: error.message };
        throw error;
      }
    },
  };
}

const jsonOf = async <T>(answer: Response): Promise<T> => JSON.parse(await answer.text()) as T;

function jsonQuestion(path: string, body: unknown): Question {
  return { method: "POST", path, body: JSON.stringify(body), type: "application/json" };
}

/** How it is called, and what is asked for. */
function split<Asked extends CallOptions>({ signal, deadlineMs, maxRetries, timeoutMs, ...asked }: Asked) {
  return [{ signal, deadlineMs, maxRetries, timeoutMs }, asked] as const;
}

/** Files of a disk that are given as Blobs are read as they are sent. */
function formOf(images: readonly (Uint8Array | Blob)[], options: ClassifyRequest): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(options)) {
    for (const item of [value].flat()) if (item !== undefined) form.append(name, String(item));
  }
  // a file's name may be a patient's
  for (const image of images) form.append("image", image instanceof Blob ? image : new Blob([image as Uint8Array<ArrayBuffer>]), "image");
  return form;
}

async function rows(
  post: <T>(path: string, body: unknown, options?: CallOptions) => Promise<T>,
  model: string,
  input: string | string[],
  options: EmbedRequest & CallOptions = {},
): Promise<EmbeddedRow[]> {
  const [call, shown] = split(options);
  const body: EmbeddingsBody = { model, input, encoding_format: "float", ...shown };
  const { data } = await post<Static<typeof EmbeddingsAnswer>>("/v1/embeddings", body, call);
  return data.map(({ index, embedding, images }) => ({
    index,
    embedding: Float32Array.from(embedding as number[]),
    ...(images === undefined ? {} : { images }),
  }));
}

/** Bytes whose arguments a call takes in every engine; base64 of whole triples has no end in the middle. */
const PIECE = 3 * 8192;

/** An image file as the route takes it; what kind it is, its bytes say. */
async function dataUri(image: Uint8Array | Blob): Promise<string> {
  const bytes = image instanceof Blob ? new Uint8Array(await image.arrayBuffer()) : image;
  let text = "";
  for (let at = 0; at < bytes.length; at += PIECE) text += btoa(String.fromCharCode(...bytes.subarray(at, at + PIECE)));
  return `data:application/octet-stream;base64,${text}`;
}
