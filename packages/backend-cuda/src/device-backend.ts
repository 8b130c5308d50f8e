// One backend of onnxruntime-node: probe by opening a one-node model on the device, open a model's towers there.

import { availableParallelism } from "node:os";
import { type Capabilities, type Encoder, type EncoderBackend, EncoderError, type Probe } from "@biovlm/model";
import {
  type EncoderGraphs,
  type ImageTowers,
  imageTowersFor,
  memoisedOpen,
  type OnnxArtifact,
  PROBE_IO,
  probeModel,
  probeRefusal,
  RunQueue,
  selfTest,
  type TowerRuntime,
  type TowerSession,
  towerEncoder,
} from "@biovlm/model/backend";
import { checkArtifact } from "@biovlm/model/node";
import type { InferenceSession } from "onnxruntime-node";
import { laneRuntime } from "./lanes.js";
import { cudaLibrariesMissing, type OnnxRuntime, runtimeLibrary } from "./runtime-library.js";
import { gpuDeviceHere, signsHere, softwareAdapter } from "./software-adapter.js";

/** Devices of onnxruntime-node: an NVIDIA GPU, any GPU through native WebGPU, the processor. */
export type NodeDevice = "cuda" | "webgpu" | "cpu";

/** Options of one backend. Unknown names are refused. */
export interface DeviceOptions {
  /** CPU threads of one run; what the machine offers unless said. On cuda and webgpu they serve the few operators left on the CPU. */
  readonly threads?: number;
  /** Rows run at once: 32 on cpu, where short texts may be more, 64 on webgpu, 128 on cuda unless said. */
  readonly maxBatch?: number;
  /**
   * On cpu, runs at once, each on one thread with a session of its own; 1 unless said. For calls that come several at a time and models whose runs are
   * short; it takes the model's memory as many times.
   */
  readonly lanes?: number;
  /**
   * On cpu, what computes image towers in int8 in onnxruntime's place, such as @biovlm/core-native's; texts and gradients stay onnxruntime's. Its calls
   * overlap on `threads` of their own, so that lanes are not opened where it serves.
   */
  readonly imageTowers?: ImageTowers;
}

interface Traits {
  readonly score: number;
  readonly maxBatch: number;
  /** see TowerRuntime.batchCost: a CPU run costs about as much as 64 tokens of a BERT-base, a device run much more in comparison */
  readonly batchCost: number;
}

/** On cpu, unless maxBatch is said: a BERT-base's products are 4 % faster over 480 rows than over 200, and no faster over 780. */
const BATCH_TOKENS = 512;

const TRAITS: Record<NodeDevice, Traits> = {
  cuda: { score: 100, maxBatch: 128, batchCost: 2048 },
  webgpu: { score: 80, maxBatch: 64, batchCost: 1024 },
  cpu: { score: 50, maxBatch: 32, batchCost: 64 },
};
/** Below wasm (20): emulated WebGPU is slower than either CPU path. */
const SOFTWARE_SCORE = 5;

/** Makes the backend of one device. Throws EncoderError `bad_input` for options out of range. */
export function deviceBackend(device: NodeDevice, options: DeviceOptions = {}): EncoderBackend {
  const traits = TRAITS[device];
  const { threads = availableParallelism(), maxBatch = traits.maxBatch, lanes = 1, imageTowers } = checked(device, options);
  // one more than are computed at once, so that no thread waits for this one
  const images =
    device === "cpu" && imageTowers !== undefined ? { towers: imageTowers, threads, queue: new RunQueue(threads + 1) } : undefined;
  const capabilities = (graphs: EncoderGraphs): Capabilities => ({
    device,
    precision: graphs.precision,
    maxBatch,
    gradients: graphs.promptGradients !== undefined,
    // one thread count, one order of sums on the CPU; cuBLAS and drivers promise less
    deterministic: device === "cpu",
  });
  const tested = new Map<string, Promise<void>>();
  /** once for a precision and what computes images; a failure is tried again at the next opening */
  const test = (runtime: TowerRuntime, precision: EncoderGraphs["precision"], graphs: EncoderGraphs): Promise<void> => {
    const key = `${precision} ${runtime.imageTowers?.towers.bits}`;
    const before = tested.get(key);
    if (before !== undefined) return before;
    const running = selfTest(runtime, device, { ...capabilities(graphs), precision });
    tested.set(key, running);
    running.catch(() => tested.delete(key));
    return running;
  };
  const open = async (graphs: EncoderGraphs): Promise<Encoder> => {
    const library = await runtimeLibrary(device);
    const plain = nodeRuntime(library, device, threads, {
      batchCost: traits.batchCost,
      batchTokens: device === "cpu" && options.maxBatch === undefined ? BATCH_TOKENS : 0,
    });
    const served = images === undefined ? undefined : imageTowersFor({ ...plain, imageTowers: images }, graphs);
    if (served !== undefined) {
      // texts are the runtime's, in float32
      const runtime = { ...plain, imageTowers: served };
      await Promise.all([test(plain, "fp32", graphs), test(runtime, graphs.precision, graphs)]);
      return towerEncoder(runtime, graphs, device, capabilities(graphs));
    }
    const inLanes = device === "cpu" && lanes > 1;
    const runtime = inLanes ? laneRuntime(lanes, traits.batchCost, sessionOptions(device, 1)) : plain;
    await test(runtime, graphs.precision, graphs);
    return towerEncoder(runtime, graphs, device, capabilities(graphs));
  };
  return { name: device, device, probe: () => probe(device, threads), open: memoisedOpen(open) };
}

