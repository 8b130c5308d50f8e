// gzip data within bounds: a few bytes of the beginning, or a stretch of known length. What is asked for is compared with what the packed bytes
// could hold at most before it is allocated. The host's own inflater checks the sum at the end. Hosts differ in what may stand behind it: Node 20
// reads on where another member begins (as bgzip writes them) and leaves out zeros, Node 24 and browsers refuse both. Here both are read everywhere.

import { crc32 } from "../crc32.js";
import { corrupt, ImagingError } from "../errors.js";

/** Deflate makes at most 1 032 bytes of one. */
const MOST = 1032;

/** Whether bytes begin as gzip does. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** Members of one file at most, where the host reads one only: at 64 KiB each, as bgzip cuts them, 1 GiB. */
const MAX_MEMBERS = 16_384;

const damaged = (cause?: unknown) => corrupt("gzip data that do not inflate, or fail their sum", cause);

/** Pieces of what `bytes` inflate to, until `take` says that it has enough. `take` may hear the same again, from the first piece on: after `restart`. */
async function inflateInto(bytes: Uint8Array, take: (piece: Uint8Array) => boolean, restart: () => void): Promise<void> {
  try {
    await inflateByHost(bytes, take);
  } catch (cause) {
    if (cause instanceof ImagingError) throw cause;
    restart();
    await inflateMembers(bytes, take);
  }
}

/** As `inflateInto`, for members one after another and zeros behind the last. Each member's sum and length are compared. */
async function inflateMembers(bytes: Uint8Array, take: (piece: Uint8Array) => boolean): Promise<void> {
  const { Gunzip } = await import("fflate");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [sum, length, members, enough] = [0, 0, 1, false];
  const endsAt = (end: number) => end >= 18 && view.getUint32(end - 8, true) === sum && view.getUint32(end - 4, true) === length >>> 0;
  const inflater = new Gunzip((piece) => {
    sum = crc32(piece, sum);
    length += piece.length;
    enough ||= piece.length > 0 && take(piece);
  });
  inflater.onmember = (at) => {
    if (!endsAt(at) || ++members > MAX_MEMBERS) throw damaged();
    [sum, length] = [0, 0];
  };
  let behind: unknown;
  for (let at = 0; at < bytes.length && !enough; at += 4096) {
    try {
      inflater.push(bytes.subarray(at, at + 4096), at + 4096 >= bytes.length);
    } catch (cause) {
      if (cause instanceof ImagingError) throw cause;
      behind = cause;
      break;
    }
  }
  if (enough) return;
  // sum and length may end in zeros themselves, and so may an empty member before them
  let rest = bytes.length;
  while (rest > 0 && bytes[rest - 1] === 0) rest--;
  for (let end = rest; end <= Math.min(rest + 9, bytes.length); end++) if (endsAt(end)) return;
  throw damaged(behind);
}

async function inflateByHost(bytes: Uint8Array, take: (piece: Uint8Array) => boolean): Promise<void> {
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
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** The first `count` bytes, or as many as there are. @throws ImagingError `corrupt_image` */
export async function gunzipStart(bytes: Uint8Array, count: number): Promise<Uint8Array> {
  const out = new Uint8Array(count);
  let filled = 0;
  const again = () => {
    filled = 0;
  };
  await inflateInto(
    bytes,
    (piece) => {
      const part = piece.subarray(0, count - filled);
      out.set(part, filled);
      filled += part.length;
      return filled === count;
    },
    again,
  );
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
  const again = () => {
    seen = 0;
  };
  await inflateInto(
    bytes,
    (piece) => {
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
    },
    again,
  );
  if (seen < skip + count) throw corrupt(`gzip data that end early — expected ${skip + count} bytes inflated, got ${seen}`);
  return out;
}
