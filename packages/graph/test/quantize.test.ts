// Reduced forms of a transformer layer: close to the float graph in the evaluator, equal to the evaluator on onnxruntime, small, and streamed.
import {
  arrayOf,
  convertToFloat16,
  type Evaluated,
  evaluate,
  type Graph,
  GraphBuilder,
  type GraphError,
  lazyTensor,
  parseModel,
  quantizeDynamicInt8,
  quantizeRowInt8,
  quantizeWeightOnly,
  serializeModel,
  tensorOf,
} from "@biovlm/graph";
import { soak } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { wave } from "./gradient-cases.js";
import { layer } from "./layer.js";
import { devices, relativeError, run } from "./runtime.js";

const available = await devices();
const wide = { width: 64, heads: 4, inner: 128 };
const all = { minimumElements: 1 };

function cosine(a: Evaluated, b: Evaluated): number {
  const dot = (x: Float64Array, y: Float64Array) => x.reduce((s, v, i) => s + v * y[i]!, 0);
  return dot(a.data, b.data) / Math.sqrt(dot(a.data, a.data) * dot(b.data, b.data));
}

interface Form {
  readonly title: string;
  readonly make: (g: Graph) => Graph;
  /** Least cosine to the float graph. */
  readonly cosine: number;
  /** Most difference of onnxruntime to the evaluator of the same graph: a rounding that falls the other way moves int8 by a step. */
  readonly parity: number;
}
const forms: readonly Form[] = [
  { title: "dynamic int8", make: (g) => quantizeDynamicInt8(g, all), cosine: 0.999, parity: 2e-2 },
  { title: "int8 by rows", make: (g) => quantizeRowInt8(g, all), cosine: 0.999, parity: 2e-2 },
  { title: "8-bit weights", make: (g) => quantizeWeightOnly(g, 8, { ...all, blockSize: 32 }), cosine: 0.9999, parity: 1e-3 },
  { title: "4-bit weights", make: (g) => quantizeWeightOnly(g, 4, { ...all, blockSize: 32 }), cosine: 0.98, parity: 1e-3 },
  { title: "float16", make: convertToFloat16, cosine: 0.99999, parity: 2e-2 },
  {
    title: "8-bit weights in float16",
    make: (g) => convertToFloat16(quantizeWeightOnly(g, 8, { ...all, blockSize: 32 })),
    cosine: 0.9999,
    parity: 2e-2,
  },
];

describe.each(forms)("$title", ({ title, make, cosine: least, parity }) => {
  it.each([false, true])(`stays near the float graph (words from a table: %s)`, (words) => {
    const { graph, feeds } = layer({ ...wide, words });
    const reduced = make(graph);
    expect(reduced.inputs).toEqual(graph.inputs);
    expect(reduced.outputs).toEqual(graph.outputs);
    expect(cosine(evaluate(reduced, feeds)["y"]!, evaluate(graph, feeds)["y"]!)).toBeGreaterThan(least);
  });

  it("comes back from its file", () => {
    const { model } = serializeModel(make(layer(wide).graph));
    expect(serializeModel(parseModel(model)).model).toEqual(model);
  });

  for (const device of available) {
    if (device === "webgpu" && (!soak || title === "dynamic int8")) continue;
    it(`runs on onnxruntime's ${device} provider as in the evaluator`, { timeout: 60_000 }, async () => {
      const { graph, feeds } = layer({ ...wide, words: device === "cpu" });
      const reduced = make(graph);
      const got = await run(reduced, feeds, device);
      expect(relativeError(got["y"]!, evaluate(reduced, feeds)["y"]!)).toBeLessThanOrEqual(parity);
    });
  }
});

