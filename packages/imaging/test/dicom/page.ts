// Runs in Chromium: the browser decoder with codecs from the page's own origin, as classic scripts and WebAssembly files.

import { browserDecoder, type CodecSource } from "../../src/index.js";

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

async function digest(data: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new Uint8Array(data));
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** SHA-256 of each frame's RGB8 bytes, or the error's code. */
async function frames(url: string): Promise<string[] | { code: string; message: string }> {
  try {
    const stack = await decoder.open(new Uint8Array(await (await fetch(url)).arrayBuffer()));
    const digests: string[] = [];
    for (let index = 0; index < stack.frames; index++) digests.push(await digest((await stack.frame(index)).data));
    return digests;
  } catch (error) {
    return { code: String(Reflect.get(error as object, "code")), message: String(error) };
  }
}
Object.assign(globalThis, { frames });
