// One backend of onnxruntime-web: probe by opening a one-node model on the device, open a model's towers there.

import { type Capabilities, type Encoder, type EncoderBackend, EncoderError, type Probe } from "@biovlm/model";
import {
  checkReferences,
  type EncoderGraphs,
  memoisedOpen,
  type OnnxArtifact,
  PROBE_IO,
  probeModel,
  probeRefusal,
  selfTest,
  type TowerRuntime,
  type TowerSession,
  towerEncoder,
} from "@biovlm/model/backend";
import type { InferenceSession } from "onnxruntime-web";
import { type AdapterReport, gpuAdapter } from "./gpu-adapter.js";
import { gpuDevice, type HeldDevice } from "./gpu-device.js";
import { type LoadedRuntime, probeLibrary, type RuntimeFiles, runtimeLibrary } from "./runtime-library.js";
import { availableThreads } from "./threads.js";

/** Devices of onnxruntime-web: WebAssembly on the processor, or WebGPU. */
export type WebDevice = "wasm" | "webgpu";

/** Options of one backend. Unknown names are refused. */
export interface WebOptions {
  /** WASM threads; what the host offers, at most 8, unless said. Fixed by the first backend that loads the runtime. */
  readonly threads?: number;
  /** Rows run at once: 8 on wasm, 32 on webgpu unless said. */
  readonly maxBatch?: number;
  /** Where a page serves the runtime's files. Bundlers that copy them need it not. */
  readonly runtimeFiles?: RuntimeFiles;
}

const TRAITS = {
  webgpu: { score: 80, maxBatch: 32, batchCost: 1024 },
  wasm: { score: 20, maxBatch: 8, batchCost: 64 },
} as const;
/** Below wasm: emulated WebGPU is slower than the CPU itself. */
const SOFTWARE_SCORE = 5;

/** Makes the backend of one device. Throws EncoderError `bad_input` for options out of range. */
export function webBackend(device: WebDevice, given: WebOptions = {}): EncoderBackend {
  const traits = TRAITS[device];
  const options = checked(device, given);
  const { maxBatch = traits.maxBatch } = options;
  const threads = options.threads ?? availableThreads().threads;
  const load = () => runtimeLibrary(device, threads, options.runtimeFiles);
  const tested = new WeakMap<object, Map<string, Promise<void>>>();
  const open = async (graphs: EncoderGraphs): Promise<Encoder> => {
    const loaded = await load();
    const gpu = device === "webgpu" ? await openDevice() : undefined;
    if (gpu?.float16 === false && graphs.precision === "fp16") {
      throw new EncoderError(
        device,
        "open_failed",
        "precision fp16 — expected an adapter with shader-f16, got one without. Open the model in fp32.",
      );
    }
    const capabilities: Capabilities = {
      device,
      precision: graphs.precision,
      maxBatch,
      gradients: graphs.promptGradients !== undefined,
      // one thread count, one order of sums; drivers promise less
      deterministic: device === "wasm",
    };
    const runtime = webRuntime(loaded, device, traits.batchCost, gpu);
    // once for a device and a precision; a failure is tried again at the next opening
    const tests = tested.get(gpu ?? loaded) ?? new Map<string, Promise<void>>();
    tested.set(gpu ?? loaded, tests);
    const test = tests.get(graphs.precision) ?? selfTest(runtime, device, capabilities);
    tests.set(graphs.precision, test);
    test.catch(() => tests.delete(graphs.precision));
    await test;
    return towerEncoder(runtime, graphs, device, capabilities);
  };
  return { name: device, device, probe: () => probe(device, threads, options.runtimeFiles), open: memoisedOpen(open) };
}

async function openDevice(): Promise<HeldDevice> {
  try {
    return await gpuDevice();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EncoderError("webgpu", "open_failed", `device — expected a WebGPU device, got: ${reason}. Use wasm.`, cause);
  }
}

