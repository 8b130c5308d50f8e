// What the engine asks of whatever encodes: image files in, embedding rows out, and an encoder for texts and prompts.
// Two keep it: a pool of child processes (pool/), and this process itself (in-process.ts).

import type { DecodeOptions, DicomFacts, PageFacts, SliceFacts, SlicePlace } from "@biovlm/imaging/node";
import type { Encoder } from "@biovlm/model";
import type { EngineErrorCode } from "./errors.js";

/** Limits on one image file, and how it is shown: as it says unless given. */
export interface ImageLimits extends Pick<DecodeOptions, "window" | "range" | "plane" | "ultrasoundRegion"> {
  readonly maxBytes: number;
  readonly maxPixels: number;
}

/** How an image was shown. */
export interface ImageFacts {
  /** of a DICOM file: frame, window, modality; never a tag of a patient */
  readonly dicom?: DicomFacts;
  /** of a volume: slice, plane, window */
  readonly slice?: SliceFacts;
  /** of a TIFF of several pages: which */
  readonly page?: PageFacts;
  /** of another image: what a reader should know */
  readonly notes?: readonly string[];
}

/** One image of a batch: a row, or why there is none. */
export type EncodedImage =
  | ({ readonly sha256: string; readonly row: Float32Array } & ImageFacts)
  | { readonly sha256: string; readonly error: { readonly code: EngineErrorCode; readonly message: string } };

/** What is asked of one file beside its middle frame: how it is shown, which frames of it are read. */
export interface StackAsk {
  /** instead of the limits' own */
  readonly shown: Pick<DecodeOptions, "window" | "range" | "plane" | "frame" | "ultrasoundRegion">;
  /** frames 1, 1 + step, 1 + 2·step, …; absent: one frame */
  readonly step?: number;
  /** read where a DICOM file stands in its series, too */
  readonly place?: boolean;
}

/** A frame of a file, counted from 1: a row, or why there is none. */
export type EncodedFrame = EncodedImage & { readonly frame?: number };

/** A file whose frames were asked for, in order. */
export interface EncodedStack {
  readonly sha256: string;
  /** frames that the file has; 1 of one that could not be opened */
  readonly frames: number;
  readonly images: readonly EncodedFrame[];
  readonly place?: SlicePlace;
  readonly timings: EncodedBatch["timings"];
  readonly runs: readonly number[];
}

/** How the caller of a stack hears of it, and ends it. */
export interface StackCall {
  /** aborted: no further frame is read */
  readonly signal?: AbortSignal | undefined;
  /** told how many frames will be read, before the first is */
  readonly onFrames?: (frames: number) => void;
  /** told of each frame's row, or that there is none */
  readonly onRow?: () => void;
}

export interface EncodedBatch {
  readonly images: readonly EncodedImage[];
  /** milliseconds: sums over the images, their shares of runs they were in; of `wait`, for a turn at the decoder and the device, the longest */
  readonly timings: { readonly wait: number; readonly decode: number; readonly preprocess: number; readonly encode: number };
  /** sizes of the encoder's runs, each said once: by the call whose image was the first in it */
  readonly runs: readonly number[];
  readonly device: string;
  readonly fellBack: boolean;
}

export interface EncodingStatus {
  readonly ready: boolean;
  readonly reason?: string;
  readonly device: string;
  readonly precision: string;
  /** what computes image embeddings, where they are in int8 */
  readonly imageTower?: string;
  readonly fellBack: boolean;
}

/** What happens beside answers, for metrics and logs. Reasons name no file. */
export type EncodingEvent =
  | { readonly kind: "started"; readonly device: string; readonly ms: number }
  | { readonly kind: "crashed"; readonly reason: string }
  | { readonly kind: "recycled"; readonly reason: "runs" | "rss" }
  | { readonly kind: "fell_back"; readonly from: string; readonly to: string; readonly reason: string };

export interface Encoding {
  /** for texts and prompts; its promises are those of @biovlm/model */
  readonly encoder: Encoder;
  /** images that may be at work at once */
  window(): number;
  /** Rejects with EngineError `backend_unavailable`, `bad_output`. */
  encodeFiles(files: readonly Uint8Array[]): Promise<EncodedBatch>;
  /** One file frame by frame; others are encoded between them. Rejects as `encodeFiles`, and with the signal's reason. */
  encodeStack(file: Uint8Array, ask: StackAsk, call?: StackCall): Promise<EncodedStack & Pick<EncodedBatch, "device" | "fellBack">>;
  status(): EncodingStatus;
  /** what the chosen device's probe said of its runtime; empty before `start` has opened it */
  detail(): string;
  /** resident bytes of processes of its own; 0 where it works in this one */
  memory(): number;
  /** Opens and warms up. Rejects when it can never be ready. */
  start(): Promise<void>;
  close(): Promise<void>;
}
