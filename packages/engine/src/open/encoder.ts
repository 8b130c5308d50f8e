// From a device's name to an opened encoder, with those that stand by for a device that dies.

import type { Device, DeviceChange, Encoder, EncoderBackend, Model, probeBackends } from "@biovlm/model";
import { cpuQuota, usableCpus } from "../process/usable-cpus.js";
import { backendsFor } from "./backends.js";
import { imageTowerName, imageTowers } from "./image-towers.js";
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
  /** image runs that it may do at once; more wait */
  readonly lanes: number;
  /** what computes its image embeddings now, where they are in int8: "native (avx512-vnni)", or "onnxruntime" with the reason */
  imageTower(): string | undefined;
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

/** Multiplications of one image, about: for fewer, waking threads for each product costs more than they gain. */
const SHORT_RUN = 2 ** 30;

/** Runs at once, each on one thread, where many images are to be encoded on the processor: as many as threads where the model's runs are short. */
function lanesFor({ vision: { imageSize, patchSize, width, mlp, layers } }: Model["spec"], threads: number): number {
  const tokens = 1 + (imageSize / patchSize) ** 2;
  return tokens * layers * width * (4 * width + 2 * mlp) < SHORT_RUN ? threads : 1;
}

/**
 * Opens the best usable device, or the named one. With `auto` the others stand by for a device that dies.
 * @param skip devices that killed their process before; heeded under `auto` alone
 * @param options.manyImages on cpu, batches of images that come several at a time are encoded at once where that is faster
 * @param options.failover false where results must come from one device from first to last, as in learning
 * @throws ModelError `no_backend`, EncoderError `open_failed`
 */
export async function openEncoder(
  model: Model,
  spec: OpeningSpec,
  skip: readonly string[] = [],
  {
    onDevice = () => {},
    onChange,
    failover = true,
    manyImages = false,
  }: EncoderListeners & { readonly failover?: boolean; readonly manyImages?: boolean } = {},
): Promise<OpenEncoder> {
  const { chooseBackend, openWithFailover, probeBackends: probe } = await import("@biovlm/model");
  const { device } = spec;
  const asked = spec.threads ?? quotaThreads();
  const lanes = manyImages ? lanesFor(model.spec, asked ?? usableCpus()) : 1;
  const { towers, reason } = await imageTowers(spec);
  const candidates = await backendsFor(device, asked, lanes, towers);
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
  const { backend, detail, passedOver, standby } = chooseBackend(device, await probed(watched, failover, probe));
  const chain = failover ? [backend, ...standby] : [backend];
  const encoder = await openWithFailover(model.graphs, chain, onChange === undefined ? {} : { onChange });
  return {
    ...{ encoder, detail, passedOver },
    standby: chain.slice(1).map((b) => b.device),
    // an image tower of its own spreads each run over its threads
    lanes: backend.device === "cpu" && encoder.capabilities.imageTower === undefined ? lanes : 1,
    imageTower: () => imageTowerName(encoder.capabilities, reason),
  };
}

/**
 * Asks each backend; where nothing is to stand by, wasm only if cpu is not usable: it never scores above it, and to start it takes a third of a
 * second of a processor.
 */
async function probed(
  backends: readonly EncoderBackend[],
  failover: boolean,
  probe: typeof probeBackends,
): ReturnType<typeof probeBackends> {
  if (failover) return probe(backends);
  const asked = await probe(backends.filter((b) => b.device !== "wasm"));
  if (asked.some((p) => p.backend.device === "cpu" && p.probe.available)) return asked;
  return [...asked, ...(await probe(backends.filter((b) => b.device === "wasm")))];
}
