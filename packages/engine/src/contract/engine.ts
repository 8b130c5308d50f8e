// What the routes ask for and what answers: the seam between protocols (routes, schemas, codecs) and machinery (batcher, pool, registry).
// Routes know no encoder, no queue and no process; an engine knows no HTTP. Tests of routes run on an engine in this process.
//
// Letters as in docs/method.md: n images or texts, N prompts, C classes, D joint embedding.

import type { Core } from "@biovlm/core";
import type { Encoder, Model } from "@biovlm/model";
import type { ImageFacts } from "./encoding.js";

/** One served name: a model and a bank (or a model alone, for embeddings). */
export interface ServedModel {
  readonly name: string;
  /** digest of weights, "sha256:…" */
  readonly modelDigest: string;
  /** the loaded model's own name, e.g. "tiny" */
  readonly model: string;
  /** absent where only embeddings are served */
  readonly bank?: ServedBank;
  /** D */
  readonly embedDim: number;
  /** S, pixels */
  readonly imageSize: number;
  /** where it runs now; changes when `auto` falls back */
  readonly device: string;
  readonly precision: string;
  /** what computes its image embeddings, where they are in int8: "native (avx512-vnni)", or "onnxruntime" with the reason */
  readonly imageTower?: string;
  /** it answers now, or loads itself to answer */
  readonly ready: boolean;
  /** whether it is in memory */
  readonly loaded: boolean;
  /** why it is not ready, or not in memory */
  readonly reason?: string;
}

/** What is said of a bank on the shelf: its name, digest, classes and recipe. */
export interface ServedBank {
  readonly name: string;
  /** digest of the bank's file, "sha256:…" */
  readonly digest: string;
  readonly classes: readonly string[];
  /** N */
  readonly prompts: number;
  readonly rho: number;
  readonly recipe: string;
  /** true when it holds context vectors, so that any class names may be asked for */
  readonly openSet: boolean;
  /** digest of the weights that it was made for, "sha256:…" */
  readonly modelDigest: string;
  /** the window that its images were shown in when it was learned, where it keeps one */
  readonly window?: string;
  /** the plane that volumes were cut along when it was learned, where it keeps one */
  readonly plane?: string;
  /** the range of grey of more than 8 bits that its images were shown in when it was learned, where it keeps one */
  readonly range?: string;
  /** true where ultrasound was cropped to its region when it was learned */
  readonly ultrasoundRegion?: true;
  /** true where it was learned on whole series, or files of several frames */
  readonly volumes?: true;
}

/** What a bank is made with: the model it is for, at work. */
export interface BankParts {
  readonly core: Core;
  readonly encoder: Encoder;
  readonly model: Model;
}

/** A bank that a model is served with: a file's bytes; or what reads them, at the start and when it is renewed; or what makes them with the model. */
export interface OwnBank {
  readonly name: string;
  readonly bytes: Uint8Array | { read(): Promise<Uint8Array> } | { make(parts: BankParts): Promise<Uint8Array> };
}

/** A bank file's bytes, under the name that it is served by. */
export interface BankFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What every call may carry: a signal that ends it, and how its time is watched. */
export interface CallOptions {
  /** aborted when the client leaves */
  readonly signal?: AbortSignal | undefined;
  /** milliseconds since the epoch; a call that is not answered then is refused with `deadline_exceeded` */
  readonly deadline?: number;
  /** who asks, for the audit log: the request's id and the name of its key */
  readonly caller?: { readonly request: string; readonly route: string; readonly key?: string };
}

/** How images of a call are shown, where not as the engine shows them, and which of their frames are answered. Words are the command line's. */
export interface ImageChoice {
  /** middle, a number from 1, all or every=K: frame of DICOM, slice of a volume, page of a TIFF */
  readonly frame?: string;
  /** axial, coronal or sagittal */
  readonly plane?: string;
  readonly window?: string;
  readonly range?: string;
  /** DICOM files of one series in anatomical order as one volume, and files of several frames with all of them */
  readonly volumes?: boolean;
  /** true of pictures that were cropped to the ultrasound region before they came: nothing is cropped here, nor refused for naming no region */
  readonly cropped?: boolean;
  /** frames that may be read for the call; more are refused with `too_many_frames`. No limit when absent. */
  readonly maxFrames?: number;
}