describe("int8 weights", () => {
  const graphOf = (K: number, N: number, data: Float32Array, rowsAreOutputs: boolean): Graph => {
    const b = new GraphBuilder("product");
    const x = b.input("x", "float32", ["n", K]);
    b.output(
      "y",
      rowsAreOutputs
        ? b.linear(x, b.constant(tensorOf("float32", [N, K], data), "w"))
        : b.matmul(x, b.constant(tensorOf("float32", [K, N], data), "w")),
    );
    return b.build();
  };

  it("never let two neighbouring products pass 16 bits, and are within half a step of the float weights", () => {
    const [K, N] = [97, 13];
    for (const rowsAreOutputs of [true, false]) {
      const data = Float32Array.from(wave(K * N, 5), (v, i) => v * (i % 31 === 0 ? 9 : 1));
      const reduced = quantizeDynamicInt8(graphOf(K, N, data, rowsAreOutputs), all);
      const q = arrayOf(reduced.initializers.get("w/int8")!) as Int8Array;
      const scales = arrayOf(reduced.initializers.get("w/scales")!) as Float32Array;
      for (let n = 0; n < N; n++) {
        for (let k = 0; k < K; k++) {
          const w = data[rowsAreOutputs ? n * K + k : k * N + n]!;
          expect(Math.abs(q[k * N + n]! * scales[n]! - w)).toBeLessThanOrEqual(scales[n]! * 0.5001);
          if (k % 2 === 0 && k + 1 < K) expect(Math.abs(q[k * N + n]! + q[(k + 1) * N + n]!)).toBeLessThanOrEqual(128);
        }
      }
    }
  });

  it("of a column of zeros are zeros, not NaN", () => {
    const reduced = quantizeDynamicInt8(graphOf(4, 2, new Float32Array(8), true), all);
    const y = evaluate(reduced, { x: { shape: [1, 4], data: [1, 2, 3, 4] } })["y"]!;
    expect(Array.from(y.data)).toEqual([0, 0]);
  });

  it("are used once where one matrix serves twice, and leave no float copy behind", () => {
    const b = new GraphBuilder("shared");
    const w = tensorOf("float32", [64, 64], Float32Array.from(wave(64 * 64, 2)));
    const x = b.input("x", "float32", ["n", 64]);
    b.output("y", b.linear(b.tanh(b.linear(x, b.constant(w, "w"))), b.constant(w)));
    const reduced = quantizeDynamicInt8(b.build());
    expect([...reduced.initializers.keys()].sort()).toEqual(["w/int8", "w/scales"]);
  });

  it("leave the matrices that are kept or small", () => {
    const { graph } = layer();
    expect(quantizeDynamicInt8(graph).nodes.some((n) => n.op === "MatMulInteger")).toBe(false);
    expect(quantizeDynamicInt8(graph, { ...all, keep: () => true }).nodes.map((n) => n.op)).toEqual(graph.nodes.map((n) => n.op));
  });

  it("are rounded one matrix at a time, when written: nothing is read before and no two at once", () => {
    let reads = 0;
    const source = Float32Array.from(wave(128 * 128, 3));
    const b = new GraphBuilder("lazy");
    let x = b.input("x", "float32", ["n", 128]);
    for (let i = 0; i < 20; i++) {
      const weight = lazyTensor("float32", [128, 128], () => {
        reads++;
        return new Uint8Array(source.buffer);
      });
      x = b.linear(x, b.constant(weight));
    }
    b.output("y", x);
    const reduced = quantizeDynamicInt8(b.build());
    expect(reads).toBe(0);
    const { external } = serializeModel(reduced, { external: { location: "w.bin", thresholdBytes: 4096 } });
    reads = 0;
    let matrices = 0;
    for (const chunk of external!.chunks()) {
      if (chunk.byteLength !== 128 * 128) continue;
      matrices++;
      expect(reads).toBeLessThanOrEqual(2 * matrices);
    }
    expect(matrices).toBe(20);
  });
});

describe("reduced forms", () => {
  it("are made of a model that was read into a Buffer, whose weights lie at any address", () => {
    const { graph } = layer();
    const { model } = serializeModel(graph);
    for (const at of [0, 1, 2, 3]) {
      const buffer = Buffer.from(new ArrayBuffer(model.length + at), at);
      buffer.set(model);
      const again = serializeModel(quantizeRowInt8(parseModel(buffer), all)).model;
      expect(again).toEqual(serializeModel(quantizeRowInt8(graph, all)).model);
    }
  });

  it("refuse what they cannot be", () => {
    const { graph } = layer();
    const code = (make: () => unknown) => {
      try {
        make();
      } catch (e) {
        return (e as GraphError).code;
      }
      return "none";
    };
    expect(code(() => quantizeWeightOnly(graph, 5 as 4))).toBe("bad_argument");
    expect(code(() => quantizeWeightOnly(graph, 8, { blockSize: 48 }))).toBe("bad_argument");
    expect(code(() => convertToFloat16(quantizeDynamicInt8(graph, all)))).toBe("bad_argument");
  });

  it("in float16 hand an input on as an output and keep a mask's large negative number finite", () => {
    const b = new GraphBuilder("passing");
    const x = b.input("x", "float32", ["n"]);
    b.output("same", b.identity(x));
    b.output("y", b.mul(x, -1e9));
    const half = convertToFloat16(b.build());
    const literal = [...half.initializers.values()].find((t) => t.dtype === "float16")!;
    expect((arrayOf(literal) as Uint16Array)[0]).toBe(0xfbff);
    const out = evaluate(half, { x: { shape: [2], data: [0, 1] } });
    expect(Array.from(out["same"]!.data)).toEqual([0, 1]);
    expect(Array.from(out["y"]!.data)).toEqual([-0, -65504]);
  });
});

