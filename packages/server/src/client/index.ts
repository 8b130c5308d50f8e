// @biovlm/server/client: a small typed client for browsers and Node. Types come from the schemas that the server validates with; nothing of the
// server is imported at run time.

import type { Static } from "typebox";
import type { Problem } from "../schemas/answer.js";
import type { Bank, BankList } from "../schemas/banks.js";
import type { ClassifyAnswer, ClassifyOptions } from "../schemas/classify.js";
import type { EmbeddingsAnswer, EmbeddingsBody, ModelList } from "../schemas/embeddings.js";
import type { ModelMetadata } from "../schemas/inference.js";

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

/** Which server, with which key. */
export interface ClientOptions {
  /** e.g. "http://127.0.0.1:8080" */
  readonly baseUrl: string;
  /** sent as a bearer token */
  readonly apiKey?: string;
  /** another fetch, e.g. with a proxy */
  readonly fetch?: typeof globalThis.fetch;
}

/** What each call takes: a signal and a deadline. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** milliseconds after which the server gives the call up */
  readonly deadlineMs?: number | undefined;
}

/** A refusal or a failure of the server. `code` is stable; look at it, not at the message. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  /** seconds to wait before another try, where the server says so */
  readonly retryAfter: number | undefined;

  constructor(code: string, status: number, message: string, retryAfter?: number) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

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
  models(options?: CallOptions): Promise<readonly string[]>;
  model(name: string, options?: CallOptions): Promise<Static<typeof ModelMetadata>>;
  banks(options?: CallOptions): Promise<readonly BankInfo[]>;
  bank(name: string, options?: CallOptions): Promise<BankInfo>;
  /** admin scope */
  uploadBank(name: string, bytes: Uint8Array, options?: CallOptions): Promise<BankInfo>;
  /** admin scope: a bank file with text embeddings for classes */
  compileBank(name: string, classes: readonly string[], options?: CallOptions): Promise<Uint8Array>;
  /** never throws for a server that says no */
  ready(options?: CallOptions): Promise<{ readonly ready: boolean; readonly reason?: string }>;
}

/**
 * A client of one server. Methods reject with {@link ApiError} for what the server refuses, and as `fetch` does where there is none.
 * @example const { results } = await createClient({ baseUrl }).classify([png], { classes: ["benign tumor", "malignant tumor"] });
 */
export function createClient(options: ClientOptions): Client {
  const { call, json } = callsOf(options);
  return {
    async classify(images, { signal, deadlineMs, ...options } = {}) {
      const form = new FormData();
      for (const [name, value] of Object.entries(options)) {
        for (const item of [value].flat()) if (item !== undefined) form.append(name, String(item));
      }
      for (const image of images)
        form.append("image", image instanceof Blob ? image : new Blob([image as Uint8Array<ArrayBuffer>]), "image");
      const response = await call("POST", "/v1/classify", form, undefined, { signal, deadlineMs });
      return (await response.json()) as ClassifyResult;
    },
    embed: async (model, input, options) =>
      (await rows(json, model, typeof input === "string" ? input : [...input], options)).map(({ embedding }) => embedding),
    embedImages: async (model, images, options) => rows(json, model, await Promise.all(images.map(dataUri)), options),
    models: async (options) => (await json<Static<typeof ModelList>>("GET", "/v1/models", undefined, options)).data.map(({ id }) => id),
    model: (name, options) => json("GET", `/v2/models/${encodeURIComponent(name)}`, undefined, options),
    banks: async (options) => (await json<Static<typeof BankList>>("GET", "/v1/banks", undefined, options)).banks,
    bank: (name, options) => json("GET", `/v1/banks/${encodeURIComponent(name)}`, undefined, options),
    async uploadBank(name, bytes, options = {}) {
      const response = await call(
        "PUT",
        `/v1/banks/${encodeURIComponent(name)}`,
        bytes as Uint8Array<ArrayBuffer>,
        "application/octet-stream",
        options,
      );
      return (await response.json()) as BankInfo;
    },
    async compileBank(name, classes, options = {}) {
      const response = await call(
        "POST",
        `/v1/banks/${encodeURIComponent(name)}/compile`,
        JSON.stringify({ classes }),
        "application/json",
        options,
      );
      return new Uint8Array(await response.arrayBuffer());
    },
    async ready(options = {}) {
      try {
        return await json<{ ready: boolean; reason?: string }>("GET", "/readyz", undefined, options);
      } catch (error) {
        if (error instanceof ApiError) return { ready: false, reason: error.message };
        throw error;
      }
    },
  };
}

type Calls = ReturnType<typeof callsOf>;

async function rows(
  json: Calls["json"],
  model: string,
  input: string | string[],
  { signal, deadlineMs, ...shown }: EmbedRequest & CallOptions = {},
): Promise<EmbeddedRow[]> {
  const body: EmbeddingsBody = { model, input, encoding_format: "float", ...shown };
  const { data } = await json<Static<typeof EmbeddingsAnswer>>("POST", "/v1/embeddings", body, { signal, deadlineMs });
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

/** One request: its answer, or the server's refusal as an {@link ApiError}. */
function callsOf({ baseUrl, apiKey, fetch: get = globalThis.fetch }: ClientOptions) {
  const root = baseUrl.replace(/\/+$/, "");
  const call = async (
    method: string,
    path: string,
    body: BodyInit | undefined,
    type: string | undefined,
    { signal, deadlineMs }: CallOptions,
  ) => {
    const response = await get(`${root}${path}`, {
      method,
      headers: {
        ...(type === undefined ? {} : { "content-type": type }),
        ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
        ...(deadlineMs === undefined ? {} : { "x-deadline-ms": String(Math.ceil(deadlineMs)) }),
      },
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (!response.ok) throw await refusal(response);
    return response;
  };
  const json = async <T>(method: string, path: string, body: unknown, options: CallOptions = {}): Promise<T> => {
    const response = await call(
      method,
      path,
      body === undefined ? undefined : JSON.stringify(body),
      body === undefined ? undefined : "application/json",
      options,
    );
    return (await response.json()) as T;
  };
  return { call, json };
}

/** The server's error, whichever of its three forms it has. */
async function refusal(response: Response): Promise<ApiError> {
  const text = await response.text();
  let body: Partial<Static<typeof Problem>> & { error?: string | { code?: string; message?: string }; reason?: string } = {};
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    // a proxy's page, or nothing
  }
  const wait = Number(response.headers.get("retry-after") ?? Number.NaN);
  const of = typeof body.error === "object" ? body.error : undefined;
  const said = typeof body.error === "string" ? /^([a-z_]+): (.*)$/s.exec(body.error) : null;
  const code = body.code ?? of?.code ?? said?.[1] ?? (response.status === 503 ? "not_ready" : "unexpected_answer");
  const message = body.detail ?? of?.message ?? said?.[2] ?? body.reason ?? `expected an answer, got status ${response.status}`;
  return new ApiError(code, response.status, message, Number.isFinite(wait) ? wait : undefined);
}