/** What a classification asks for: bank, classes, ρ, explanation. */
export interface ClassifyOptions extends CallOptions, ImageChoice {
  /** name of an uploaded bank instead of the served one */
  readonly bank?: string;
  /** other classes than the bank's; needs a bank with context vectors */
  readonly classes?: readonly string[];
  /** ρ instead of the bank's */
  readonly rho?: number;
  /** how common the classes are: NAME=SHARE,… or "train"; that of the served name when absent, for its own bank and classes */
  readonly prevalence?: string;
  /** every prompt's own answer */
  readonly explain?: boolean;
}

/** One image's answer; the shape of the command line's JSON. */
export interface ImageAnswer extends ImageFacts {
  /** of the bytes sent, hex */
  readonly sha256: string;
  readonly predictions: readonly { readonly class: string; readonly probability: number }[];
  /** absent where the answer is the mean of several frames */
  readonly kept?: readonly { readonly prompt: number; readonly entropy: number }[];
  readonly prompts?: readonly {
    readonly index: number;
    readonly name?: string;
    readonly entropy: number;
    readonly kept: boolean;
    readonly probabilities: readonly number[];
  }[];
  /** with explain, of a bank with a mixture: what each part adds to the first class over the second */
  readonly parts?: readonly { readonly name: string; readonly weight: number; readonly margin: number }[];
  /** where several frames were asked for: each one's answer; that of the file is their mean */
  readonly frames?: FramesAnswer;
  /** with volumes: where it stands in its volume, its first slice counted from 1 */
  readonly volume?: { readonly number: number; readonly slice: number; readonly slices: number };
}

/** Frames of one file. */
export interface FramesAnswer {
  /** frames that the file has */
  readonly count: number;
  /** those that the file's answer is the mean of */
  readonly answered: number;
  readonly surest: readonly { readonly frame: number; readonly class: string; readonly probability: number }[];
  /** in order; `frame` is counted from 1 */
  readonly answers: readonly ((Omit<ImageAnswer, "sha256"> | Pick<FailedImage, "error">) & { readonly frame: number })[];
}

/** With volumes: an image that is no slice of its series. */
export interface LeftOutImage {
  readonly sha256: string;
  readonly leftOut: "localiser" | "there twice";
}

/** A series, or a file of several frames that is of none; numbered from 1. Images are named by their index in the call, from 0. */
export interface VolumeAnswer {
  readonly volume: {
    readonly number: number;
    readonly slices: number;
    /** slices that the answer is the mean of */
    readonly answered: number;
    /** in anatomical order */
    readonly images: readonly number[];
    readonly notes: readonly string[];
    readonly leftOut: readonly { readonly image: number; readonly why: LeftOutImage["leftOut"] }[];
    readonly surest: readonly { readonly slice: number; readonly class: string; readonly probability: number }[];
  };
  /** absent where no slice was answered */
  readonly predictions?: ImageAnswer["predictions"];
}

/** An image that could not be read beside others that could. */
export interface FailedImage {
  readonly sha256: string;
  readonly error: { readonly code: string; readonly message: string };
}

/** What answered, and how long each part took (milliseconds, for this call). */
export interface AnswerSource {
  readonly model: { readonly name: string; readonly digest: string };
  readonly bank?: { readonly name: string; readonly digest: string };
  readonly device: string;
  readonly core: string;
  /** true when another device than the first choice answered */
  readonly fellBack: boolean;
  readonly timings: Readonly<Record<"queue" | "decode" | "preprocess" | "encode" | "route", number>>;
}

