// The one table of backends: a new one is a row here. Every package with a runtime is imported late, so that help and errors do not wait.

import type { Device, EncoderBackend } from "@biovlm/model";
import type { ImageTowers } from "@biovlm/model/backend";

/** Of the processor's runs: see DeviceOptions of @biovlm/backend-cuda. */
interface BackendOptions {
  readonly threads?: number;
  readonly lanes?: number;
  readonly imageTowers?: ImageTowers;
}

/** Name → how its backend is had, each package only when it is asked for. Order is that of `auto` among equal scores. */
const BACKENDS: readonly { readonly device: Device; load(options: BackendOptions): Promise<EncoderBackend> }[] = [
  { device: "cuda", load: async ({ threads }) => (await import("@biovlm/backend-cuda")).cudaBackend(threadsAlone(threads)) },
  { device: "webgpu", load: async ({ threads }) => (await import("@biovlm/backend-cuda")).webgpuBackend(threadsAlone(threads)) },
  { device: "cpu", load: async (options) => (await import("@biovlm/backend-cuda")).cpuBackend(options) },
  { device: "wasm", load: async ({ threads }) => (await import("@biovlm/backend-web")).wasmBackend(threadsAlone(threads)) },
];

/** What `--device` may name, beside `auto`. */
export const DEVICES: readonly Device[] = BACKENDS.map(({ device }) => device);

/** The backends to ask for a device; all of them for `auto`. `imageTowers`: what computes int8 image towers on cpu. */
export function backendsFor(device: string, threads?: number, lanes = 1, imageTowers?: ImageTowers): Promise<EncoderBackend[]> {
  const options = { ...threadsAlone(threads), ...(lanes === 1 ? {} : { lanes }), ...(imageTowers === undefined ? {} : { imageTowers }) };
  return Promise.all(BACKENDS.filter((b) => device === "auto" || b.device === device).map((b) => b.load(options)));
}

function threadsAlone(threads: number | undefined): { threads?: number } {
  return threads === undefined ? {} : { threads };
}
