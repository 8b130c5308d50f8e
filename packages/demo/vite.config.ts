// The build of the page: plain files for any server that sends the headers (see README.md). The runtime's files and the embedded model are put
// beside the page as they are, so that nothing ever comes from elsewhere.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { CODEC_FOLDER } from "./src/engine/page-codecs.js";
import type { OfferedFile, OfferedModel } from "./src/engine/protocol.js";

const require = createRequire(import.meta.url);
const runtime = dirname(require.resolve("onnxruntime-web", { paths: [dirname(require.resolve("@biovlm/backend-web/package.json"))] }));
const tiny = join(dirname(require.resolve("@biovlm/model-tiny/package.json")), "files");

/** The plain runtime for wasm, and the one for WebGPU. */
const RUNTIME_FILES = [
  "ort-wasm-simd-threaded.mjs",
  "ort-wasm-simd-threaded.wasm",
  "ort-wasm-simd-threaded.asyncify.mjs",
  "ort-wasm-simd-threaded.asyncify.wasm",
];
/** The codecs of compressed DICOM: what their classic scripts call themselves; they become modules beside the page. */
const imaging = createRequire(require.resolve("@biovlm/imaging/package.json"));
const CODECS = {
  jpeg: { package: "@cornerstonejs/codec-libjpeg-turbo-8bit", script: "decodewasmjs", wasm: "decodewasm", name: "libjpegturbowasm_decode" },
  "jpeg-ls": { package: "@cornerstonejs/codec-charls", script: "decodewasmjs", wasm: "decodewasm", name: "CharLSWASM" },
  "jpeg-2000": { package: "@cornerstonejs/codec-openjpeg", script: "decodewasmjs", wasm: "decodewasm", name: "OpenJPEGWASM" },
  htj2k: { package: "@cornerstonejs/codec-openjph", script: "wasmjs", wasm: "wasm", name: "Module" },
} as const;

/** Beside the page; programs lie in a folder of it. */
const ZSTD_FILE = `${CODEC_FOLDER}zstd.wasm`;

const TINY_FILES = { weights: "model.safetensors", openClipConfig: "open_clip_config.json", tokenizerJson: "tokenizer.json" } as const;

const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

/** Puts runtime and model beside the page. */
function besides(): Plugin {
  return {
    name: "biovlm-besides",
    generateBundle() {
      for (const file of RUNTIME_FILES)
        this.emitFile({ type: "asset", fileName: `ort/${file}`, source: readFileSync(join(runtime, file)) });
      for (const [codec, { package: from, script, wasm, name }] of Object.entries(CODECS)) {
        const program = readFileSync(imaging.resolve(`${from}/${script}`), "utf8");
        if (!program.includes(`var ${name} =`)) return this.error(`${from} has no ${name} any more`);
        this.emitFile({ type: "asset", fileName: `${CODEC_FOLDER}${codec}.js`, source: `${program}\nexport default ${name};\n` });
        this.emitFile({
          type: "asset",
          fileName: `${CODEC_FOLDER}${codec}.wasm`,
          source: readFileSync(imaging.resolve(`${from}/${wasm}`)),
        });
      }
      const offered = Object.entries(TINY_FILES).map(([role, file]): [string, OfferedFile] => {
        const bytes = readFileSync(join(tiny, file));
        this.emitFile({ type: "asset", fileName: `models/tiny/${file}`, source: bytes });
        return [role, { path: `models/tiny/${file}`, sha256: sha256(bytes), bytes: bytes.length }];
      });
      const model: OfferedModel = {
        name: "tiny",
        summary: "small and weak, comes with the page",
        files: Object.fromEntries(offered) as unknown as OfferedModel["files"],
      };
      // a server that answers images says so under this name instead
      this.emitFile({ type: "asset", fileName: "server.json", source: '{"answers":false}\n' });
      this.emitFile({ type: "asset", fileName: "models/index.json", source: `${JSON.stringify({ models: [model] }, null, 2)}\n` });
    },
  };
}

/**
 * zstddec carries its WebAssembly as text and fetches it from a data: address, which the page's policy does not allow: it becomes a file beside
 * the page, as the codecs of DICOM are, fetched by the worker when a TIFF needs it.
 */
function zstdBeside(): Plugin {
  const fetched = /fetch\(`data:application\/wasm;base64,\$\{wasm\}`\)/;
  const carried = /^const wasm = "([A-Za-z0-9+/=]+)";$/m;
  return {
    name: "biovlm-zstd-beside",
    transform(code, id) {
      if (!/zstddec\.mjs$/.test(id)) return undefined;
      const [, base64] = carried.exec(code) ?? [];
      if (base64 === undefined || !fetched.test(code)) return this.error("zstddec no longer carries its WebAssembly as it did");
      this.emitFile({ type: "asset", fileName: ZSTD_FILE, source: Buffer.from(base64, "base64") });
      return code.replace(carried, "").replace(fetched, `fetch(new URL("../${ZSTD_FILE}", globalThis.location.href))`);
    },
  };
}

/** Tells the service worker which files the page is made of. */
function keptFiles(): Plugin {
  return {
    name: "biovlm-kept-files",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const worker = bundle["service-worker.js"];
        if (worker?.type !== "chunk") return this.error("the service worker was not built");
        const kept = Object.values(bundle).filter(
          ({ fileName }) => !/^models\/tiny\/|asyncify|^service-worker\.js$|^server\.json$/.test(fileName),
        );
        const version = sha256(
          kept
            .map((f) => `${f.fileName} ${sha256(f.type === "chunk" ? f.code : f.source)}`)
            .sort()
            .join("\n"),
        );
        const files = ["", "icon.svg", ...kept.map((f) => f.fileName).filter((name) => name !== "index.html")].sort();
        worker.code = worker.code
          .replaceAll("__PAGE_FILES__", JSON.stringify(files))
          .replaceAll("__PAGE_VERSION__", JSON.stringify(version.slice(0, 16)));
      },
    },
  };
}

export default defineConfig({
  root: dirname(fileURLToPath(import.meta.url)),
  base: "./",
  // the runtime without its wasm inlined or copied a second time: it lies in ort/
  resolve: { conditions: ["@biovlm/source", "onnxruntime-web-use-extern-wasm", "module", "browser", "production"] },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1024,
    reportCompressedSize: false,
    rolldownOptions: {
      input: {
        index: fileURLToPath(new URL("./index.html", import.meta.url)),
        "service-worker": fileURLToPath(new URL("./src/service-worker.ts", import.meta.url)),
      },
      output: { entryFileNames: (chunk) => (chunk.name === "service-worker" ? "service-worker.js" : "assets/[name]-[hash].js") },
    },
  },
  worker: {
    format: "es",
    plugins: () => [zstdBeside()],
    // programs that are loaded with the first file that needs them lie with the codecs
    rolldownOptions: {
      output: {
        chunkFileNames: ({ name }) => `${["own-tiff", "zstddec"].includes(name) ? CODEC_FOLDER : "assets/"}[name]-[hash].js`,
      },
    },
  },
  plugins: [zstdBeside(), besides(), keptFiles()],
});
