// The codecs of others, compiled to WebAssembly: OpenJPEG, CharLS, OpenJPH and libjpeg-turbo, as @cornerstonejs packages them. Loaded on
// first use, silent, and given only codestreams whose own header says the size that the data set says.

import { corrupt, ImagingError } from "../../errors.js";
import { ByteView } from "../../headers/byte-view.js";
import { readJpeg2000Size } from "../../headers/jpeg-2000.js";
import { withChosenComponents } from "./jpeg-2000-components.js";
import type { JpegExpectation } from "./jpeg-segments.js";

/** A codec that is loaded from a WebAssembly file. */
export type WasmCodec = "jpeg" | "jpeg-ls" | "jpeg-2000" | "htj2k";

/** A codec's program and its WebAssembly file. */
export interface CodecParts {
  /** what the package's JavaScript exports: a factory of emscripten's */
  readonly factory: unknown;
  readonly wasmBinary: Uint8Array;
}

/** Where codecs come from: installed packages in Node (`installedCodecs`), the page's own origin in browsers. */
export type CodecSource = (codec: WasmCodec) => Promise<CodecParts>;

/** What all four decoders have in common. */
interface Decoder {
  getEncodedBuffer(size: number): Uint8Array;
  getDecodedBuffer(): Uint8Array;
  decode(): void;
  getFrameInfo(): { width: number; height: number; bitsPerSample: number; componentCount: number; isSigned?: boolean };
  getInterleaveMode?(): number;
  delete(): void;
}
type Factory = (options: object) => Promise<Record<string, new () => Decoder>>;

const DECODERS: Readonly<Record<WasmCodec, string>> = {
  jpeg: "JPEGDecoder",
  "jpeg-ls": "JpegLSDecoder",
  "jpeg-2000": "J2KDecoder",
  htj2k: "HTJ2KDecoder",
};

/** Samples as a codec gives them. */
export interface CodecSamples {
  /** little-endian words of `bytesPerSample`, by pixel */
  readonly bytes: Uint8Array;
  readonly bytesPerSample: 1 | 2 | 4;
  readonly bitsPerSample: number;
  /** by plane instead of by pixel */
  readonly planar: boolean;
}

/** Bytes of WebAssembly memory that a codec may keep from one codestream to the next. It begins with 50 MiB, few of which are touched. */
const KEPT_HEAP = 64 * 1024 * 1024;
/** Samples of a codestream of JPEG 2000, words of four bytes in its codec, after which the codec is let go: what they touched stays resident. */
const KEPT_SAMPLES = 2 * 1024 * 1024;

/** How long a codec with more than that stays for another picture. */
const KEPT_MS = 500;

/** What a codestream is expected to be; of JPEG 2000, the components that are to be given where that is not all of them. */
interface CodestreamExpectation extends JpegExpectation {
  readonly chosen?: { readonly components: readonly number[]; readonly bits: number; readonly signed: boolean } | undefined;
}

/** Decodes a codestream of the size that is expected. `holder` is where it stands, for messages: DICOM, unless another is named. */
type DecodeCodestream = (codec: WasmCodec, data: Uint8Array, expected: CodestreamExpectation, holder?: string) => Promise<CodecSamples>;

interface CodecProgram {
  readonly factory: Factory;
  readonly program: WebAssembly.Module;
}

async function compiled({ factory, wasmBinary }: CodecParts): Promise<CodecProgram> {
  return { factory: factory as Factory, program: await WebAssembly.compile(Uint8Array.from(wasmBinary)) };
}

/** The codec at work, with memory of its own. */
function instance({ factory, program }: CodecProgram): ReturnType<Factory> {
  return new Promise((resolve, reject) => {
    const instantiateWasm = (imports: WebAssembly.Imports, receive: (instance: WebAssembly.Instance) => void) => {
      WebAssembly.instantiate(program, imports).then(receive, reject);
      return {};
    };
    // standard output is data here, and the codecs like to talk
    factory({ instantiateWasm, print() {}, printErr() {} }).then(resolve, reject);
  });
}

