// Which backend runs: a pure choice over probe results. `auto` takes the best usable one and says what it passed over; a device named by the
// caller is taken or refused, never replaced.

import type { Device, EncoderBackend, Probe } from "../contract/encoder.js";
import { ModelError } from "../contract/errors.js";

/** A backend with what its probe said. */
export interface ProbedBackend {
  readonly backend: EncoderBackend;
  readonly probe: Probe;
}

export interface BackendChoice {
  readonly backend: EncoderBackend;
  /** what the chosen device's probe said */
  readonly detail: string;
  /** under `auto`, the other usable backends, best first: what {@link openWithFailover} may fall back to; none for a named device */
  readonly standby: readonly EncoderBackend[];
  /** under `auto`, every other device and why it was not taken */
  readonly passedOver: readonly { readonly name: string; readonly reason: string }[];
}

/** Probes backends one after another: two native runtimes must not start at once. */
export async function probeBackends(backends: readonly EncoderBackend[]): Promise<ProbedBackend[]> {
  const probed: ProbedBackend[] = [];
  for (const backend of backends) probed.push({ backend, probe: await backend.probe() });
  return probed;
}

/**
 * Chooses among probed backends. `auto`: the highest score, ties to the first; its order is cuda, webgpu on a real adapter, cpu, wasm,
 * and emulated webgpu last. @throws ModelError `no_backend` that lists every refusal.
 */
export function chooseBackend(device: Device | "auto", probed: readonly ProbedBackend[]): BackendChoice {
  const wanted = device === "auto" ? probed : probed.filter((p) => p.backend.device === device);
  let best: ProbedBackend | undefined;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const p of wanted) {
    if (p.probe.available && p.probe.score > bestScore) {
      best = p;
      bestScore = p.probe.score;
    }
  }
  if (best?.probe.available !== true) {
    const refusals = wanted.map(({ backend, probe }) => `${backend.name}: ${probe.available ? "usable" : probe.reason}`);
    const got =
      refusals.length > 0 ? refusals.join("; ") : `no backend for it among ${probed.map((p) => p.backend.name).join(", ") || "none"}`;
    const remedy = device === "auto" ? "Run `biovlm doctor` for details." : "Name another device, or use auto.";
    throw new ModelError("no_backend", `device ${device} — expected a usable backend, got ${got}. ${remedy}`);
  }
  const score = ({ probe }: ProbedBackend) => (probe.available ? probe.score : Number.NEGATIVE_INFINITY);
  const others = device !== "auto" ? [] : probed.filter((p) => p !== best && p.probe.available).sort((a, b) => score(b) - score(a));
  const standby = others.map((p) => p.backend);
  const passedOver = device !== "auto" ? [] : probed.filter((p) => p !== best).map(reasonOf);
  return { backend: best.backend, detail: best.probe.detail, standby, passedOver };
}

function reasonOf({ backend, probe }: ProbedBackend): { name: string; reason: string } {
  return { name: backend.name, reason: probe.available ? `usable, but slower here (${probe.detail})` : probe.reason };
}
