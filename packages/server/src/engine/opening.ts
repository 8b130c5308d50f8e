// From plain words (a model, a device) to what computes: numeric core, loaded model, opened encoder. Words only, so that they can be sent to a
// child process. Every package with a runtime is imported late.

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
  /** devices `auto` may still fall back to, best first */
  readonly standby: readonly Device[];
}

export interface EncoderListeners {
  /** a device is about to be probed or opened: named first, so that a crash there can be laid at its door */
  readonly onDevice?: (device: Device) => void;
  readonly onChange?: (change: DeviceChange) => void;
}

/** Opens a model's files. @throws ModelError `not_found`, `integrity`, as the readers do. */
export async function openModel({ model: given, precision }: OpeningSpec): Promise<OpenModel> {
  if (given === "tiny") {
    const { tinyModel } = await import("@biovlm/model-tiny/node");
    return { model: await tinyModel({ precision }), close() {} };
  }
  const { loadModelFolder, loadStoredModel, openModelStore } = await import("@biovlm/model/node");
  const model = /[\\/]/.test(given)
    ? await loadModelFolder(given, { precision })
    : await loadStoredModel(openModelStore(), given, { precision });
  return { model, close: () => model.close() };
}

export async function openCore({ deterministic }: OpeningSpec): Promise<Core> {
  const { loadCore } = await import("@biovlm/core");
  return loadCore({ deterministic });
}

/**
 * Opens the best usable device, or the named one. With `auto` the others stand by for a device that dies.
 * @param skip devices that killed their process before; heeded under `auto` alone
 * @throws ModelError `no_backend`, EncoderError `open_failed`
 */
export async function openEncoder(
  model: Model,
  { device, threads }: OpeningSpec,
  skip: readonly string[] = [],
  { onDevice = () => {}, onChange }: EncoderListeners = {},
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
  const { backend, standby } = chooseBackend(device, await probeBackends(watched));
  const encoder = await openWithFailover(model.graphs, [backend, ...standby], onChange === undefined ? {} : { onChange });
  return { encoder, standby: standby.map((b) => b.device) };
}

async function backendsFor(device: Device | "auto", threads: number | undefined): Promise<EncoderBackend[]> {
  const options = threads === undefined ? {} : { threads };
  const [{ cpuBackend, cudaBackend, webgpuBackend }, { wasmBackend }] = await Promise.all([
    import("@biovlm/backend-cuda"),
    import("@biovlm/backend-web"),
  ]);
  const all = [cudaBackend(options), webgpuBackend(options), cpuBackend(options), wasmBackend(options)];
  return device === "auto" ? all : all.filter((b) => b.device === device);
}
