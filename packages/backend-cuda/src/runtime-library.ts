// onnxruntime-node, an optional dependency: imported at first use and never on import of this package, so that a machine without it
// (musl, darwin/x64, a failed install) still runs everything else.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { EncoderError } from "@biovlm/model";
import type * as Library from "onnxruntime-node";

/** The one optional library of this package and the version it is made for; package.json says the same. */
export const RUNTIME_LIBRARY = { name: "onnxruntime-node", version: "1.30.0" } as const;

export type OnnxRuntime = typeof Library;

let loaded: Promise<OnnxRuntime> | undefined;

/**
 * Since 1.29 the library sends usage events to its maker, with an identifier that it keeps in the user's cache folder, unless this variable is
 * set before it is loaded (everywhere but on Windows, where events go to the system's own tracing). Nothing of ours reports to anyone, so it is
 * set. In a worker thread Node cannot set it for native code: there the process must.
 */
export function silenceEvents(): void {
  process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
}

/** The library, or an `EncoderError` `open_failed` that keeps Node's reason. A failed import is tried again on the next call. */
export function runtimeLibrary(backend: string): Promise<OnnxRuntime> {
  silenceEvents();
  loaded ??= import("onnxruntime-node").catch((cause: unknown) => {
    loaded = undefined;
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new EncoderError(
      backend,
      "open_failed",
      `${RUNTIME_LIBRARY.name} — expected version ${RUNTIME_LIBRARY.version} to load, got: ${reason}. Install it, or use the wasm device.`,
      cause,
    );
  });
  return loaded;
}

/** True on Linux where the package's CUDA provider is not beside its library: asking for cuda would only print the loader's complaint. */
export function cudaLibrariesMissing(): boolean {
  if (process.platform !== "linux") return false;
  try {
    const entry = createRequire(import.meta.url).resolve(RUNTIME_LIBRARY.name);
    const folder = join(dirname(entry), "..", "bin", "napi-v6", "linux", process.arch);
    return existsSync(folder) && !existsSync(join(folder, "libonnxruntime_providers_cuda.so"));
  } catch {
    return false;
  }
}
