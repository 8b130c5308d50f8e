// What a server tells Prometheus, and the observer through which the engine says it. Labels are models, devices, stages, codes and prompt
// numbers: nothing that a client or a file could fill with text.

import type { EngineObserver } from "@biovlm/engine";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Counters and histograms of one server, in Prometheus's form. */
export interface Metrics {
  readonly registry: Registry;
  readonly observer: EngineObserver;
  /** one HTTP answer: the route as it is declared, never as it was asked for */
  request(route: string, method: string, status: number, seconds: number): void;
  /** a request came; what is returned says that it was answered, or left */
  begun(): () => void;
  /** how many bytes of request bodies are held */
  bodies(bytes: () => number): void;
  /** how many lines of the log could not be written */
  linesLost(lines: () => number): void;
  /** who asked had no key for it */
  authFailed(reason: AuthFailure): void;
  /** keys, a certificate or a bank were read: at the start, and again while serving */
  reloaded(what: string, outcome: "loaded" | "refused"): void;
}

/** Why a caller was refused: no key, a wrong one, one without the scope, or too many wrong ones from its address. */
export type AuthFailure = "missing" | "unknown" | "scope" | "limited";

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Metrics with a registry of their own: several servers in one process do not meet. */
export function createMetrics({ processMetrics = true }: { readonly processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (processMetrics) {
    collectDefaultMetrics({ register: registry });
    // gauges with the name of counters, and said again by kind without the ending
    for (const name of ["handles", "requests", "resources"]) registry.removeSingleMetric(`nodejs_active_${name}_total`);
  }
  const { http, ...of } = instruments(registry);
  const queue = perModel(registry, "biovlm_queue_images", "Images that wait for a batch");
  const loaded = perModel(registry, "biovlm_model_loaded", "1 for a served model that is in memory");
  const memory = perModel(registry, "biovlm_encoder_memory_bytes", "Resident memory of a model's encoder processes");
  return {
    registry,
    observer: engineObserver(of, { queue, memory, loaded }),
    ...requestInstruments(registry),
    reloaded: reloadInstruments(registry),
    request: (route, method, status, seconds) => http.observe({ route, method, status: String(status) }, seconds),
  };
}

function instruments(registry: Registry) {
  const registers = [registry];
  const stage = new Histogram({
    name: "biovlm_stage_seconds",
    help: "Time of a call in each stage",
    labelNames: ["model", "stage"],
    buckets: SECONDS,
    registers,
  });
  const http = new Histogram({
    name: "biovlm_request_seconds",
    help: "Time from request to answer",
    labelNames: ["route", "method", "status"],
    buckets: SECONDS,
    registers,
  });
  const batchSize = new Histogram({
    name: "biovlm_batch_images",
    help: "Images encoded at once",
    labelNames: ["model"],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    registers,
  });
  const images = new Counter({ name: "biovlm_images_total", help: "Images by outcome", labelNames: ["model", "outcome"], registers });
  const entropy = new Histogram({
    name: "biovlm_kept_entropy_nats",
    help: "Entropy of kept prompts",
    labelNames: ["model"],
    buckets: [0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 3],
    registers,
  });
  const kept = new Counter({
    name: "biovlm_prompt_kept_total",
    help: "How often each prompt of a bank was kept",
    labelNames: ["bank", "prompt"],
    registers,
  });
  const crashes = new Counter({
    name: "biovlm_encoder_crashes_total",
    help: "Encoder processes that ended by themselves",
    labelNames: ["model"],
    registers,
  });
  const recycled = new Counter({
    name: "biovlm_encoder_recycled_total",
    help: "Encoder processes replaced",
    labelNames: ["model", "reason"],
    registers,
  });
  const fallbacks = new Counter({
    name: "biovlm_fallbacks_total",
    help: "Changes of the device",
    labelNames: ["model", "from", "to"],
    registers,
  });
  const backend = new Gauge({ name: "biovlm_backend", help: "1 for the device in use", labelNames: ["model", "device"], registers });
  const reloads = new Counter({
    name: "biovlm_bank_loads_total",
    help: "Banks put in use while serving",
    labelNames: ["outcome"],
    registers,
  });
  return {
    stage,
    http,
    batchSize,
    images,
    entropy,
    kept,
    crashes,
    recycled,
    fallbacks,
    backend,
    reloads,
    ...modelInstruments(registry),
  };
}

/** Models that come into memory and leave it. */
function modelInstruments(registry: Registry) {
  const registers = [registry];
  const modelLoads = new Counter({
    name: "biovlm_model_loads_total",
    help: "Models loaded into memory, or tried to",
    labelNames: ["model", "outcome"],
    registers,
  });
  const modelUnloads = new Counter({
    name: "biovlm_model_unloads_total",
    help: "Models that left memory: for room, or because they were asked to",
    labelNames: ["model", "reason"],
    registers,
  });
  const loadSeconds = new Histogram({
    name: "biovlm_model_load_seconds",
    help: "Time until a loaded model can answer",
    labelNames: ["model"],
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300],
    registers,
  });
  return { modelLoads, modelUnloads, loadSeconds };
}