/** Embeddings of several inputs: data [n, D], row-major, L2-normalised. */
export interface EmbeddingRows {
  /** [n,D], L2-normalised */
  readonly data: Float32Array;
  readonly shape: readonly [number, number];
  readonly source: AnswerSource;
  /** with frames or volumes: of each row, the images that it is the mean of; the first is the one it stands for */
  readonly images?: readonly (readonly number[])[];
  /** tokens read, for texts */
  readonly tokens?: number;
}

/**
 * Throws EngineError: `unknown_model`, `unknown_bank`, `bad_classes`, `bad_option`, `shown_otherwise`, `too_many_frames`, `overloaded`, `deadline_exceeded`, `client_closed`,
 * `model_unloaded`, `model_too_large`, `load_failed`,
 * `not_ready`, `backend_unavailable`, `bad_output`; for a single image also `unreadable_image`, `unsupported_format`, `payload_too_large`.
 */
export interface Engine {
  /** @throws EngineError `not_ready` while nothing is opened yet */
  models(): readonly ServedModel[];
  model(name: string): ServedModel;
  /** ready: every model in memory is warmed up, and the engine is not draining */
  readiness(): { readonly ready: boolean; readonly reason?: string };
  /** Loads a model, or takes one back that was unloaded by name; one in memory stays as it is. @throws EngineError `model_too_large`, `overloaded`, `load_failed` */
  load(model: string, options?: CallOptions): Promise<ServedModel>;
  /** Unloads a model once no call uses it; it is refused with `model_unloaded` until it is loaded by name. Weights that another name serves stay. */
  unload(model: string, options?: CallOptions): Promise<ServedModel>;
  /** Asked before images are read. @throws EngineError `overloaded` where not one more image may wait, `unknown_model` */
  refuseIfFull(model: string): void;
  /** encoded image files → answers in order; a bad file is a FailedImage in its place */
  classify(
    model: string,
    images: readonly Uint8Array[],
    options?: ClassifyOptions,
  ): Promise<{
    readonly answers: readonly (ImageAnswer | FailedImage | LeftOutImage)[];
    /** with volumes, by number */
    readonly volumes?: readonly VolumeAnswer[];
    readonly source: AnswerSource;
    readonly classes: readonly string[];
    /** [C] shares that the scores were shifted by, where they were */
    readonly prevalence?: readonly number[];
  }>;
  /** embeddings [n,D] → answers in order */
  classifyEmbeddings(
    model: string,
    embeddings: Float32Array,
    options?: ClassifyOptions,
  ): Promise<{
    readonly answers: readonly Omit<ImageAnswer, "sha256">[];
    readonly source: AnswerSource;
    readonly classes: readonly string[];
  }>;
  /** a row an image; with frames the mean of its rows, with volumes a row a series, normalised */
  embedImages(model: string, images: readonly Uint8Array[], options?: CallOptions & ImageChoice): Promise<EmbeddingRows>;
  embedTexts(model: string, texts: readonly string[], options?: CallOptions): Promise<EmbeddingRows>;
  banks(): readonly ServedBank[];
  /** Checks a bank file against a model, keeps it under a name and answers with it from then on; the same bytes twice are one bank. */
  addBank(name: string, bytes: Uint8Array): Promise<ServedBank>;
  /** Makes the bank of a served model again, at once or with its model, where that is not in memory. @throws EngineError `unknown_bank`, `bad_bank`, or as making it does */
  renewBank(name: string): Promise<void>;
  /** text embeddings of a bank for classes, as a bank file that needs no text tower */
  compileBank(name: string, classes: readonly string[], options?: CallOptions): Promise<Uint8Array>;
  /** Not ready from now on, so that balancers look elsewhere; calls are still answered. Idempotent. */
  drain(): void;
  /** Refuses new calls, lets those in flight end within the time, then frees everything. Idempotent. */
  close(graceMs: number): Promise<void>;
}