/** Decoders of one source, each loaded once. */
export function wasmCodecs(source: CodecSource): DecodeCodestream {
  const loaded = new Map<WasmCodec, Promise<new () => Decoder>>();
  // compiled once: a codec that is let go is made anew of it, with memory of its own
  const programs = new Map<WasmCodec, Promise<CodecProgram>>();

  const load = async (codec: WasmCodec): Promise<new () => Decoder> => {
    try {
      const program = programs.get(codec) ?? source(codec).then(compiled);
      programs.set(codec, program);
      const module = await instance(await program);
      const Class = module[DECODERS[codec]];
      if (Class === undefined) throw new Error(`${DECODERS[codec]} is missing`);
      return Class;
    } catch (cause) {
      loaded.delete(codec);
      programs.delete(codec);
      throw new ImagingError(
        "decoder_unavailable",
        `the codec for ${codec} cannot be loaded — expected its WebAssembly file beside the program. Install the packages again.`,
        { cause },
      );
    }
  };

  // until when a codec with much memory stays for the next picture: an archive's X-rays come one after the other
  const leaving = new Map<WasmCodec, ReturnType<typeof setTimeout>>();
  const letGo = (codec: WasmCodec, loading: Promise<new () => Decoder>) => {
    if (loaded.get(codec) === loading) loaded.delete(codec);
  };

  return async (codec, data, expected, holder = "DICOM") => {
    requireSize(codec, data, expected);
    clearTimeout(leaving.get(codec));
    const loading = loaded.get(codec) ?? load(codec);
    loaded.set(codec, loading);
    const decoder = new (await loading)();
    const size = { most: 0 };
    const { chosen, ...whole } = expected;
    let failed = false;
    try {
      if (chosen === undefined) return decodeWith(decoder, codec, data, whole, holder, size);
      const { components, ...depth } = chosen;
      const some = withChosenComponents(data, { ...whole, chosen: components, ...depth });
      return decodeWith(decoder, codec, some, { ...whole, samples: components.length }, holder, size);
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      // its memory never shrinks, and a codestream that fails may leave some of it in use
      const words = codec === "jpeg-2000" || codec === "htj2k" ? expected.rows * expected.columns * expected.samples : 0;
      const large = size.most > KEPT_HEAP || words > KEPT_SAMPLES;
      if (large && (failed || !Number.isFinite(size.most))) letGo(codec, loading);
      else if (large)
        leaving.set(
          codec,
          later(() => letGo(codec, loading)),
        );
    }
  };
}

function later(then: () => void): ReturnType<typeof setTimeout> {
  const timer = setTimeout(then, KEPT_MS);
  // of Node: no process stays alive for it
  if (typeof timer === "object") timer.unref();
  return timer;
}

function decodeWith(
  decoder: Decoder,
  codec: WasmCodec,
  data: Uint8Array,
  expected: JpegExpectation,
  holder: string,
  heap: { most: number },
): CodecSamples {
  try {
    decoder.getEncodedBuffer(data.length).set(data);
    decoder.decode();
    const { width, height, bitsPerSample, componentCount } = decoder.getFrameInfo();
    if (width !== expected.columns || height !== expected.rows || componentCount !== expected.samples) {
      throw corrupt(
        `${codec} in ${holder} — expected ${expected.columns}×${expected.rows} with ${expected.samples} components, got ${width}×${height} with ${componentCount}`,
      );
    }
    // the codec's own memory, and in some builds a view of signed bytes
    const decoded = decoder.getDecodedBuffer();
    const bytes = new Uint8Array(decoded.buffer, decoded.byteOffset, decoded.byteLength).slice();
    const bytesPerSample = bytes.length / (width * height * componentCount);
    if (bytesPerSample !== 1 && bytesPerSample !== 2 && bytesPerSample !== 4)
      throw corrupt(`${codec} in ${holder} — expected whole samples, got ${bytes.length} bytes`);
    const planar = componentCount > 1 && codec === "jpeg-ls" && decoder.getInterleaveMode?.() === 0;
    return { bytes, bytesPerSample, bitsPerSample, planar };
  } catch (error) {
    if (error instanceof ImagingError) throw error;
    // emscripten throws numbers and texts of its own
    throw corrupt(`${codec} in ${holder} that does not decode`);
  } finally {
    try {
      heap.most = decoder.getEncodedBuffer(1).buffer.byteLength;
      decoder.delete();
    } catch {
      // a codec that broke down is not asked again
      heap.most = Number.POSITIVE_INFINITY;
    }
  }
}

/** Reads the codestream's own size before a codec allocates by it. */
function requireSize(codec: WasmCodec, data: Uint8Array, { rows, columns, samples }: JpegExpectation): void {
  const found =
    codec === "jpeg-2000" || codec === "htj2k"
      ? readJpeg2000Size(new ByteView(data, "JPEG 2000 in DICOM"))
      : jpegSize(data, codec === "jpeg-ls" ? [0xf7] : [0xc0, 0xc1, 0xc2]);
  if (found.rows !== rows || found.columns !== columns || found.samples !== samples) {
    throw corrupt(
      `${codec} in DICOM — expected ${columns}×${rows} with ${samples} components as the data set says, got ${found.columns}×${found.rows} with ${found.samples}`,
    );
  }
}

function jpegSize(data: Uint8Array, frames: readonly number[]): JpegExpectation {
  const view = new ByteView(data, "JPEG in DICOM");
  if (view.u16(0) !== 0xffd8) throw corrupt("JPEG in DICOM — expected a start marker, got other bytes");
  for (let at = 2; ; ) {
    while (view.u8(at) !== 0xff || view.u8(at + 1) === 0xff) at++;
    const marker = view.u8(at + 1);
    if (frames.includes(marker)) return { rows: view.u16(at + 5), columns: view.u16(at + 7), samples: view.u8(at + 9) };
    if (marker === 0xda || marker === 0xd9) throw corrupt("JPEG in DICOM — expected a frame header of its transfer syntax, got none");
    at += 2 + view.u16(at + 2);
  }
}
