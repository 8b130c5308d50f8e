// The engine behind the page: a model on a device, a bank, and what they say about images. One object a worker; it knows nothing of messages.

import {
  type AdapterReport,
  availableThreads,
  backends,
  clearStore,
  gpuAdapter,
  openPageStore,
  type PageStore,
  preferredPrecision,
  storageRoom,
} from "@biovlm/backend-web";
import { type Core, keptCount, loadCore } from "@biovlm/core";
import { attributeSentences, attributeSet, listDatasets } from "@biovlm/datasets";
import { decodeImage } from "@biovlm/imaging";
import {
  attributeBank,
  type Classifier,
  chooseBackend,
  createClassifier,
  type DeviceChange,
  type Encoder,
  type EncoderBackend,
  type EncoderGraphs,
  loadModel,
  type Model,
  type ModelFiles,
  openWithFailover,
  type PromptBank,
  probeBackends,
  promptCount,
  promptNames,
  readBank,
  sha256,
  templateBank,
} from "@biovlm/model";
import { breathing } from "./breathing-encoder.js";
import { learn } from "./learning.js";
import { modelFiles } from "./model-delivery.js";
import { occlusionMap } from "./occlusion.js";
import type {
  ClassSource,
  DeviceState,
  DeviceWish,
  Failure,
  ImageAnswer,
  Memory,
  Picture,
  Prepared,
  Progress,
  Requests,
} from "./protocol.js";

/** How a request tells how far it is, and learns that it is no longer wanted. */
export interface Call {
  readonly signal: AbortSignal;
  readonly tell: (progress: Progress) => void;
}

export type Engine = { readonly [N in keyof Requests]: (ask: Requests[N]["ask"], call: Call) => Promise<Requests[N]["answer"]> };

type Precision = EncoderGraphs["precision"];

interface Open {
  readonly core: Core;
  readonly model: Model;
  readonly encoder: Encoder;
  readonly detail: string;
  /** the encoder to learn with: always float32 */
  readonly exact: () => Promise<{ readonly model: Model; readonly encoder: Encoder }>;
}

/** Embeddings kept, so that other classes are answered at once. */
const MOST_EMBEDDINGS = 20_000;

