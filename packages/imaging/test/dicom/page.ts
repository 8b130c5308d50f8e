// Runs in Chromium: the browser decoder with codecs from the page's own origin, as classic scripts and WebAssembly files.

import { wasmCodecs } from "../../src/dicom/codecs/wasm-codecs.js";
import { openDicom } from "../../src/dicom/dicom-image.js";
import { browserDecoder, type CodecSource } from "../../src/index.js";
import { valueBytes } from "./value-bytes.js";

const FILES = {
  jpeg: {
    folder: "codec-libjpeg-turbo-8bit",
    glue: "libjpegturbowasm_decode.js",
    wasm: "libjpegturbowasm_decode.wasm",
    name: "libjpegturbowasm_decode",
  },
  "jpeg-ls": { folder: "codec-charls", glue: "charlswasm_decode.js", wasm: "charlswasm_decode.wasm", name: "CharLSWASM" },
  "jpeg-2000": { folder: "codec-openjpeg", glue: "openjpegwasm_decode.js", wasm: "openjpegwasm_decode.wasm", name: "OpenJPEGWASM" },
  htj2k: { folder: "codec-openjph", glue: "openjphjs.js", wasm: "openjphjs.wasm", name: "Module" },
} as const;

const codecs: CodecSource = async (codec) => {
  const { folder, glue, wasm, name } = FILES[codec];
  await new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, { src: `/codecs/${folder}/dist/${glue}`, onload: resolve, onerror: reject });
    document.head.append(script);
  });
  const response = await fetch(`/codecs/${folder}/dist/${wasm}`);
  return { factory: Reflect.get(globalThis, name), wasmBinary: new Uint8Array(await response.arrayBuffer()) };
};

const decoder = browserDecoder({ codecs });
const reading = { maxPixels: 25_000_000, maxInflated: 64 * 1024 * 1024, codecs: wasmCodecs(codecs) };

async function digest(data: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new Uint8Array(data));
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** SHA-256 of a frame's stored values, little-endian, and of its RGB8 bytes. */
export interface FrameDigests {
  readonly stored: string;
  readonly rgb8: string;
}

/** Those of each frame, or the error's code. */
async function frames(url: string): Promise<FrameDigests[] | { code: string; message: string }> {
  try {
    const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
    const [shown, raw] = [await decoder.open(bytes), await openDicom(bytes, reading)];
    const digests: FrameDigests[] = [];
    for (let index = 0; index < shown.frames; index++) {
      const { values } = await raw.stored(index);
      digests.push({ stored: await digest(valueBytes(values)), rgb8: await digest((await shown.frame(index)).data) });
    }
    return digests;
  } catch (error) {
    return { code: String(Reflect.get(error as object, "code")), message: String(error) };
  }
}
Object.assign(globalThis, { frames });
