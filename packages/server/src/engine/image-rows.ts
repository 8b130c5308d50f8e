// Image files → embedding rows, where the pixels are: sharp decodes on its threads, the core resizes, the encoder runs. A file that cannot be
// read is an element with a code; the others go on. Used by the child process and by the in-process mode.

import { createHash } from "node:crypto";
import type { Core } from "@biovlm/core";
import { ImagingError, type ImagingErrorCode, sharpDecoder } from "@biovlm/imaging/node";
import type { Encoder, Model } from "@biovlm/model";
import type { ServerErrorCode } from "../errors.js";
import type { EncodedBatch, EncodedImage, ImageLimits } from "./encoding.js";

const CODES: Readonly<Record<ImagingErrorCode, ServerErrorCode>> = {
  empty_input: "unreadable_image",
  too_large: "payload_too_large",
  too_many_frames: "unsupported_format",
  unsupported_format: "unsupported_format",
  corrupt_image: "unreadable_image",
  timeout: "unreadable_image",
  bad_option: "internal",
  decoder_unavailable: "unsupported_format",
};
/** A decoder that takes longer than this is stuck on a file made for that. */
const DECODE_MS = 10_000;

const decoder = sharpDecoder();

/** One batch. Rejects as the encoder does; bad files do not reject. */
export async function encodeImageFiles(
  files: readonly Uint8Array[],
  { core, model, encoder, limits }: { core: Core; model: Pick<Model, "spec">; encoder: Encoder; limits: ImageLimits },
): Promise<Omit<EncodedBatch, "device" | "fellBack">> {
  const { mean, std, embedDim: D } = model.spec;
  const size = model.spec.vision.imageSize;
  const length = 3 * size * size;
  const pixels = new Float32Array(files.length * length);
  const started = performance.now();
  let preprocess = 0;
  const errors = await Promise.all(
    files.map(async (bytes, i) => {
      try {
        const image = await decoder.decode(bytes, { ...limits, timeoutMs: DECODE_MS });
        const decoded = performance.now();
        core.preprocess(image, { size, mean, std }, pixels, i * length);
        preprocess += performance.now() - decoded;
        return undefined;
      } catch (error) {
        return imageError(error);
      }
    }),
  );
  const decode = performance.now() - started - preprocess;
  // close the gaps bad files left
  const good = errors.flatMap((error, i) => (error === undefined ? [i] : []));
  for (const [to, from] of good.entries()) if (to !== from) pixels.copyWithin(to * length, from * length, (from + 1) * length);
  const encodeFrom = performance.now();
  const data =
    good.length === 0 ? new Float32Array(0) : (await encoder.encodeImages(pixels.subarray(0, good.length * length), good.length)).data;
  const encode = performance.now() - encodeFrom;
  let next = 0;
  const images = files.map((bytes, i): EncodedImage => {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const error = errors[i];
    if (error !== undefined) return { sha256, error };
    const at = next++ * D;
    return { sha256, row: data.slice(at, at + D) };
  });
  return { images, timings: { decode, preprocess, encode } };
}

function imageError(error: unknown): { code: ServerErrorCode; message: string } {
  if (error instanceof ImagingError) return { code: CODES[error.code], message: error.message.replace(/^\[biovlm:imaging\] /, "") };
  return { code: "unreadable_image", message: "image — expected pixels that can be resized, got none. Check the file." };
}
