// Runs written models on onnxruntime, on whichever of its providers this machine has. Not a test itself.
import { accessSync } from "node:fs";
import { tmpdir } from "node:os";
import type { DType, Evaluated, Feed, Graph } from "@biovlm/graph";
import { serializeModel } from "@biovlm/graph";
import * as node from "onnxruntime-node";
import * as web from "onnxruntime-web";

export type Device = "cpu" | "wasm" | "webgpu";

// The native WebGPU provider on a machine without a GPU: Chromium's software Vulkan, where it is installed.
const swiftshader = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** Devices whose one-node session opens here; the others are printed with their reason. */
export async function devices(): Promise<Device[]> {
  web.env.wasm.numThreads = 1;
  const open: Device[] = ["cpu", "wasm"];
  try {
    accessSync(swiftshader);
    process.env["VK_ICD_FILENAMES"] ??= swiftshader;
    process.env["XDG_RUNTIME_DIR"] ??= tmpdir();
    const { GraphBuilder } = await import("@biovlm/graph");
    const b = new GraphBuilder("probe");
    b.output("y", b.add(b.input("x", "float32", [1]), 1));
    await (await session(b.build(), "webgpu")).release();
    open.push("webgpu");
  } catch (e) {
    console.log(`skipped: webgpu provider does not open here (${String(e).slice(0, 160)})`);
  }
  return open;
}

type Session = node.InferenceSession | web.InferenceSession;

/** Opens a graph. */
export function session(graph: Graph, device: Device): Promise<Session> {
  const { model } = serializeModel(graph, { references: "copy" });
  if (device === "wasm") return web.InferenceSession.create(model, { executionProviders: ["wasm"] });
  return node.InferenceSession.create(model, { executionProviders: [device], logSeverityLevel: 3, intraOpNumThreads: 1 });
}

function array(dtype: DType, data: Feed["data"]): Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array {
  const numbers = Array.from(data as ArrayLike<number>, Number);
  if (dtype === "int64") return BigInt64Array.from(numbers, (x) => BigInt(x));
  if (dtype === "int32") return Int32Array.from(numbers);
  if (dtype === "float64") return Float64Array.from(numbers);
  return dtype === "float32" ? Float32Array.from(numbers) : Uint8Array.from(numbers);
}

/** Runs a graph once; feeds the graph does not have are left out. */
export async function run(graph: Graph, feeds: Readonly<Record<string, Feed>>, device: Device): Promise<Record<string, Evaluated>> {
  const ort = device === "wasm" ? web : node;
  const s = await session(graph, device);
  try {
    const tensors = Object.fromEntries(
      graph.inputs.map((v) => [
        v.name,
        new ort.Tensor(v.dtype as "float32", array(v.dtype, feeds[v.name]!.data) as Float32Array, [...feeds[v.name]!.shape]),
      ]),
    );
    const out = await s.run(tensors as never);
    return Object.fromEntries(
      Object.entries(out).map(([name, t]) => [name, { shape: [...t.dims], data: Float64Array.from(t.data as Float32Array, Number) }]),
    );
  } finally {
    await s.release();
  }
}

/** Largest absolute difference over the largest expected magnitude. */
export function relativeError(got: Evaluated, expected: Evaluated): number {
  let worst = 0;
  let scale = 1e-30;
  expected.data.forEach((e, i) => {
    worst = Math.max(worst, Math.abs(got.data[i]! - e));
    scale = Math.max(scale, Math.abs(e));
  });
  return got.data.length === expected.data.length ? worst / scale : Number.POSITIVE_INFINITY;
}
