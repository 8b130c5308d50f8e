// One file's frames on a lane that pictures of other calls share: opened once, read one after another. What files hold while they are open is
// bounded, too: a packed volume is all in memory until its last slice is read.

import { type ImageStack, readSlicePlace } from "@biovlm/imaging/node";
import type { EncodedFrame, EncodedImage, EncodedStack, StackAsk, StackCall } from "../contract/encoding.js";
import { encodingFailure } from "./encoding-failure.js";
import { FrameRows } from "./frames-ahead.js";
import { contentDigest, type Preparation } from "./prepared-image.js";
import { nothingSpent, type Spent } from "./spent.js";
import { Turns } from "./turns.js";

/** Frames that wait for the device at once, of all calls together: whoever sends one picture waits behind no more than these. */
const FRAMES_AHEAD = 16;
/** Files open at once; a file takes a turn for each 16 MiB, one that is packed takes all. */
const OPEN_AT_ONCE = 4;
const TURN_BYTES = 16 * 1024 * 1024;
/** gzip, in NIfTI and in NRRD; deflated DICOM. They stand at the beginning. */
const PACKED = /^\x1f\x8b|\nencoding: *gz|1\.2\.840\.10008\.1\.2\.1\.99/;
const HEAD_BYTES = 4096;

/** What frames are made and encoded by. */
interface Lane<Made> {
  readonly preparation: Preparation;
  prepared(bytes: Uint8Array, how: Preparation): Promise<Made>;
  encoded(made: Made, sha256: string, spent: Spent): Promise<EncodedImage>;
}

/** Rows of one file's frames. Rejects as the encoder does, and with the signal's reason. */
export type ReadFrames = (file: Uint8Array, ask: StackAsk, call?: StackCall) => Promise<EncodedStack>;

/** Reads files frame by frame. @param most images of a batch */
export function frameReader<Made>(lane: Lane<Made>, most: number): ReadFrames {
  const ahead = new Turns(Math.min(most, FRAMES_AHEAD));
  const open = new Turns(OPEN_AT_ONCE);
  return async (bytes, { shown, step, place }, call = {}) => {
    const spent = nothingSpent();
    const sha256 = await contentDigest({ kind: "file", bytes });
    const preparation = { ...lane.preparation, decode: { ...lane.preparation.decode, ...shown } };
    if (step === undefined) {
      call.onFrames?.(1);
      const image = await lane.encoded(await lane.prepared(bytes, preparation), sha256, spent);
      return { sha256, frames: 1, images: [image], ...spent };
    }
    const weight = await open.take(openTurns(bytes));
    const rows = new FrameRows(ahead, call.signal);
    let frames = 1;
    let stands: Awaited<ReturnType<typeof readSlicePlace>>;
    try {
      call.signal?.throwIfAborted();
      // a file that does not say where it stands is of no series
      if (place === true) stands = await readSlicePlace(bytes).catch(() => undefined);
      const stack = await opened(bytes, preparation);
      if ("error" in stack) rows.put({ sha256, error: stack.error });
      else {
        frames = stack.frames;
        await eachFrame(stack, { step, bytes, sha256, lane, preparation, rows, spent, call });
      }
    } finally {
      // its rows need it no more
      open.give(weight);
    }
    return { sha256, frames, images: await rows.all(), ...spent, ...(stands === undefined ? {} : { place: stands }) };
  };
}

async function opened(
  bytes: Uint8Array,
  { decoder, decode }: Preparation,
): Promise<ImageStack | { readonly error: ReturnType<typeof encodingFailure> }> {
  try {
    return await decoder.open(bytes, decode);
  } catch (error) {
    return { error: encodingFailure(error) };
  }
}

interface Frames<Made> extends Required<Pick<StackAsk, "step">> {
  readonly bytes: Uint8Array;
  readonly sha256: string;
  readonly lane: Lane<Made>;
  readonly preparation: Preparation;
  readonly rows: FrameRows;
  readonly spent: Spent;
  readonly call: StackCall;
}

/** Makes every frame that was asked for, one after another; their rows come as they are encoded. */
async function eachFrame<Made>(
  { frames, windowed, frame }: ImageStack,
  { step, bytes, sha256, lane, preparation, rows, spent, call }: Frames<Made>,
): Promise<void> {
  call.onFrames?.(Math.ceil(frames / step));
  const how = windowed ? { window: preparation.decode.window } : {};
  for (let index = 0; index < frames; index += step) {
    // decoding may not wait for anything: who else asks, or says that nobody waits any more, is heard between two frames
    await new Promise<void>((heard) => setImmediate(heard));
    const decoder = { ...preparation.decoder, decode: () => frame(index, how) };
    await rows.add(
      () => lane.prepared(bytes, { ...preparation, decoder, fast: undefined }),
      async (made): Promise<EncodedFrame> => {
        const image = await lane.encoded(made, sha256, spent);
        call.onRow?.();
        return frames === 1 ? image : { ...image, frame: index + 1 };
      },
    );
  }
}

function openTurns(bytes: Uint8Array): number {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEAD_BYTES)).toString("latin1");
  return PACKED.test(head) ? OPEN_AT_ONCE : Math.ceil(bytes.length / TURN_BYTES);
}
