// Our own codecs against writers of their formats: what goes in comes out, for every predictor, every precision and any picture, also over
// restarts; data that end early are refused.

import { cases } from "@biovlm/testkit";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { decodeJpegDct } from "../../src/dicom/codecs/jpeg-dct.js";
import { decodeJpegLossless } from "../../src/dicom/codecs/jpeg-lossless.js";
import { decodeRunLength } from "../../src/dicom/codecs/run-length.js";
import { wasmCodecs } from "../../src/dicom/codecs/wasm-codecs.js";

const runs = { numRuns: cases(2000, 10) };

/** PackBits of one segment: runs where three or more are equal, else literals. */
function packed(bytes: readonly number[]): number[] {
  const out: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    let same = 1;
    while (same < 128 && bytes[at + same] === bytes[at]) same++;
    if (same > 2) {
      out.push(257 - same, bytes[at] ?? 0);
      at += same;
      continue;
    }
    const start = at;
    while (at < bytes.length && at - start < 128 && !(bytes[at] === bytes[at + 1] && bytes[at] === bytes[at + 2])) at++;
    out.push(at - start - 1, ...bytes.slice(start, at));
  }
  return out.length % 2 === 0 ? out : [...out, 128];
}

/** A frame: a header of 16 words, then the segments. */
function rleFrame(segments: readonly (readonly number[])[]): Uint8Array {
  const coded = segments.map(packed);
  const header = Buffer.alloc(64);
  header.writeUInt32LE(segments.length);
  let at = 64;
  coded.forEach((segment, i) => {
    header.writeUInt32LE(at, 4 + i * 4);
    at += segment.length;
  });
  return new Uint8Array(Buffer.concat([header, ...coded.map((segment) => Buffer.from(segment))]));
}

describe("RLE", () => {
  const pixels = fc.array(fc.oneof(fc.constantFrom(0, 0, 255), fc.nat(255)), { minLength: 1, maxLength: 400 });

  it("gives back any bytes of one plane", () => {
    fc.assert(
      fc.property(pixels, (bytes) => {
        expect([...decodeRunLength(rleFrame([bytes]), bytes.length, 1, 1)]).toEqual(bytes);
      }),
      runs,
    );
  });

  it("puts the significant byte of words second, and planes one after another", () => {
    const [high, low] = [
      [1, 2, 3],
      [4, 5, 6],
    ] as const;
    expect([...decodeRunLength(rleFrame([high, low]), 3, 1, 2)]).toEqual([4, 1, 5, 2, 6, 3]);
    expect([...decodeRunLength(rleFrame([high, low, high]), 3, 3, 1)]).toEqual([1, 2, 3, 4, 5, 6, 1, 2, 3]);
  });

  it("refuses another number of segments, segments outside the frame and data that end early", () => {
    const frame = rleFrame([[1, 2, 3, 4, 5]]);
    const outside = frame.slice();
    outside[4] = 200;
    for (const [bytes, samples] of [
      [frame, 3],
      [outside, 1],
      [frame.subarray(0, 66), 1],
      [frame.subarray(0, 20), 1],
    ] as const) {
      expect(() => decodeRunLength(bytes, 5, samples, 1)).toThrow(expect.objectContaining({ code: "corrupt_image" }));
    }
  });
});

/** Bits, stuffed, as JPEG writes them. */
class BitWriter {
  readonly bytes: number[] = [];
  #buffer = 0;
  #count = 0;

