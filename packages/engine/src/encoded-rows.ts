// What comes back from encoding, sorted: rows of the images that were read, and the faults of the others.

import type { EncodedImage } from "./contract/encoding.js";
import type { FailedImage } from "./contract/engine.js";
import { EngineError } from "./contract/errors.js";

/** Embeddings of the images that were read. */
export function rows(images: readonly EncodedImage[]): Float32Array[] {
  return images.flatMap((image) => ("row" in image ? [image.row] : []));
}

/** [n,D] in one piece. */
export function joined(good: readonly Float32Array[], D: number): Float32Array {
  const data = new Float32Array(good.length * D);
  for (const [i, row] of good.entries()) data.set(row, i * D);
  return data;
}

/** A file's own fault stands in its place; the device's fault is the whole call's. */
export function failed(image: Extract<EncodedImage, { error: unknown }>): FailedImage {
  const { code, message } = image.error;
  if (code === "backend_unavailable" || code === "bad_output") throw new EngineError(code, message, { retryAfter: 2 });
  return { sha256: image.sha256, error: image.error };
}
