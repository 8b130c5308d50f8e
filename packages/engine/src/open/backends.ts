// The one table of backends: a new one is a row here. Every package with a runtime is imported late, so that help and errors do not wait.

import type { Device, EncoderBackend } from "@biovlm/model";

/** Name → how its backend is had, each package only when it is asked for. Order is that of `auto` among equal scores. */
const BACKENDS: readonly { readonly device: Device; load(options: { threads?: number }): Promise<EncoderBackend> }[] = [
  { device: "cuda", load: async (options) => (await import("@biovlm/backend-cuda")).cudaBackend(options) },
  { device: "webgpu", load: async (options) => (await import("@biovlm/backend-cuda")).webgpuBackend(options) },
  { device: "cpu", load: async (options) => (await import("@biovlm/backend-cuda")).cpuBackend(options) },
  { device: "wasm", load: async (options) => (await import("@biovlm/backend-web")).wasmBackend(options) },
];

/** What `--device` may name, beside `auto`. */
export const DEVICES: readonly Device[] = BACKENDS.map(({ device }) => device);

/** The backends to ask for a device; all of them for `auto`. */
export function backendsFor(device: string, threads?: number): Promise<EncoderBackend[]> {
  const options = threads === undefined ? {} : { threads };
  return Promise.all(BACKENDS.filter((b) => device === "auto" || b.device === device).map((b) => b.load(options)));
}
