// What to open, in plain words (a model, a device), so that it can be sent to a child process.

import type { Device } from "@biovlm/model";

/** What to open. */
export interface OpeningSpec {
  /** "tiny", a name of the model store, or a folder (anything with a path separator) */
  readonly model: string;
  readonly device: Device | "auto";
  readonly precision: "fp32" | "fp16" | "int8";
  /** CPU or WASM threads; what the machine offers unless said */
  readonly threads?: number;
  /** plain SIMD in the core: the same bits on every machine */
  readonly deterministic: boolean;
}
