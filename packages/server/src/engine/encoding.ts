// What the engine asks of whatever encodes: image files in, embedding rows out, and an encoder for texts and prompts.
// Two keep it: a pool of child processes (pool/), and this process itself (in-process.ts).

import type { Encoder } from "@biovlm/model";
import type { ServerErrorCode } from "../errors.js";

/** Limits on one image file. */
export interface ImageLimits {
  readonly maxBytes: number;
  readonly maxPixels: number;
}

/** One image of a batch: a row, or why there is none. */
export type EncodedImage =
  | { readonly sha256: string; readonly row: Float32Array }
  | { readonly sha256: string; readonly error: { readonly code: ServerErrorCode; readonly message: string } };

export interface EncodedBatch {
  readonly images: readonly EncodedImage[];
  /** milliseconds for the whole batch */
  readonly timings: { readonly decode: number; readonly preprocess: number; readonly encode: number };
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
  /** batches that may run at once */
  slots(): number;
  /** Rejects with ServerError `backend_unavailable`, `bad_output`. */
  encodeFiles(files: readonly Uint8Array[]): Promise<EncodedBatch>;
  status(): EncodingStatus;
  /** Opens and warms up. Rejects when it can never be ready. */
  start(): Promise<void>;
  close(): Promise<void>;
}
