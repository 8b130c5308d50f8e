// Frames over a pipe: what is read is what was written, however the stream is cut; what is no frame is refused.

import { Writable } from "node:stream";
import { cases } from "@biovlm/testkit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameReader, writeFrame } from "../src/pool/frames.js";

/** A stream that keeps what is written. */
function kept() {
  const pieces: Buffer[] = [];
  const stream = new Writable({
    write(piece: Buffer, _, done) {
      pieces.push(piece);
      done();
    },
  });
  return { stream: stream as never, bytes: () => Buffer.concat(pieces) };
}

const views = fc.oneof(
  fc.uint8Array({ maxLength: 40_000 }),
  fc.float32Array({ maxLength: 500, noNaN: true }),
  fc.int32Array({ maxLength: 500 }),
);
const messages = fc.record({
  type: fc.string(),
  id: fc.integer(),
  ms: fc.double({ noNaN: true }),
  files: fc.array(views, { maxLength: 6 }),
  nested: fc.option(fc.record({ row: views, reason: fc.string() }), { nil: undefined }),
});

describe("frames", () => {
  it(`give back ${cases(2000)} streams of messages as they were, cut anywhere`, () => {
    fc.assert(
      fc.property(
        fc.array(messages, { minLength: 1, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1 }),
        (sent, cuts) => {
          const { stream, bytes } = kept();
          for (const message of sent) writeFrame(stream, message);
          const got: unknown[] = [];
          const reader = new FrameReader((message) => got.push(message));
          const all = bytes();
          // one buffer for every piece, as a socket that reads into its own
          const window = Buffer.alloc(30_000);
          for (let at = 0, i = 0; at < all.length; i++) {
            const n = Math.min(cuts[i % cuts.length]!, all.length - at);
            all.copy(window, 0, at, at + n);
            reader.push(window.subarray(0, n));
            window.fill(0xaa);
            at += n;
          }
          expect(got).toEqual(sent);
        },
      ),
      { numRuns: cases(2000), seed: 17 },
    );
  });

  it("carry a Buffer as bytes, and views of a message share no memory with another's", () => {
    const { stream, bytes } = kept();
    writeFrame(stream, { files: [Buffer.from("one"), new Uint8Array([7, 8, 9]).subarray(1)] });
    writeFrame(stream, { files: [Buffer.from("two")] });
    const got: { files: Uint8Array[] }[] = [];
    const reader = new FrameReader((message) => got.push(message as { files: Uint8Array[] }));
    reader.push(bytes());
    expect(got.map(({ files }) => files.map((f) => [...f]))).toEqual([[[...Buffer.from("one")], [8, 9]], [[...Buffer.from("two")]]]);
    expect(got[0]!.files[0]!.buffer).not.toBe(got[1]!.files[0]!.buffer);
    expect(() => writeFrame(stream, { numbers: new Float64Array(2) })).toThrow(/expected bytes, floats or integers, got Float64Array/);
  });

  it("refuse lengths that no frame has, and views that reach beyond their frame", () => {
    const endless = Buffer.alloc(64, 0xff);
    expect(() => new FrameReader(() => {}).push(endless)).toThrow(/expected at most/);
    const { stream, bytes } = kept();
    writeFrame(stream, { row: new Float32Array(8) });
    const lying = bytes();
    // the length of what travels beside the message, without what travels
    lying.writeUInt32LE(0, 4);
    expect(() => new FrameReader(() => {}).push(lying)).toThrow();
  });
});
