// From a device's name to an opened encoder, with those that stand by for a device that dies.

import type { Device, DeviceChange, Encoder, EncoderBackend, Model } from "@biovlm/model";
import { cpuQuota, usableCpus } from "../process/usable-cpus.js";
import { backendsFor } from "./backends.js";
import type { OpeningSpec } from "./opening-spec.js";

/** An opened encoder and what was chosen to run it. */
export interface OpenEncoder {
  readonly encoder: Encoder;
  /** what the chosen device's probe said */
  readonly detail: string;
  /** under `auto`: other devices and why they were not taken */
  readonly passedOver: readonly { readonly name: string; readonly reason: string }[];
  /** devices `auto` may still fall back to, best first */
  readonly standby: readonly Device[];
}

/** Who is told while an encoder opens and lives: the device about to be tried, and each change of device afterwards. */
export interface EncoderListeners {
  /** a device is about to be probed or opened: named first, so that a crash there can be laid at its door */
  readonly onDevice?: (device: Device) => void;
  /** the encoder fell back to another device, restarted or ended */
  readonly onChange?: (change: DeviceChange) => void;
}

/** Threads where a quota allows fewer than the machine has; else the runtime decides. */
function quotaThreads(): number | undefined {
  return cpuQuota() === undefined ? undefined : usableCpus();
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
  const candidates = await backendsFor(device, threads ?? quotaThreads());
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