/** Whether what can be renewed was, and when that last went well. */
function reloadInstruments(registry: Registry): Metrics["reloaded"] {
  const registers = [registry];
  const labelNames = ["what"];
  const tries = new Counter({
    name: "biovlm_reload_attempts_total",
    help: "Times that keys, a certificate or a bank were read",
    labelNames: ["what", "outcome"],
    registers,
  });
  const well = new Gauge({ name: "biovlm_reload_last_successful", help: "0 where the last reading was refused", labelNames, registers });
  const when = new Gauge({
    name: "biovlm_reload_last_success_timestamp_seconds",
    help: "Time of the last reading that was not refused",
    labelNames,
    registers,
  });
  return (what, outcome) => {
    tries.inc({ what, outcome });
    well.set({ what }, outcome === "loaded" ? 1 : 0);
    if (outcome === "loaded") when.setToCurrentTime({ what });
  };
}

/** Requests that are being answered, bytes that they hold, and callers that were refused. */
function requestInstruments(registry: Registry): Pick<Metrics, "begun" | "bodies" | "linesLost" | "authFailed"> {
  const registers = [registry];
  const open = new Gauge({ name: "biovlm_requests_in_flight", help: "Requests that are not answered yet", registers });
  const failures = new Counter({
    name: "biovlm_auth_failures_total",
    help: "Requests refused for their key",
    labelNames: ["reason"],
    registers,
  });
  let held = () => 0;
  new Gauge({
    name: "biovlm_queue_bytes",
    help: "Bytes of request bodies, and of large answers, that are held until they are answered and taken",
    registers,
    collect() {
      this.set(held());
    },
  });
  let lost = () => 0;
  new Counter({
    name: "biovlm_log_lines_lost_total",
    help: "Lines of the log that could not be written",
    registers,
    collect() {
      this.reset();
      this.inc(lost());
    },
  });
  return {
    begun() {
      open.inc();
      return () => open.dec();
    },
    bodies(bytes) {
      held = bytes;
    },
    linesLost(lines) {
      lost = lines;
    },
    authFailed: (reason) => failures.inc({ reason }),
  };
}

/** A gauge that is read when it is asked for: model → its figure. */
function perModel(registry: Registry, name: string, help: string): Map<string, () => number> {
  const figures = new Map<string, () => number>();
  new Gauge({
    name,
    help,
    labelNames: ["model"],
    registers: [registry],
    collect() {
      for (const [model, figure] of figures) this.set({ model }, figure());
    },
  });
  return figures;
}

function engineObserver(
  of: Omit<ReturnType<typeof instruments>, "http">,
  gauges: Readonly<Record<"queue" | "memory" | "loaded", Map<string, () => number>>>,
): EngineObserver {
  const { stage, batchSize, images, entropy, kept, crashes, recycled, fallbacks, backend, reloads } = of;
  const inUse = new Map<string, string>();
  const use = (model: string, device: string) => {
    const before = inUse.get(model);
    if (before !== undefined && before !== device) backend.set({ model, device: before }, 0);
    inUse.set(model, device);
    backend.set({ model, device }, 1);
  };
  return {
    queue: (model, depth) => void gauges.queue.set(model, depth),
    memory: (model, bytes) => void gauges.memory.set(model, bytes),
    run: (model, size) => batchSize.observe({ model }, size),
    answered(model, bank, answers, timings) {
      for (const [name, ms] of Object.entries(timings)) stage.observe({ model, stage: name }, ms / 1000);
      const total = Object.values(timings).reduce((sum, ms) => sum + ms, 0);
      stage.observe({ model, stage: "total" }, total / 1000);
      for (const answer of answers) {
        if ("error" in answer) {
          images.inc({ model, outcome: answer.error.code });
          continue;
        }
        if ("leftOut" in answer) {
          images.inc({ model, outcome: "left_out" });
          continue;
        }
        images.inc({ model, outcome: "answered" });
        for (const { prompt, entropy: nats } of answer.kept ?? []) {
          entropy.observe({ model }, nats);
          kept.inc({ bank: bank.digest.slice(0, 19), prompt: String(prompt) });
        }
      }
    },
    encodingEvent(model, event) {
      if (event.kind === "started") use(model, event.device);
      else if (event.kind === "crashed") crashes.inc({ model });
      else if (event.kind === "recycled") recycled.inc({ model, reason: event.reason });
      else {
        fallbacks.inc({ model, from: event.from, to: event.to });
        use(model, event.to);
      }
    },
    model: (model, loaded) => void gauges.loaded.set(model, () => Number(loaded())),
    modelLoaded(model, _digest, ms) {
      of.modelLoads.inc({ model, outcome: "loaded" });
      of.loadSeconds.observe({ model }, ms / 1000);
    },
    modelUnloaded(model, _digest, reason) {
      of.modelUnloads.inc({ model, reason });
      const device = inUse.get(model);
      if (device !== undefined) backend.set({ model, device }, 0);
      inUse.delete(model);
    },
    modelLoadFailed: (model) => of.modelLoads.inc({ model, outcome: "failed" }),
    bankReloaded: () => reloads.inc({ outcome: "loaded" }),
    bankRefused: () => reloads.inc({ outcome: "refused" }),
  };
}
