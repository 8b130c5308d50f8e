// A batch of images → rows, where an image of which the device makes no numbers (float16 overflows on some) costs itself and no other, and a device
// that makes none of any image is a fault of its own.

import { type Encoder, EncoderError, type pixelSpec } from "@biovlm/model";
import { encodeRgb } from "@biovlm/model/backend";
import { joinedBytes } from "../images/classified-images.js";

/** The tower's rows [n,D] of the images that have one, in order, and the places of the others. */
interface EncodedImages {
  readonly data: readonly Float32Array[];
  readonly without: readonly number[];
}

/** Code of an image without a row. */
export const NO_ROW = "bad_output";
/** What any device has numbers for. */
const GREY = 128;

/**
 * @param images [S,S,3] each. Where their batch gives NaN, infinity or zeros, each is asked for alone
 * @returns rejects as the encoder does, with `bad_output` where it gives that of a grey image, too
 */
export async function encodedImages(
  encoder: Encoder,
  images: readonly { readonly rgb: Uint8Array }[],
  pixels: ReturnType<typeof pixelSpec>,
  signal: AbortSignal | undefined,
): Promise<EncodedImages> {
  if (images.length === 0) return { data: [], without: [] };
  const rowsOf = async (some: typeof images) => {
    try {
      return (await encodeRgb(encoder, joinedBytes(some, pixels.size), some.length, pixels, { signal })).data;
    } catch (error) {
      if (error instanceof EncoderError && error.code === NO_ROW) return undefined;
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
  if (data.length === 0) await encodeRgb(encoder, new Uint8Array(3 * pixels.size ** 2).fill(GREY), 1, pixels, { signal });
  return { data, without };
}
