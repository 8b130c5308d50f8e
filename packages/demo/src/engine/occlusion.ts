// Occlusion map: which parts of an image an answer hangs on. Cells are covered one by one with the image's mean colour; where the probability
// of a class falls, the model looked there. It shows what the model used, not where a finding is.

import type { Core } from "@biovlm/core";
import type { Classifier, Encoder, ModelSpec } from "@biovlm/model";
import type { OcclusionMap } from "./protocol.js";

export interface OcclusionOptions {
  readonly core: Core;
  readonly encoder: Encoder;
  readonly spec: ModelSpec;
  readonly classifier: Classifier;
  readonly className: string;
  /** cells along a side, 2 to 32 */
  readonly grid: number;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/** @param rgb [S,S,3], the model's own crop */
export async function occlusionMap(rgb: Uint8Array, options: OcclusionOptions): Promise<OcclusionMap> {
  const { core, encoder, spec, classifier, className, grid, signal } = options;
  const S = spec.vision.imageSize;
  if (!Number.isInteger(grid) || grid < 2 || grid > Math.min(32, S))
    throw new RangeError(`grid — expected 2 to ${Math.min(32, S)}, got ${grid}`);
  const { pixels } = classifier;
  const length = 3 * S * S;
  const cells = grid * grid;
  // row 0 of the whole is the image as it is
  const total = cells + 1;
  const probabilities = new Float32Array(total);
  const most = Math.min(encoder.capabilities.maxBatch, total);
  const batch = new Float32Array(most * length);
  const grey = meanColour(rgb);
  for (let from = 0; from < total; from += most) {
    signal.throwIfAborted();
    const count = Math.min(most, total - from);
    for (let i = 0; i < count; i++) {
      const cell = from + i - 1;
      const bytes = cell < 0 ? rgb : covered(rgb, S, grid, cell, grey);
      core.normalize(bytes, pixels, batch, i * length);
    }
    const { data } = await encoder.encodeImages(batch.subarray(0, count * length), count, { signal });
    for (const [i, { predictions }] of classifier.classifyEmbeddings(data).entries()) {
      probabilities[from + i] = predictions.find((p) => p.class === className)?.probability ?? 0;
    }
    options.onProgress(from + count, total);
  }
  const [probability = 0] = probabilities;
  return { picture: { size: S, rgb }, grid, probability, drops: Float32Array.from(probabilities.subarray(1), (p) => probability - p) };
}

function meanColour(rgb: Uint8Array): readonly number[] {
  return [0, 1, 2].map((channel) => {
    let sum = 0;
    for (let i = channel; i < rgb.length; i += 3) sum += rgb[i]!;
    return Math.round(sum / (rgb.length / 3));
  });
}

/** A copy with one cell of the grid painted over. */
function covered(rgb: Uint8Array, S: number, grid: number, cell: number, colour: readonly number[]): Uint8Array {
  const out = rgb.slice();
  const edge = (k: number) => Math.round((k * S) / grid);
  const [row, column] = [Math.floor(cell / grid), cell % grid];
  for (let y = edge(row); y < edge(row + 1); y++) {
    for (let x = edge(column); x < edge(column + 1); x++) out.set(colour, (y * S + x) * 3);
  }
  return out;
}
