// What the engine asks of whatever encodes: image files in, embedding rows out, and an encoder for texts and prompts.
// Two keep it: a pool of child processes (pool/), and this process itself (in-process.ts).

import type { DecodeOptions, DicomFacts, PageFacts, SliceFacts } from "@biovlm/imaging/node";
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
  status(): EncodingStatus;
  /** what the chosen device's probe said of its runtime; empty before `start` has opened it */
  detail(): string;
  /** resident bytes of processes of its own; 0 where it works in this one */
  memory(): number;
  /** Opens and warms up. Rejects when it can never be ready. */
  start(): Promise<void>;
  close(): Promise<void>;
}
