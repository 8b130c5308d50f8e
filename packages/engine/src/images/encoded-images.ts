// A batch of images → rows, where an image of which the device makes no numbers (float16 overflows on some) costs itself and no other, and a device
// that makes none of any image is a fault of its own.

import { joinedBytes, joinedFloats } from "@biovlm/files";
import { type Encoder, EncoderError, type ModelSpec } from "@biovlm/model";
import { encodeRgb } from "@biovlm/model/backend";
import type { ImageFailure } from "./image-failure.js";

/** The tower's rows of the images that have one, in order, in one piece or several: [n,D] together; and the places of the others. */
interface EncodedImages {
  readonly data: readonly Float32Array[];
  readonly without: readonly number[];
}

/** Why an image has no row. */
export const NO_ROW: ImageFailure = {
  code: "bad_output",
  message: "the device — expected numbers for this image, got NaN, infinity or zeros. Try another device or precision.",
};
/** What any device has numbers for. */
const GREY = 128;

/**
 * @param images [S,S,3] each. Where their batch gives NaN, infinity or zeros, each is asked for alone
 * @param by the model's mean and standard deviation
 * @param options.joined puts them one after another
 * @returns rejects as the encoder does, with `bad_output` where it gives that of a grey image, too
 */
export async function encodedImages(
  encoder: Encoder,
  images: readonly Uint8Array[],
  by: Pick<ModelSpec, "mean" | "std">,
  {
    signal,
    joined = joinedBytes,
  }: { readonly signal?: AbortSignal | undefined; readonly joined?: (images: readonly Uint8Array[]) => Uint8Array } = {},
): Promise<EncodedImages> {
  const [first] = images;
  if (first === undefined) return { data: [], without: [] };
  const rowsOf = async (some: typeof images) => {
    try {
      return (await encodeRgb(encoder, joined(some), some.length, by, { signal })).data;
    } catch (error) {
      if (error instanceof EncoderError && error.code === NO_ROW.code) return undefined;
      throw error;
    }
  };
  const together = await rowsOf(images);
  if (together !== undefined) return { data: [together], without: [] };
  const data: Float32Array[] = [];
  const without: number[] = [];
  for (const [place, image] of images.entries()) {
    const row = images.length === 1 ? undefined : await rowsOf([image]);
    if (row === undefined) without.push(place);
    else data.push(row);
  }
  if (data.length === 0) await encodeRgb(encoder, new Uint8Array(first.length).fill(GREY), 1, by, { signal });
  return { data, without };
}

/** A row [D] of its own for each of n images, undefined for those without. */
export function rowsInPlace({ data, without }: EncodedImages, n: number, D: number): (Float32Array | undefined)[] {
  const rows = data.length === 1 ? (data[0] as Float32Array) : joinedFloats(data);
  let at = 0;
  return Array.from({ length: n }, (_, place) => {
    if (without.includes(place)) return undefined;
    at += D;
    return rows.slice(at - D, at);
  });
}
