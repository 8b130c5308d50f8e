// The codecs of compressed DICOM, from the page's own files: a program and its WebAssembly, loaded when the first file needs them.

import type { CodecSource, WasmCodec } from "@biovlm/imaging";

/** Where the build puts a codec's program and its WebAssembly, beside the page. */
export const CODEC_FOLDER = "codecs/";

/** @param base the page's address */
export function pageCodecs(base: string): CodecSource {
  return async (codec: WasmCodec) => {
    const at = (ending: string) => new URL(`${CODEC_FOLDER}${codec}.${ending}`, base).href;
    const [{ default: factory }, answer] = await Promise.all([
      import(/* @vite-ignore */ at("js")) as Promise<{ default: unknown }>,
      fetch(at("wasm")),
    ]);
    if (!answer.ok) throw new Error(`${codec}.wasm — expected it beside the page, got status ${answer.status}.`);
    return { factory, wasmBinary: new Uint8Array(await answer.arrayBuffer()) };
  };
}
