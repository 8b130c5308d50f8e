// The codecs of DICOM, from their installed packages.

/// <reference path="./cornerstone-codecs.d.ts" />
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { CodecSource, WasmCodec } from "../dicom/codecs/wasm-codecs.js";

const PACKAGES: Readonly<Record<WasmCodec, { readonly wasm: string; load(): Promise<{ default: unknown }> }>> = {
  jpeg: {
    wasm: "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasm",
    load: () => import("@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs"),
  },
  "jpeg-ls": { wasm: "@cornerstonejs/codec-charls/decodewasm", load: () => import("@cornerstonejs/codec-charls/decodewasmjs") },
  "jpeg-2000": { wasm: "@cornerstonejs/codec-openjpeg/decodewasm", load: () => import("@cornerstonejs/codec-openjpeg/decodewasmjs") },
  htj2k: { wasm: "@cornerstonejs/codec-openjph/wasm", load: () => import("@cornerstonejs/codec-openjph/wasmjs") },
};

/** Loads a codec. Rejects with the system's error where its package is not installed. */
export const installedCodecs: CodecSource = async (codec) => {
  const { wasm, load } = PACKAGES[codec];
  const [{ default: factory }, wasmBinary] = await Promise.all([load(), readFile(createRequire(import.meta.url).resolve(wasm))]);
  return { factory, wasmBinary };
};