describe("int8 by rows", () => {
  const numbers = (count: number, seed: number) => Float32Array.from(wave(count, seed));
  /** y [n, 8] = x [n, 16] · Wᵀ + bias */
  function product() {
    const b = new GraphBuilder("product");
    const weight = b.constant(tensorOf("float32", [8, 16], numbers(128, 1)));
    b.output("y", b.linear(b.input("x", "float32", ["n", 16]), weight, b.constant(tensorOf("float32", [8], numbers(8, 2)))));
    return b.build();
  }
  const rows = (list: readonly Float32Array[]) => ({
    x: { shape: [list.length, 16], data: Float32Array.from(list.flatMap((r) => [...r])) },
  });
  const row = numbers(16, 3);
  const loud = numbers(16, 4).map((v) => v * 1000);
  const zeros = new Float32Array(16);

  it("gives a row the same numbers whatever else is in the run, and keeps its digits beside a louder one", () => {
    const [exact, reduced] = [product(), quantizeRowInt8(product(), all)];
    const alone = evaluate(reduced, rows([row]))["y"]!.data;
    const among = evaluate(reduced, rows([loud, row, zeros]))["y"]!.data.subarray(8, 16);
    expect(among).toEqual(alone);
    const wanted = evaluate(exact, rows([row]))["y"]!.data;
    const byRun = evaluate(quantizeDynamicInt8(product(), all), rows([loud, row, zeros]))["y"]!.data.subarray(8, 16);
    const far = (got: Float64Array) => got.reduce((most, v, i) => Math.max(most, Math.abs(v - wanted[i]!)), 0);
    expect(far(among)).toBeLessThan(far(byRun) / 10);
  });

  it.each(available.filter((device) => device !== "webgpu"))(
    "gives rows of more axes the numbers of a matrix, and zeros their bias, on %s",
    async (device) => {
      const bias = numbers(8, 2);
      const b = new GraphBuilder("three axes");
      const weight = b.constant(tensorOf("float32", [16, 8], numbers(128, 6)), "w");
      const x = b.input("x", "float32", ["n", 3, 16]);
      b.output("cube", b.add(b.matmul(x, weight), b.constant(tensorOf("float32", [8], bias), "bias")));
      b.output("flat", b.add(b.matmul(b.reshape(x, ["3*n", 16]), weight), b.constant(tensorOf("float32", [8], bias), "bias again")));
      const reduced = quantizeRowInt8(b.build(), all);
      const feeds = { x: { shape: [2, 3, 16], data: Float32Array.from([row, zeros, loud, zeros, row, row].flatMap((r) => [...r])) } };
      const wanted = evaluate(reduced, feeds);
      const got = await run(reduced, feeds, device);
      for (const { cube, flat } of [wanted, got]) {
        expect(Array.from(flat!.data.subarray(8, 16))).toEqual([...bias]);
        expect(relativeError({ ...cube!, shape: [6, 8] }, flat!)).toBeLessThanOrEqual(1e-6);
      }
      expect(relativeError(got["flat"]!, wanted["flat"]!)).toBeLessThanOrEqual(2e-2);
    },
  );

  it("gives a row of zeros its bias, and no NaN", () => {
    const got = evaluate(quantizeRowInt8(product(), all), rows([zeros]))["y"]!.data;
    expect(Array.from(got)).toEqual(Array.from(numbers(8, 2)));
  });
});