  put(value: number, length: number): void {
    for (let bit = length - 1; bit >= 0; bit--) {
      this.#buffer = (this.#buffer << 1) | ((value >> bit) & 1);
      if (++this.#count < 8) continue;
      this.bytes.push(this.#buffer);
      if (this.#buffer === 0xff) this.bytes.push(0);
      this.#buffer = 0;
      this.#count = 0;
    }
  }

  flush(): void {
    while (this.#count !== 0) this.put(1, 1);
  }
}

const category = (difference: number) => (difference === -32_768 || difference === 32_768 ? 16 : 32 - Math.clz32(Math.abs(difference)));
const segment = (marker: number, payload: readonly number[]) => [
  0xff,
  marker,
  (payload.length + 2) >> 8,
  (payload.length + 2) & 255,
  ...payload,
];
/** 17 codes of 5 bits, symbol n has code n. */
const TABLE = segment(0xc4, [
  0x00,
  ...Array.from({ length: 16 }, (_, i) => (i === 4 ? 17 : 0)),
  ...Array.from({ length: 17 }, (_, i) => i),
]);

interface Picture {
  readonly width: number;
  readonly height: number;
  readonly samples: number;
  readonly precision: number;
  readonly values: readonly number[];
}

/** T.81, annex H, written plainly. */
function losslessJpeg({ width, height, samples, precision, values }: Picture, predictor: number, restartRows: number): Uint8Array {
  const bits = new BitWriter();
  let top = true;
  for (let y = 0; y < height; y++) {
    if (restartRows > 0 && y > 0 && y % restartRows === 0) {
      bits.flush();
      bits.bytes.push(0xff, 0xd0 + ((y / restartRows - 1) % 8));
      top = true;
    }
    for (let x = 0; x < width; x++) {
      for (let s = 0; s < samples; s++) {
        const value = (dx: number, dy: number) => values[((y - dy) * width + x - dx) * samples + s] ?? 0;
        const [a, b, c] = [value(1, 0), value(0, 1), value(1, 1)];
        const guesses = [0, a, b, c, a + b - c, a + ((b - c) >> 1), b + ((a - c) >> 1), (a + b) >> 1];
        const guess = top ? (x === 0 ? 2 ** (precision - 1) : a) : x === 0 ? b : (guesses[predictor] ?? 0);
        let difference = (value(0, 0) - guess) & 0xffff;
        if (difference > 32_768) difference -= 65_536;
        const size = category(difference);
        bits.put(size, 5);
        if (size > 0 && size < 16) bits.put(difference < 0 ? difference + 2 ** size - 1 : difference, size);
      }
    }
    top = false;
  }
  bits.flush();
  const components = Array.from({ length: samples }, (_, i) => i + 1);
  const frame = [precision, height >> 8, height & 255, width >> 8, width & 255, samples, ...components.flatMap((id) => [id, 0x11, 0])];
  const restart = restartRows > 0 ? segment(0xdd, [(restartRows * width) >> 8, (restartRows * width) & 255]) : [];
  const scan = segment(0xda, [samples, ...components.flatMap((id) => [id, 0]), predictor, 0, 0]);
  return Uint8Array.from([0xff, 0xd8, ...TABLE, ...segment(0xc3, frame), ...restart, ...scan, ...bits.bytes, 0xff, 0xd9]);
}

const picture = fc
  .record({
    width: fc.integer({ min: 1, max: 12 }),
    height: fc.integer({ min: 1, max: 12 }),
    samples: fc.constantFrom(1, 3),
    precision: fc.integer({ min: 2, max: 16 }),
  })
  .chain((size) =>
    fc
      .array(fc.nat(2 ** size.precision - 1), {
        minLength: size.width * size.height * size.samples,
        maxLength: size.width * size.height * size.samples,
      })
      .map((values): Picture => ({ ...size, values })),
  );

describe("lossless JPEG", () => {
  it("gives back any picture, to its last pixel, for every predictor and over restarts", () => {
    fc.assert(
      fc.property(picture, fc.integer({ min: 1, max: 7 }), fc.integer({ min: 0, max: 3 }), (shown, predictor, restartRows) => {
        const expected = { rows: shown.height, columns: shown.width, samples: shown.samples };
        expect([...decodeJpegLossless(losslessJpeg(shown, predictor, restartRows), expected)]).toEqual(shown.values);
      }),
      runs,
    );
  });

  const grey: Picture = { width: 8, height: 8, samples: 1, precision: 12, values: Array.from({ length: 64 }, (_, i) => (i * 997) % 4096) };

  it("refuses data that end early, another size, and a missing restart", () => {
    const whole = losslessJpeg(grey, 4, 0);
    const expected = { rows: 8, columns: 8, samples: 1 };
    const refused = expect.objectContaining({ code: "corrupt_image" });
    expect(() => decodeJpegLossless(whole.subarray(0, whole.length - 12), expected)).toThrow(refused);
    expect(() => decodeJpegLossless(whole, { ...expected, rows: 9 })).toThrow(refused);
    const restarts = losslessJpeg(grey, 1, 2);
    const marker = restarts.findIndex((byte, i) => byte === 0xff && restarts[i + 1] === 0xd0);
    expect(() =>
      decodeJpegLossless(Uint8Array.from([...restarts.subarray(0, marker), ...restarts.subarray(marker + 2)]), expected),
    ).toThrow(refused);
  });

  it("is not taken for a DCT, nor a DCT for it", () => {
    const expected = { rows: 8, columns: 8, samples: 1 };
    expect(() => decodeJpegDct(losslessJpeg(grey, 1, 0), expected)).toThrow(expect.objectContaining({ code: "corrupt_image" }));
  });
});

describe("12-bit DCT", () => {
  /** One block whose only coefficient is its mean: a flat square. */
  function flat(difference: number, precision = 12): Uint8Array {
    const bits = new BitWriter();
    const size = category(difference);
    bits.put(size, 5);
    bits.put(difference < 0 ? difference + 2 ** size - 1 : difference, size);
    bits.put(0, 5);
    bits.flush();
    const frame = [precision, 0, 8, 0, 8, 1, 1, 0x11, 0];
    const ac = TABLE.slice();
    ac[4] = 0x10;
    return Uint8Array.from([
      ...[0xff, 0xd8, ...TABLE, ...ac, ...segment(0xdb, [0, ...Array.from({ length: 64 }, () => 8)]), ...segment(0xc1, frame)],
      ...[...segment(0xda, [1, 1, 0, 0, 63, 0]), ...bits.bytes, 0xff, 0xd9],
    ]);
  }

  it("moves the middle by the mean, and stays within its bits", () => {
    const expected = { rows: 8, columns: 8, samples: 1 };
    const flatValue = (difference: number) => new Set(decodeJpegDct(flat(difference), expected).samples);
    expect(flatValue(100)).toEqual(new Set([2148]));
    expect(flatValue(-2048)).toEqual(new Set([0]));
    expect(flatValue(4000)).toEqual(new Set([4095]));
    expect(decodeJpegDct(flat(1), expected).precision).toBe(12);
    expect(() => decodeJpegDct(flat(1, 16), expected)).toThrow(expect.objectContaining({ code: "corrupt_image" }));
    expect(() => decodeJpegDct(flat(1), { ...expected, samples: 3 })).toThrow(expect.objectContaining({ code: "unsupported_format" }));
  });
});

describe("a codec in WebAssembly", () => {
  /** SIZ of 1 × 1 with one component, and a source of a codec that decodes nothing and whose memory is `heap` bytes; how often it was loaded. */
  const codestream = Uint8Array.from([
    0xff,
    0x4f,
    0xff,
    0x51,
    0,
    41,
    0,
    0,
    ...[1, 1, 0, 0, 1, 1, 0, 0].flatMap((n) => [0, 0, 0, n]),
    0,
    1,
    7,
    1,
    1,
  ]);
  /** A codec whose memory has `heap` bytes, for squares of `side` pixels: how often it was made, and its program fetched. */
  function counted(heap: number, { side = 1, deleted = () => undefined }: { side?: number; deleted?: () => void } = {}) {
    const memory = new ArrayBuffer(heap);
    class J2KDecoder {
      getEncodedBuffer = (size: number) => new Uint8Array(memory, 0, size);
      getDecodedBuffer = () => new Uint8Array(memory, 0, side * side);
      getFrameInfo = () => ({ width: side, height: side, bitsPerSample: 8, componentCount: 1 });
      decode = () => undefined;
      delete = deleted;
    }
    const count = { made: 0, fetched: 0 };
    const factory = async () => {
      count.made++;
      return { J2KDecoder };
    };
    const codecs = wasmCodecs(async () => {
      count.fetched++;
      return { factory, wasmBinary: Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0) };
    });
    const claimed = Buffer.from(codestream);
    for (const at of [8, 12, 24, 28]) claimed.writeUInt32BE(side, at);
    return { count, decode: () => codecs("jpeg-2000", claimed, { rows: side, columns: side, samples: 1 }) };
  }

  it("is made once, but anew where it broke down, or no other picture came soon after its memory has grown or was touched by a large one", async () => {
    const deleted = () => {
      throw new Error("out of bounds");
    };
    vi.useFakeTimers();
    try {
      for (const [codec, soon, late] of [
        [counted(65_536), 1, 1],
        [counted(100 * 2 ** 20), 1, 2],
        [counted(4 * 2 ** 20, { side: 1400 }), 1, 1],
        [counted(4 * 2 ** 20, { side: 1500 }), 1, 2],
        [counted(65_536, { deleted }), 3, 4],
      ] as const) {
        for (let i = 0; i < 3; i++) {
          expect((await codec.decode()).bytesPerSample).toBe(1);
          vi.advanceTimersByTime(400);
        }
        expect(codec.count).toEqual({ made: soon, fetched: 1 });
        vi.advanceTimersByTime(200);
        await codec.decode();
        expect(codec.count).toEqual({ made: late, fetched: 1 });
      }
    } finally {
      vi.useRealTimers();
    }
  });
});
