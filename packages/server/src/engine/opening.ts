// From plain words (a model, a device) to what computes: numeric core, loaded model, opened encoder. Words only, so that they can be sent to a
// child process. The one table of backends is here. Every package with a runtime is imported late, so that help and errors do not wait for them.

import type { Core } from "@biovlm/core";
import type { Device, DeviceChange, Encoder, EncoderBackend, Model } from "@biovlm/model";

/** What to open. */
export interface OpeningSpec {
  /** "tiny", a name of the model store, or a folder (anything with a path separator) */
  readonly model: string;
  readonly device: Device | "auto";
  readonly precision: "fp32" | "fp16" | "int8";
  /** CPU or WASM threads; what the machine offers unless said */
  readonly threads?: number;
  /** plain SIMD in the core: the same bits on every machine */
  readonly deterministic: boolean;
}

export interface OpenModel {
  readonly model: Model;
  close(): void;
}

export interface OpenEncoder {
  readonly encoder: Encoder;
  /** what the chosen device's probe said */
  readonly detail: string;
  /** under `auto`: other devices and why they were not taken */
  readonly passedOver: readonly { readonly name: string; readonly reason: string }[];
  /** devices `auto` may still fall back to, best first */
  readonly standby: readonly Device[];
}

export interface EncoderListeners {
  /** a device is about to be probed or opened: named first, so that a crash there can be laid at its door */
  readonly onDevice?: (device: Device) => void;
  readonly onChange?: (change: DeviceChange) => void;
}

/** Opens a model's files: the embedded one, a folder's (anything with a path separator, or dots), or one of the store. @throws ModelError `not_found`, `integrity`, as the readers do. */
export async function openModel({ model: given, precision }: OpeningSpec): Promise<OpenModel> {
  if (given === "tiny") {
    const { tinyModel } = await import("@biovlm/model-tiny/node");
    return { model: await tinyModel({ precision }), close() {} };
  }
  const { loadModelFolder, loadStoredModel, openModelStore } = await import("@biovlm/model/node");
  const model = isFolder(given)
    ? await loadModelFolder(given, { precision })
    : await loadStoredModel(openModelStore(), given, { precision });
  return { model, close: () => model.close() };
}

/** Whether a model's name is a path. */
export function isFolder(model: string): boolean {
  return /[\\/]/.test(model) || model === "." || model === "..";
}

export async function openCore({ deterministic }: OpeningSpec): Promise<Core> {
  const { loadCore } = await import("@biovlm/core");
  return loadCore({ deterministic });
}

/**
 * Opens the best usable device, or the named one. With `auto` the others stand by for a device that dies.
 * @param skip devices that killed their process before; heeded under `auto` alone
 * @param options.failover false where results must come from one device from first to last, as in learning
 * @throws ModelError `no_backend`, EncoderError `open_failed`
 */
export async function openEncoder(
  model: Model,
  { device, threads }: OpeningSpec,
  skip: readonly string[] = [],
  { onDevice = () => {}, onChange, failover = true }: EncoderListeners & { readonly failover?: boolean } = {},
): Promise<OpenEncoder> {
  const { chooseBackend, openWithFailover, probeBackends } = await import("@biovlm/model");
  const candidates = await backendsFor(device, threads);
  const allowed = device === "auto" ? candidates.filter((b) => !skip.includes(b.device)) : candidates;
  const watched = allowed.map(
    (backend): EncoderBackend => ({
      name: backend.name,
      device: backend.device,
      probe: () => {
        onDevice(backend.device);
        return backend.probe();
      },
      open: (graphs) => {
        onDevice(backend.device);
        return backend.open(graphs);
      },
    }),
  );
  const { backend, detail, passedOver, standby } = chooseBackend(device, await probeBackends(watched));
  const chain = failover ? [backend, ...standby] : [backend];
  const encoder = await openWithFailover(model.graphs, chain, onChange === undefined ? {} : { onChange });
  return { encoder, detail, passedOver, standby: chain.slice(1).map((b) => b.device) };
}

/** Name → how its backend is had, each package only when it is asked for. Order is that of `auto` among equal scores. */
const BACKENDS: readonly { readonly device: Device; load(options: { threads?: number }): Promise<EncoderBackend> }[] = [
  { device: "cuda", load: async (options) => (await import("@biovlm/backend-cuda")).cudaBackend(options) },
  { device: "webgpu", load: async (options) => (await import("@biovlm/backend-cuda")).webgpuBackend(options) },
  { device: "cpu", load: async (options) => (await import("@biovlm/backend-cuda")).cpuBackend(options) },
  { device: "wasm", load: async (options) => (await import("@biovlm/backend-web")).wasmBackend(options) },
];

/** The backends to ask for a device; all of them for `auto`. */
export function backendsFor(device: string, threads?: number): Promise<EncoderBackend[]> {
  const options = threads === undefined ? {} : { threads };
  return Promise.all(BACKENDS.filter((b) => device === "auto" || b.device === device).map((b) => b.load(options)));
}