function checked(device: WebDevice, options: WebOptions): WebOptions {
  for (const [key, value] of Object.entries(options)) {
    if (key === "runtimeFiles") continue;
    if (key !== "threads" && key !== "maxBatch") {
      throw new EncoderError(
        device,
        "bad_input",
        `option "${key}" — expected threads, maxBatch or runtimeFiles, got another name. Correct it.`,
      );
    }
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1 && value <= 65_536)) {
      throw new EncoderError(device, "bad_input", `option ${key} — expected a whole number from 1 to 65536, got ${value}. Correct it.`);
    }
  }
  return options;
}

async function probe(device: WebDevice, wanted: number, files?: RuntimeFiles): Promise<Probe> {
  try {
    let adapter: AdapterReport | undefined;
    if (device === "webgpu") {
      adapter = await gpuAdapter();
      if (!adapter.available) return adapter;
    }
    const { library, queue, threads } = await probeLibrary(device, wanted, files);
    const gpu = device === "webgpu" ? await gpuDevice() : undefined;
    const refusal = await queue.run(async () => {
      const session = await library.InferenceSession.create(probeModel(), sessionOptions(device, gpu));
      try {
        const outputs = await session.run({ [PROBE_IO.input]: new library.Tensor("float32", Float32Array.from(PROBE_IO.x), [2]) });
        const y = await outputs[PROBE_IO.output]?.getData();
        return probeRefusal(y instanceof Float32Array ? y : []);
      } finally {
        await session.release();
      }
    });
    if (refusal !== undefined) return { available: false, reason: refusal };
    if (adapter?.available)
      return { available: true, score: adapter.software ? SOFTWARE_SCORE : TRAITS.webgpu.score, detail: adapter.detail };
    const { reason } = availableThreads();
    const why = threads === 1 && reason !== undefined ? ` (${reason})` : "";
    return { available: true, score: TRAITS.wasm.score, detail: `onnxruntime-web, ${threads} thread${threads === 1 ? "" : "s"}${why}` };
  } catch (error) {
    return { available: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

function sessionOptions(device: WebDevice, gpu: HeldDevice | undefined): InferenceSession.SessionOptions {
  const provider = gpu === undefined ? device : { name: "webgpu", device: gpu.device };
  return { executionProviders: [provider as InferenceSession.ExecutionProviderConfig], logSeverityLevel: 3 };
}

function webRuntime({ library, queue }: LoadedRuntime, device: WebDevice, batchCost: number, gpu?: HeldDevice): TowerRuntime {
  return {
    form: "buffers",
    queue,
    batchCost,
    tensor: (data, dims) =>
      data instanceof Uint8Array ? new library.Tensor("uint8", data, dims) : new library.Tensor("float32", data, dims),
    open: async (artifact: OnnxArtifact, keep: readonly string[]): Promise<TowerSession> => {
      if (artifact.kind === "file") {
        throw new EncoderError(device, "open_failed", "model — expected bytes, got a path. Ask for the form that this runtime takes.");
      }
      checkReferences(artifact);
      await gpu?.alive();
      const session = await library.InferenceSession.create(artifact.model, {
        ...sessionOptions(device, gpu),
        ...(artifact.externalData === undefined ? {} : { externalData: artifact.externalData.map(({ path, data }) => ({ path, data })) }),
        // activations for the backward pass stay on the card
        ...(gpu === undefined || keep.length === 0
          ? {}
          : { preferredOutputLocation: Object.fromEntries(keep.map((name) => [name, "gpu-buffer" as const])) }),
      });
      return {
        async run(feeds, fetches) {
          await gpu?.alive();
          const outputs = await session.run(feeds as InferenceSession.FeedsType, fetches).catch(async (error) => {
            await gpu?.settle();
            throw error;
          });
          // what was computed while the device went is not to be trusted
          await gpu?.alive();
          return outputs;
        },
        release: () => session.release(),
      };
    },
  };
}
