// gzip data within bounds: a few bytes of the beginning, or a stretch of known length. What is asked for is compared with what the packed bytes
// could hold at most before it is allocated. The host's own inflater checks the sum at the end.

import { corrupt, ImagingError } from "../errors.js";

/** Deflate makes at most 1 032 bytes of one. */
const MOST = 1032;

/** Whether bytes begin as gzip does. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** Pieces of what `bytes` inflate to, until `take` says that it has enough. */
async function inflateInto(bytes: Uint8Array, take: (piece: Uint8Array) => boolean): Promise<void> {
  let at = 0;
  const packed = new ReadableStream<BufferSource>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + 65_536));
      at += 65_536;
    },
  });
  const reader = packed.pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || take(value)) break;
    }
  } catch (cause) {
    throw cause instanceof ImagingError ? cause : corrupt("gzip data that do not inflate, or fail their sum", cause);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** The first `count` bytes, or as many as there are. @throws ImagingError `corrupt_image` */
export async function gunzipStart(bytes: Uint8Array, count: number): Promise<Uint8Array> {
  const out = new Uint8Array(count);
  let filled = 0;
  await inflateInto(bytes, (piece) => {
    const part = piece.subarray(0, count - filled);
    out.set(part, filled);
    filled += part.length;
    return filled === count;
  });
  return out.subarray(0, filled);
}

/**
 * `count` bytes after the first `skip`; the rest is inflated for its sum and dropped.
 * @param limit most bytes in all
 * @throws ImagingError `corrupt_image`, `too_large`
 */
export async function gunzipPart(bytes: Uint8Array, skip: number, count: number, limit: number): Promise<Uint8Array> {
  const most = bytes.length * MOST;
  if (skip + count > most) throw corrupt(`gzip data that end early — expected ${skip + count} bytes inflated, at most ${most} can come`);
  const out = new Uint8Array(count);
  let seen = 0;
  await inflateInto(bytes, (piece) => {
    const from = Math.max(0, skip - seen);
    const into = Math.max(0, seen - skip);
    if (from < piece.length && into < count) out.set(piece.subarray(from, from + count - into), into);
    seen += piece.length;
    if (seen > limit)
      throw new ImagingError(
        "too_large",
        `gzip data too large — expected at most ${limit} bytes inflated, got more. Make it smaller, or raise maxBytes.`,
      );
    return false;
  });
  if (seen < skip + count) throw corrupt(`gzip data that end early — expected ${skip + count} bytes inflated, got ${seen}`);
  return out;
}
