// onnxruntime-web in its two bundles, imported at first use: the plain one for wasm (the wasm provider of the other is 2.8 × slower), and the
// WebGPU one. Each is one runtime for the whole page or process: one load or run at a time, one thread count.

import { EncoderError } from "@biovlm/model";
import { RunQueue } from "@biovlm/model/backend";
import type * as Library from "onnxruntime-web";

/** The runtime of this package and the version it is made for; package.json says the same. */
export const RUNTIME_LIBRARY = { name: "onnxruntime-web", version: "1.30.0" } as const;

export type OnnxRuntime = typeof Library;

/** Where a page serves the runtime's files: a folder's address, or the two files'. */
export type RuntimeFiles = string | { readonly mjs: string; readonly wasm: string };

export interface LoadedRuntime {
  readonly library: OnnxRuntime;
  readonly queue: RunQueue;
  /** threads that models run with */
  readonly threads: number;
}

type Bundle = "onnxruntime-web/webgpu" | "onnxruntime-web/wasm" | typeof RUNTIME_LIBRARY.name;

const loaded = new Map<string, Promise<LoadedRuntime>>();

/**
 * The runtime to probe a device with. In Node, where wasm is asked for several threads, it is a copy of its own with one: threads that a runtime
 * has started cannot be ended, and a probe that leads to another device would leave them behind for the life of the process.
 * A runtime that runs already is probed itself. `threads` of the answer are those a model will be opened with.
 */
export async function probeLibrary(device: "wasm" | "webgpu", threads: number, files?: RuntimeFiles): Promise<LoadedRuntime> {
  if (device === "webgpu" || threads === 1 || loaded.has(device) || !inNode()) return runtimeLibrary(device, threads, files);
  const copy = await remembered("probe", device, () => load("onnxruntime-web/wasm", 1, files));
  return { ...copy, threads };
}

/**
 * The runtime of a device. The first call fixes threads and files; a later call with another thread count gets the runtime as it is.
 * Throws EncoderError `open_failed` with the runtime's reason; a failed import is tried again on the next call.
 */
export function runtimeLibrary(device: "wasm" | "webgpu", threads: number, files?: RuntimeFiles): Promise<LoadedRuntime> {
  // Node resolves the plain name to the build that can start threads there
  const bundle: Bundle = device === "webgpu" ? "onnxruntime-web/webgpu" : inNode() ? RUNTIME_LIBRARY.name : "onnxruntime-web/wasm";
  return remembered(device, device, () => load(bundle, threads, files));
}

function remembered(key: string, device: string, start: () => Promise<LoadedRuntime>): Promise<LoadedRuntime> {
  const known = loaded.get(key);
  if (known !== undefined) return known;
  const loading = start().catch((cause: unknown) => {
    loaded.delete(key);
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new EncoderError(
      device,
      "open_failed",
      `${RUNTIME_LIBRARY.name} — expected version ${RUNTIME_LIBRARY.version} to load, got: ${reason}. Install it, or serve its files.`,
      cause,
    );
  });
  loaded.set(key, loading);
  return loading;
}

async function load(bundle: Bundle, threads: number, files?: RuntimeFiles): Promise<LoadedRuntime> {
  const library = await imported(bundle);
  library.env.logLevel = "error";
  library.env.wasm.numThreads = threads;
  library.env.wasm.proxy = false;
  if (files !== undefined) library.env.wasm.wasmPaths = typeof files === "string" ? files : { mjs: files.mjs, wasm: files.wasm };
  return { library, queue: new RunQueue(), threads };
}

async function imported(bundle: Bundle): Promise<OnnxRuntime> {
  if (bundle === "onnxruntime-web/webgpu") return (await import("onnxruntime-web/webgpu")) as OnnxRuntime;
  if (bundle === "onnxruntime-web/wasm") return (await import("onnxruntime-web/wasm")) as OnnxRuntime;
  // a page's bundler must not follow the name
  const name: string = bundle;
  return (await import(/* @vite-ignore */ name)) as OnnxRuntime;
}

function inNode(): boolean {
  const host = globalThis as { process?: { versions?: { node?: string } }; window?: unknown };
  return host.process?.versions?.node !== undefined && host.window === undefined;
}
