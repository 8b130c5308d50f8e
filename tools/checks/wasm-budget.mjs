// The core's WebAssembly builds stay small: they are part of every page and every start. Reads what scripts/build-wasm.mjs embedded as
// base64 below packages/core/src/generated; skipped while the core has no such build.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { root } from "./workspace.mjs";

/** Bytes allowed for one build, raw. */
export const mostWasmBytes = 64 * 1024;

/** @type {import("./workspace.mjs").Check} */
export const wasmBudget = {
  name: "wasm byte budget",
  async run() {
    if (!existsSync(join(root, "packages/core/scripts/build-wasm.mjs")))
      return { problems: [], skipped: "packages/core has no wasm build" };
    const folder = join(root, "packages/core/src/generated");
    const problems = [];
    const notes = [];
    const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".ts")) : [];
    for (const file of files) {
      for (const [, base64] of readFileSync(join(folder, file), "utf8").matchAll(/["'`](AGFzbQEAAAA[A-Za-z0-9+/=]*)["'`]/g)) {
        const bytes = Buffer.from(base64, "base64");
        if (!WebAssembly.validate(bytes) && !/relaxed/.test(file))
          problems.push(`packages/core/src/generated/${file} holds a module this Node refuses — build it again.`);
        if (bytes.length > mostWasmBytes)
          problems.push(
            `packages/core/src/generated/${file}: ${bytes.length} bytes, ${mostWasmBytes} are allowed — find what grew in packages/core/assembly.`,
          );
        notes.push(`${file}: ${(bytes.length / 1024).toFixed(1)} kB, ${(gzipSync(bytes).length / 1024).toFixed(1)} kB gzipped`);
      }
    }
    if (notes.length === 0) problems.push("packages/core/src/generated holds no wasm module — run npm run build -w @biovlm/core.");
    return { problems, notes };
  },
};
