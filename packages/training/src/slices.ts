// An example of several pictures, such as a series of slices: embedded picture by picture, one held at a time. What is learned from is the mean
// of the rows, normalised: the closed forms of the recipe take rows for independent, and slices of one series are not.

import type { Core, PixelSpec, RgbImage } from "@biovlm/core";
import type { Encoder } from "@biovlm/model";
import { meanRow } from "@biovlm/model/backend";

/** Pictures of one example, in order. */
export interface Slices {
  /** ≥ 1 */
  readonly count: number;
  /** RGB8 of picture `index`, from 0, the same at each call */
  picture(index: number): Promise<RgbImage>;
}

/** What pictures are embedded with. */
export interface SliceEncoder {
  readonly core: Pick<Core, "preprocess" | "l2Normalize">;
  readonly encoder: Pick<Encoder, "encodeImages">;
  /** S, mean and std */
  readonly pixels: PixelSpec;
}

/** Embeddings [count,D] of the pictures in order, each L2-normalised. @throws what decoding and the encoder throw; the signal's reason */
export async function sliceFeatures(slices: Slices, { core, encoder, pixels }: SliceEncoder, signal?: AbortSignal): Promise<Float32Array> {
  const rows: Float32Array[] = [];
  for (let index = 0; index < slices.count; index++) {
    signal?.throwIfAborted();
    const { data, shape } = await encoder.encodeImages(core.preprocess(await slices.picture(index), pixels), 1, { signal });
    rows.push(core.l2Normalize(data, shape[0], shape[1]));
  }
  const D = rows[0]?.length ?? 0;
  const out = new Float32Array(rows.length * D);
  for (const [i, row] of rows.entries()) out.set(row, i * D);
  return out;
}

/** The mean [D] of rows [count,D], L2-normalised. */
export function meanFeature(core: Pick<Core, "l2Normalize">, rows: Float32Array, count: number): Float32Array {
  return core.l2Normalize(meanRow([rows], count), 1, rows.length / count);
}
