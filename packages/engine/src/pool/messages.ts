// What a pool and its children say to each other over a pipe (frames.ts): plain values and typed arrays.

import type { Capabilities } from "@biovlm/model";
import type { ChannelScale } from "@biovlm/model/backend";
import type { PromptRows } from "@biovlm/model/prompts";
import type { EncodedBatch, EncodedStack, ImageLimits, StackAsk } from "../contract/encoding.js";
import type { Batching } from "../images/image-encoder.js";
import type { OpeningSpec } from "../open/opening-spec.js";

/** Work for a child. */
export type Job =
  | { readonly kind: "files"; readonly files: readonly Uint8Array[] }
  | { readonly kind: "stack"; readonly file: Uint8Array; readonly ask: StackAsk }
  | { readonly kind: "pixels"; readonly pixels: Float32Array; readonly batch: number }
  | { readonly kind: "rgb"; readonly rgb: Uint8Array; readonly batch: number; readonly by: ChannelScale }
  | { readonly kind: "texts"; readonly ids: Int32Array; readonly mask: Uint8Array; readonly shape: readonly [number, number] }
  | { readonly kind: "prompts"; readonly rows: PromptRows };

/** Rows of texts, prompts or pixels. */
export interface Rows {
  readonly data: Float32Array;
  readonly shape: readonly [number, number];
}

export type JobAnswer = Omit<EncodedBatch, "device" | "fellBack"> | EncodedStack | Rows;

export type ToChild =
  | ({ readonly type: "open"; readonly spec: OpeningSpec; readonly limits: ImageLimits; readonly skip: readonly string[] } & Batching)
  | { readonly type: "job"; readonly id: number; readonly job: Job }
  /** nobody waits for it any more: a stack ends with its frame */
  | { readonly type: "stop"; readonly id: number }
  | { readonly type: "close" };

export type FromChild =
  | { readonly type: "device"; readonly device: string }
  | {
      readonly type: "opened";
      readonly name: string;
      readonly capabilities: Capabilities;
      readonly imageTower?: string;
      readonly standby: readonly string[];
      readonly detail: string;
    }
  | { readonly type: "refused"; readonly code: string; readonly message: string }
  /** with what the encoder is since */
  | {
      readonly type: "changed";
      readonly from: string;
      readonly to: string;
      readonly reason: string;
      readonly capabilities?: Capabilities;
      readonly imageTower?: string;
    }
  /** a stack goes on: with its first, how many frames will be read */
  | { readonly type: "working"; readonly id: number; readonly frames?: number }
  | { readonly type: "done"; readonly id: number; readonly answer: JobAnswer; readonly device: string; readonly rss: number }
  | { readonly type: "failed"; readonly id: number; readonly code: string; readonly message: string; readonly rss: number };
