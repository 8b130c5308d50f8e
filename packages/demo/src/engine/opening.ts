// Opening a model on a device: its files delivered, a backend chosen, an encoder that outlives its device. Nothing here knows of banks.

import { type AdapterReport, availableThreads, backends, gpuAdapter, type PageStore, preferredPrecision } from "@biovlm/backend-web";
import { type Core, loadCore } from "@biovlm/core";
import { attributeSet, listDatasets } from "@biovlm/datasets";
import { WINDOW_PRESETS } from "@biovlm/imaging";
import {
  chooseBackend,
  type DeviceChange,
  type Encoder,
  type EncoderBackend,
  loadModel,
  type Model,
  type ModelFiles,
  openWithFailover,
  probeBackends,
} from "@biovlm/model";
import type { EncoderGraphs } from "@biovlm/model/backend";
import { breathing } from "./breathing-encoder.js";
import { type Call, refuse } from "./call.js";
import { modelFiles } from "./model-delivery.js";
import type { DeviceState, DeviceWish, Opened, Requests } from "./protocol.js";

type Precision = EncoderGraphs["precision"];

/** A model that is open. */
export interface OpenModel {
  readonly core: Core;
  readonly model: Model;
  readonly encoder: Encoder;
  /** the encoder to learn with: always float32; opened when it is first asked for */
  readonly exact: () => Promise<{ readonly model: Model; readonly encoder: Encoder }>;
  /** what the page is told */
  readonly opened: Opened;
}

export type DeviceListener = (state: DeviceState, change: DeviceChange) => void;

/**
 * Opens a model on the device that is wished for.
 * @throws ModelError of delivery, loading and `no_backend`; EncoderError `open_failed`; the signal's reason
 */
export async function openModel(
  { source, device, precision, threads, base }: Requests["open"]["ask"],
  keptIn: () => Promise<PageStore>,
  onDevice: DeviceListener,
  { signal, tell }: Call,
): Promise<OpenModel> {
  const [{ store, memoryOnly }, core] = await Promise.all([keptIn(), loadCore({ deterministic: true })]);
  const delivered = await modelFiles(source, base, store, (done, total) => tell({ kind: "bytes", done, total }), signal);
  if (delivered.notKept !== undefined) tell({ kind: "note", text: `the model is not kept in this browser: ${delivered.notKept}` });
  const name = source.kind === "offered" ? source.model.name : "your model";
  const load = modelsOf(delivered.files, name);
  const adapter = device === "wasm" ? undefined : await gpuAdapter();
  const { asked, skipped } = worthAsking(device, adapter, base, threads);
  const chosen = chooseBackend(device, await probeBackends(asked));
  const chain = [chosen.backend, ...chosen.standby];
  const precisionOf = ({ device: on }: EncoderBackend): Precision =>
    precision === "auto" ? preferredPrecision(on === "webgpu" ? "webgpu" : "wasm", adapter) : precision;
  const models = new Map<string, Model>();
  for (const backend of chain) models.set(backend.device, await load(precisionOf(backend)));
  const modelOn = (on: string) => models.get(on) ?? refuse("internal_error", `no model was made for device ${on}`);
  const model = modelOn(chosen.backend.device);
  const told = (of: Encoder, change: DeviceChange) => onDevice(stateOf(of, chosen.detail), change);
  const encoder: Encoder = await openWithFailover((on) => modelOn(on).graphs, chain, { onChange: (change) => told(encoder, change) });
  let exact: ReturnType<OpenModel["exact"]> | undefined;
  return {
    core,
    model,
    encoder: breathing(encoder),
    exact: () => (exact ??= openExact(load, chain, told)),
    opened: {
      ...stateOf(encoder, chosen.detail),
      model: { name, digest: model.digest, imageSize: model.spec.vision.imageSize },
      passedOver: [...skipped, ...chosen.passedOver],
      datasets: knownDatasets(),
      windows: WINDOW_PRESETS,
      downloaded: delivered.downloaded,
      ...(memoryOnly === undefined ? {} : { memoryOnly }),
    },
  };
}

function knownDatasets(): Opened["datasets"] {
  return listDatasets().map((dataset) => {
    const set = attributeSet(dataset);
    const { modality, template, classes } = set;
    return { name: dataset, modality, template, classes: classes.map((c) => c.name), attributes: classes.map((c) => c.attributes) };
  });
}

/** The backends to probe. Under `auto` the WebGPU runtime, 27 MB, is not even loaded where there is no adapter or an emulated one. */
function worthAsking(device: DeviceWish, adapter: AdapterReport | undefined, base: string, threads = availableThreads().threads) {
  const all = backends({ runtimeFiles: new URL("ort/", base).href, threads });
  if (device !== "auto") return { asked: all.filter((b) => b.device === device), skipped: [] };
  const reason = adapter?.available === true ? (adapter.software ? `${adapter.detail}: slower than wasm` : undefined) : adapter?.reason;
  if (reason === undefined) return { asked: all, skipped: [] };
  return { asked: all.filter((b) => b.device !== "webgpu"), skipped: [{ name: "webgpu", reason }] };
}

/** A model in each precision, made when it is asked for; the weights are in memory once. */
function modelsOf(files: ModelFiles, name: string): (precision: Precision) => Promise<Model> {
  const made = new Map<Precision, Promise<Model>>();
  let digest: string | undefined;
  return (precision) => {
    const known = made.get(precision);
    if (known !== undefined) return known;
    const model = loadModel(files, { name, precision, ...(digest === undefined ? {} : { digest }) }).then((loaded) => {
      digest = loaded.digest;
      return loaded;
    });
    made.set(precision, model);
    return model;
  };
}

async function openExact(
  load: (precision: Precision) => Promise<Model>,
  chain: readonly EncoderBackend[],
  onChange: (encoder: Encoder, change: DeviceChange) => void,
) {
  const model = await load("fp32");
  const encoder: Encoder = await openWithFailover(model.graphs, chain, { onChange: (change) => onChange(encoder, change) });
  return { model, encoder: breathing(encoder) };
}

function stateOf({ capabilities }: Encoder, detail: string): DeviceState {
  return { device: capabilities.device, precision: capabilities.precision, detail, canLearn: capabilities.gradients };
}