function checked(device: NodeDevice, options: DeviceOptions): DeviceOptions {
  const { imageTowers, ...numbers } = options;
  for (const [key, value] of Object.entries(numbers)) {
    if (key !== "threads" && key !== "maxBatch" && key !== "lanes") {
      const known = "threads, maxBatch, lanes or imageTowers";
      throw new EncoderError(device, "bad_input", `option "${key}" — expected ${known}, got another name. Correct it.`);
    }
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1 && value <= 65_536)) {
      throw new EncoderError(device, "bad_input", `option ${key} — expected a whole number from 1 to 65536, got ${value}. Correct it.`);
    }
  }
  if (imageTowers !== undefined && typeof imageTowers?.open !== "function") {
    throw new EncoderError(
      device,
      "bad_input",
      `option imageTowers — expected a way to open image towers, got ${typeof imageTowers}. Correct it.`,
    );
  }
  return options;
}

/** Threads that wait for work sleep. The runtime's own way is to spin, which takes the cores from decoders and from other sessions (docs/benchmarks.md). */
const SLEEP = { session: { intra_op: { allow_spinning: "0" } } };

function sessionOptions(device: NodeDevice, threads: number): InferenceSession.SessionOptions {
  return { executionProviders: [device], intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 3, extra: SLEEP };
}

async function probe(device: NodeDevice, threads: number): Promise<Probe> {
  // Without any adapter the native library only prints about drivers that it misses.
  if (device === "webgpu" && !gpuDeviceHere()) {
    return {
      available: false,
      reason:
        "no GPU on this machine: there is no graphics device (/dev/dri/renderD*, /dev/nvidia*, /dev/dxg), and VK_ICD_FILENAMES is not set",
    };
  }
  try {
    const library = await runtimeLibrary(device);
    if (device === "cuda" && cudaLibrariesMissing()) {
      return {
        available: false,
        reason:
          "onnxruntime-node was installed without its CUDA libraries: run its install script where it can download, or use another device",
      };
    }
    const session = await library.InferenceSession.create(probeModel(), sessionOptions(device, threads));
    try {
      const outputs = await session.run({ [PROBE_IO.input]: new library.Tensor("float32", Float32Array.from(PROBE_IO.x), [2]) });
      const y = await outputs[PROBE_IO.output]?.getData();
      const refusal = probeRefusal(y instanceof Float32Array ? y : []);
      if (refusal !== undefined) return { available: false, reason: refusal };
    } finally {
      await session.release();
    }
    const software = device === "webgpu" ? softwareAdapter(signsHere()) : undefined;
    if (software !== undefined)
      return { available: true, score: SOFTWARE_SCORE, detail: `onnxruntime-node, software adapter: ${software}` };
    const detail = device === "cpu" ? `onnxruntime-node, ${threads} thread${threads === 1 ? "" : "s"}` : "onnxruntime-node";
    return { available: true, score: TRAITS[device].score, detail };
  } catch (error) {
    return { available: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

function nodeRuntime(
  library: OnnxRuntime,
  device: NodeDevice,
  threads: number,
  batching: Pick<TowerRuntime, "batchCost" | "batchTokens">,
): TowerRuntime {
  return {
    form: "file",
    queue: new RunQueue(),
    ...batching,
    tensor: (data, dims) =>
      data instanceof Uint8Array ? new library.Tensor("uint8", data, dims) : new library.Tensor("float32", data, dims),
    open: async (artifact: OnnxArtifact, _keep, manyShapes = false): Promise<TowerSession> => {
      // The runtime's own pool grows by doubling and is each session's own: what one lets go, another cannot take (docs/benchmarks.md).
      const pools = { enableCpuMemArena: !manyShapes, enableMemPattern: !manyShapes };
      const options = { ...sessionOptions(device, threads), ...pools };
      await checkArtifact(artifact);
      const session =
        artifact.kind === "file"
          ? await library.InferenceSession.create(artifact.path, options)
          : await library.InferenceSession.create(artifact.model, options);
      return {
        run: (feeds, fetches) => session.run(feeds as InferenceSession.FeedsType, fetches),
        release: () => session.release(),
      };
    },
  };
}