/** Makes the engine. `onDevice` hears of a device that was lost and of what took its place. */
export function createEngine(onDevice: (state: DeviceState, change: DeviceChange) => void): Engine {
  let opened: Open | undefined;
  let classifier: Classifier | undefined;
  let pageStore: Promise<PageStore> | undefined;
  const embeddings = new Map<number, Float32Array>();
  const store = () => (pageStore ??= openPageStore());
  const needOpen = () => opened ?? refuse("not_open", "no model is open — choose a model first.");
  const needClassifier = () => classifier ?? refuse("no_classes", "no classes are chosen — name what an image may show first.");

  return {
    async open({ source, device, precision, threads, base }, { signal, tell }) {
      const [{ store: bytes, memoryOnly }, core] = await Promise.all([store(), loadCore({ deterministic: true })]);
      const delivered = await modelFiles(source, base, bytes, (done, total) => tell({ kind: "bytes", done, total }), signal);
      if (delivered.notKept !== undefined) tell({ kind: "note", text: `the model is not kept in this browser: ${delivered.notKept}` });
      const name = source.kind === "offered" ? source.model.name : "your model";
      const load = modelsOf(delivered.files, name);
      const adapter = device === "wasm" ? undefined : await gpuAdapter();
      const { asked, skipped } = worthAsking(device, adapter, base, threads);
      const chosen = chooseBackend(device, await probeBackends(asked));
      const chain = [chosen.backend, ...chosen.standby];
      const precisionOf = (b: { device: string }): Precision =>
        precision === "auto" ? preferredPrecision(b.device as "wasm" | "webgpu", adapter) : precision;
      const models = new Map<string, Model>();
      for (const backend of chain) models.set(backend.device, await load(precisionOf(backend)));
      const model = models.get(chosen.backend.device)!;
      const told = (encoder: () => Encoder, change: DeviceChange) => onDevice(stateOf(encoder(), chosen.detail), change);
      const encoder: Encoder = await openWithFailover((d) => models.get(d)!.graphs, chain, { onChange: (c) => told(() => encoder, c) });
      let exact: ReturnType<Open["exact"]> | undefined;
      opened = {
        core,
        model,
        encoder: breathing(encoder),
        detail: chosen.detail,
        exact: () => (exact ??= openExact(load, chain, (e, change) => told(() => e, change))),
      };
      embeddings.clear();
      classifier = undefined;
      return {
        ...stateOf(encoder, chosen.detail),
        model: { name, digest: model.digest, imageSize: model.spec.vision.imageSize },
        passedOver: [...skipped, ...chosen.passedOver],
        datasets: listDatasets().map((dataset) => {
          const set = attributeSet(dataset);
          return { name: dataset, modality: set.modality, classes: set.classes.map((c) => c.name) };
        }),
        downloaded: delivered.downloaded,
        ...(memoryOnly === undefined ? {} : { memoryOnly }),
      };
    },

    async prepare({ classes }, { signal }) {
      const { core, encoder, model } = needOpen();
      const { bank, names } = await bankOf(classes, { core, encoder, model }, signal);
      const next = await createClassifier({ core, encoder, model, bank, ...(names === undefined ? {} : { classes: names }) });
      // a bank that was learned with other pixels cannot use the embeddings made so far
      if (classifier !== undefined && String(classifier.pixels.mean) !== String(next.pixels.mean)) embeddings.clear();
      classifier = next;
      return described(bank, classifier);
    },

    async classify({ images }, { signal, tell }) {
      const { core, encoder, model } = needOpen();
      const current = needClassifier();
      const S = model.spec.vision.imageSize;
      const length = 3 * S * S;
      const pictures = new Map<number, Picture>();
      const failures = new Map<number, Failure>();
      for (const { id, file } of images) {
        signal.throwIfAborted();
        if (embeddings.has(id)) continue;
        try {
          pictures.set(id, { size: S, rgb: core.resizeCrop(await decoded(file), S) });
        } catch (error) {
          failures.set(id, failureOf(error));
        }
        tell({ kind: "images", done: pictures.size + failures.size, total: images.length });
      }
      const fresh = [...pictures];
      const pixels = new Float32Array(fresh.length * length);
      for (const [i, [, { rgb }]] of fresh.entries()) core.normalize(rgb, current.pixels, pixels, i * length);
      const { data, shape } = await encoder.encodeImages(pixels, fresh.length, { signal });
      for (const [i, [id]] of fresh.entries()) embeddings.set(id, data.slice(i * shape[1], (i + 1) * shape[1]));
      const answers = images.map(({ id }): ImageAnswer => {
        const embedding = embeddings.get(id);
        const error = failures.get(id);
        if (embedding === undefined) return { id, ok: false, error: error ?? { code: "no_answer", message: "no answer" } };
        const [answer] = current.classifyEmbeddings(embedding, { explain: true });
        const picture = pictures.get(id);
        return { id, ok: true, answer: answer!, ...(picture === undefined ? {} : { picture }) };
      });
      for (const oldest of embeddings.keys()) {
        if (embeddings.size <= MOST_EMBEDDINGS) break;
        embeddings.delete(oldest);
      }
      return answers;
    },

    async look({ file }) {
      const { core, model } = needOpen();
      const size = model.spec.vision.imageSize;
      return { size, rgb: core.resizeCrop(await decoded(file), size) };
    },

    async occlude({ file, className, grid }, { signal, tell }) {
      const { core, encoder, model } = needOpen();
      const rgb = core.resizeCrop(await decoded(file), model.spec.vision.imageSize);
      const onProgress = (done: number, total: number) => tell({ kind: "cells", done, total });
      return occlusionMap(rgb, { core, encoder, spec: model.spec, classifier: needClassifier(), className, grid, signal, onProgress });
    },

    async learn(choices, { signal, tell }) {
      const { core, exact } = needOpen();
      const { model, encoder } = await exact();
      return learn({ core, model, encoder, store: (await store()).store, read: trainingImage, signal, tell }, choices);
    },

    async memory(): Promise<Memory> {
      const { used, free, persistent } = await storageRoom();
      return { persistent, ...(used === undefined ? {} : { stored: used }), ...(free === undefined ? {} : { free }) };
    },

    async clear() {
      return { cleared: await clearStore((await store()).store) };
    },
  };
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

async function bankOf(
  source: ClassSource,
  context: { readonly core: Core; readonly encoder: Encoder; readonly model: Model },
  signal: AbortSignal,
): Promise<{ readonly bank: PromptBank; readonly names?: readonly string[] }> {
  if (source.kind === "names") return { bank: await templateBank(context, source.names, { signal }) };
  if (source.kind === "bank") {
    const bank = readBank(new Uint8Array(await source.file.arrayBuffer()));
    return source.names === undefined ? { bank } : { bank, names: source.names };
  }
  const set = attributeSet(source.name);
  return {
    bank: await attributeBank(
      context,
      set.classes.map((c) => c.name),
      attributeSentences(set),
      { signal },
    ),
  };
}

function described(bank: PromptBank, classifier: Classifier): Prepared {
  const N = promptCount(bank);
  const names = promptNames(bank) ?? Array.from({ length: N }, (_, n) => `prompt ${n + 1}`);
  const kept = keptCount(bank.rho, N);
  return {
    classes: classifier.classes,
    prompts: names,
    kept,
    recipe: bank.recipe,
    digest: classifier.bankDigest,
    openSet: bank.ctx !== undefined,
  };
}

async function decoded(file: Blob) {
  return decodeImage(new Uint8Array(await file.arrayBuffer()), { timeoutMs: 20_000 });
}

async function trainingImage(file: Blob) {
  const digest = await sha256(new Uint8Array(await file.arrayBuffer()));
  return { sha256: digest.replace(/^sha256:/, ""), pixels: () => decoded(file) };
}

function refuse(code: string, message: string): never {
  throw Object.assign(new Error(message), { code });
}

/** Any thrown value as a stable code and a line for a person. */
export function failureOf(error: unknown): Failure {
  const { code, name } = (typeof error === "object" && error !== null ? error : {}) as { code?: unknown; name?: unknown };
  const message = (error instanceof Error ? error.message : String(error)).replace(/^\[biovlm:[a-z-]+\] /, "").slice(0, 2000);
  if (name === "AbortError") return { code: "stopped", message: "stopped" };
  return { code: typeof code === "string" ? code : "internal_error", message };
}
