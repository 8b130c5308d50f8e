// onnxruntime-web in its two bundles, imported at first use: the plain one for wasm (the wasm provider of the other is 2.8 × slower), and the
// WebGPU one. Each is one runtime for the whole page or process: one load or run at a time, one thread count.

import { EncoderError, RunQueue } from "@biovlm/model";
import type * as Library from "onnxruntime-web";

/** The runtime of this package and the version it is made for; package.json says the same. */
export const RUNTIME_LIBRARY = { name: "onnxruntime-web", version: "1.30.0" } as const;

export type OnnxRuntime = typeof Library;

/** Where a page serves the runtime's files: a folder's address, or the two files'. */
export type RuntimeFiles = string | { readonly mjs: string; readonly wasm: string };

export interface LoadedRuntime {
  readonly library: OnnxRuntime;
  readonly queue: RunQueue;
  /** threads it was started with */
  readonly threads: number;
}

const loaded = new Map<"wasm" | "webgpu", Promise<LoadedRuntime>>();

/**
 * The runtime of a device. The first call fixes threads and files; a later call with another thread count gets the runtime as it is.
 * Throws EncoderError `open_failed` with the runtime's reason; a failed import is tried again on the next call.
 */
export function runtimeLibrary(device: "wasm" | "webgpu", threads: number, files?: RuntimeFiles): Promise<LoadedRuntime> {
  const known = loaded.get(device);
  if (known !== undefined) return known;
  const loading = load(device, threads, files).catch((cause: unknown) => {
    loaded.delete(device);
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new EncoderError(
      device,
      "open_failed",
      `${RUNTIME_LIBRARY.name} — expected version ${RUNTIME_LIBRARY.version} to load, got: ${reason}. Install it, or serve its files.`,
      cause,
    );
  });
  loaded.set(device, loading);
  return loading;
}

async function load(device: "wasm" | "webgpu", threads: number, files?: RuntimeFiles): Promise<LoadedRuntime> {
  const library = await bundle(device);
  library.env.logLevel = "error";
  library.env.wasm.numThreads = threads;
  library.env.wasm.proxy = false;
  if (files !== undefined) library.env.wasm.wasmPaths = typeof files === "string" ? files : { mjs: files.mjs, wasm: files.wasm };
  return { library, queue: new RunQueue(), threads };
}

async function bundle(device: "wasm" | "webgpu"): Promise<OnnxRuntime> {
  if (device === "webgpu") return (await import("onnxruntime-web/webgpu")) as OnnxRuntime;
  const host = globalThis as { process?: { versions?: { node?: string } }; window?: unknown };
  if (host.process?.versions?.node === undefined || host.window !== undefined) return (await import("onnxruntime-web/wasm")) as OnnxRuntime;
  // Node resolves the plain name to the build that can start threads there; a page's bundler must not follow it
  const name: string = RUNTIME_LIBRARY.name;
  return (await import(/* @vite-ignore */ name)) as OnnxRuntime;
}
