// What the page of chromium.test.ts can do, on globalThis.biovlm: run a promise of the conformance suite, embed, train, lose its device, keep files.

import { loadCore } from "@biovlm/core";
import { type DeviceChange, type Encoder, type EncoderBackend, loadModel, openWithFailover } from "@biovlm/model";
import { type EncoderSubject, encoderPromises, toyPixels, toyTowers } from "@biovlm/model/testing";
import {
  availableThreads,
  clearStore,
  deliverFile,
  gpuAdapter,
  openPageStore,
  storageRoom,
  wasmBackend,
  webgpuBackend,
} from "../../src/index.js";
import { toyModel, train } from "./training-run.js";

type Device = "wasm" | "webgpu";

// devices that the page asked for, so that they can be destroyed behind its back
const devices: { destroy(): void }[] = [];
let adaptersLeft = Number.POSITIVE_INFINITY;
const gpu = (navigator as unknown as { gpu?: { requestAdapter(options?: object): Promise<unknown> } }).gpu;
if (gpu !== undefined) {
  const requestAdapter = gpu.requestAdapter.bind(gpu);
  gpu.requestAdapter = async (options) => {
    if (adaptersLeft-- <= 0) return null;
    const adapter = (await requestAdapter(options)) as { requestDevice(descriptor?: object): Promise<{ destroy(): void }> } | null;
    if (adapter !== null) {
      const requestDevice = adapter.requestDevice.bind(adapter);
      adapter.requestDevice = async (descriptor) => {
        const device = await requestDevice(descriptor);
        devices.push(device);
        return device;
      };
    }
    return adapter;
  };
}

const threads = new URLSearchParams(location.search).get("threads");
const options = { maxBatch: 4, runtimeFiles: "/ort/", ...(threads === null ? {} : { threads: Number(threads) }) };
const backends: Record<Device, EncoderBackend> = { wasm: wasmBackend(options), webgpu: webgpuBackend(options) };
const subjects: Record<Device, EncoderSubject> = { wasm: { backend: backends.wasm }, webgpu: { backend: backends.webgpu } };
const int8: EncoderSubject = { backend: backends.wasm, precision: "int8", tolerance: 0.06 };

async function fetched(name: string): Promise<Uint8Array> {
  return new Uint8Array(await (await fetch(`/tiny/${name}`)).arrayBuffer());
}

async function tiny(precision: "fp32" | "int8" = "fp32") {
  const text = async (name: string) => new TextDecoder().decode(await fetched(name));
  return loadModel(
    {
      weights: await fetched("model.safetensors"),
      texts: {
        "open_clip_config.json": await text("open_clip_config.json"),
        "tokenizer.json": await text("tokenizer.json"),
      },
    },
    { name: "tiny", precision },
  );
}

const outcome = async <T>(job: () => Promise<T>) => {
  try {
    return { value: await job() };
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return { code, message };
  }
};

async function destroyMidRun(encoder: Encoder, times: number) {
  const wanted = toyTowers().images(toyPixels(8), 8);
  let farthest = 0;
  for (let i = 0; i < times; i++) {
    await encoder.encodeImages(toyPixels(8), 8);
    const running = encoder.encodeImages(toyPixels(8), 8);
    await new Promise((resolve) => setTimeout(resolve, i % 5));
    devices.at(-1)?.destroy();
    const { data } = await running;
    // a run that had ended before the destruction says nothing about what comes after
    const after = await encoder.encodeImages(toyPixels(8), 8);
    for (const got of [data, after.data]) for (const [j, x] of got.entries()) farthest = Math.max(farthest, Math.abs(x - wanted[j]!));
  }
  return farthest;
}

const page = {
  titles: encoderPromises.map((p) => p.title),
  keep: (device: Device, index: number) => outcome(() => encoderPromises[index]!.run(subjects[device])),
  keepInt8: (index: number) => outcome(() => encoderPromises[index]!.run(int8)),
  probe: (device: Device) => backends[device].probe(),
  adapter: gpuAdapter,
  threads: () => availableThreads(),

  /** images [B,3,S,S] and token rows through the embedded model, and the routing of a bank's text [N,C,D] */
  async embed(device: Device, pixels: number[], batch: number, text: number[], [N, C]: [number, number]) {
    const core = await loadCore({ deterministic: true });
    const model = await tiny();
    const encoder = await backends[device].open(model.graphs);
    const images = await encoder.encodeImages(Float32Array.from(pixels), batch);
    const D = model.spec.embedDim;
    const ids = Int32Array.from(model.tokenizer.encode("a photo of a tumor."));
    const texts = await encoder.encodeTexts(ids, new Uint8Array(ids.length).fill(1), [1, ids.length]);
    const f = core.l2Normalize(images.data, batch, D);
    const { kept, entropy } = core.route(f, Float32Array.from(text), Math.exp(model.spec.logitScale), 0.5, { B: batch, N, C, D });
    await encoder.close();
    return { images: Array.from(images.data), texts: Array.from(texts.data), kept: Array.from(kept), entropy: Array.from(entropy) };
  },

  async trainTiny(device: Device) {
    const model = await tiny();
    const encoder = await backends[device].open(model.graphs);
    const { bytes } = await train(model, encoder);
    return Array.from(bytes);
  },
  async trainToy(device: Device) {
    const model = toyModel();
    const encoder = await backends[device].open(model.graphs);
    return Array.from((await train(model, encoder)).ctx);
  },

  /** destroys the device again and again while images are embedded */
  async loseDevice(times: number) {
    const changes: DeviceChange[] = [];
    const encoder = await openWithFailover(toyTowers().graphs, [backends.webgpu, backends.wasm], { onChange: (c) => changes.push(c) });
    const farthest = await destroyMidRun(encoder, times);
    return { farthest, changes, device: encoder.capabilities.device };
  },
  /** destroys the device when the browser gives no further one */
  async loseLastDevice(named: boolean) {
    const changes: DeviceChange[] = [];
    const chain = named ? [backends.webgpu] : [backends.webgpu, backends.wasm];
    const encoder = await openWithFailover(toyTowers().graphs, chain, { onChange: (c) => changes.push(c) });
    await encoder.encodeImages(toyPixels(1), 1);
    adaptersLeft = 0;
    devices.at(-1)?.destroy();
    const answer = await outcome(() => encoder.encodeImages(toyPixels(1), 1));
    adaptersLeft = Number.POSITIVE_INFINITY;
    const again = await outcome(() => encoder.encodeImages(toyPixels(1), 1));
    return {
      code: answer.code,
      numbers: Array.from(answer.value?.data ?? []),
      again: Array.from(again.value?.data ?? []),
      device: encoder.capabilities.device,
      changes,
    };
  },

  async deliver(file: { url: string; sha256: string; bytes: number }, abortAfter = Number.POSITIVE_INFINITY) {
    const { store, memoryOnly } = await openPageStore("biovlm-test");
    const stop = new AbortController();
    const answer = await outcome(async () => {
      const { bytes, resumedAt, notKept } = await deliverFile(file, {
        store,
        signal: stop.signal,
        onProgress: (received) => received > abortAfter && stop.abort(new Error("stopped by the test")),
      });
      return { sum: bytes.reduce((a, b) => (a + b) % 65_521, 0), resumedAt, notKept };
    });
    return { ...answer, memoryOnly, keys: (await store.list("")).length };
  },
  async clear() {
    const { store } = await openPageStore("biovlm-test");
    return { cleared: await clearStore(store), left: (await store.list("")).length };
  },
  room: storageRoom,
};

export type TestedPage = typeof page;
(globalThis as unknown as { biovlm: TestedPage }).biovlm = page;
