// The reader: what was written comes back; damaged and hostile files are refused with a code.
import {
  checkExternalLocation,
  differentiate,
  evaluate,
  type Graph,
  GraphBuilder,
  GraphError,
  parseModel,
  quantizeDynamicInt8,
  quantizeWeightOnly,
  serializeModel,
  tensorOf,
} from "@biovlm/graph";
import { attack, cases } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { WireWriter } from "../src/wire-writer.js";
import { caseGraph, GRADIENT_CASES } from "./gradient-cases.js";
import { layer } from "./layer.js";

const code = (run: () => unknown): string => {
  try {
    run();
  } catch (e) {
    if (e instanceof GraphError) return e.code;
    throw e;
  }
  return "none";
};

/** A model around one graph message. */
function model(graph: WireWriter, { ir = 9, opset = 20, domain = "" } = {}): Uint8Array {
  return new WireWriter().int(1, ir).message(7, graph).message(8, new WireWriter().string(1, domain).int(2, opset)).finish();
}
const size = (d: number | string) => (typeof d === "number" ? new WireWriter().int(1, d) : new WireWriter().string(2, d));
function value(name: string, shape: (number | string)[] = [2], dtype = 1): WireWriter {
  const dims = shape.reduce((w, d) => w.message(1, size(d)), new WireWriter());
  return new WireWriter().string(1, name).message(2, new WireWriter().message(1, new WireWriter().int(1, dtype).message(2, dims)));
}
const node = (op: string, inputs: string[], outputs: string[], domain = "") => {
  const w = new WireWriter();
  for (const i of inputs) w.string(1, i);
  for (const o of outputs) w.string(2, o);
  return w.string(4, op).string(7, domain);
};
const concat = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
const identity = () =>
  new WireWriter()
    .message(1, node("Identity", ["x"], ["y"]))
    .message(11, value("x"))
    .message(12, value("y"));

function external(location: string, offset = "0", length = "8"): Uint8Array {
  const entry = (k: string, v: string) => new WireWriter().string(1, k).string(2, v);
  const tensor = new WireWriter().int(1, 2).int(2, 1).string(8, "w");
  tensor.message(13, entry("location", location)).message(13, entry("offset", offset)).message(13, entry("length", length)).int(14, 1);
  const g = new WireWriter().message(1, node("Add", ["x", "w"], ["y"])).message(5, tensor);
  return model(g.message(11, value("x")).message(12, value("y")));
}

describe("the reader", () => {
  const graphs: [string, () => Graph][] = [
    ...GRADIENT_CASES.map((c): [string, () => Graph] => [c.title, () => caseGraph(c, "float32").graph]),
    ["a backward graph", () => differentiate(layer().graph, { outputs: ["y"], wrt: ["x"] }).backward],
    ["a recomputing backward graph", () => differentiate(layer().graph, { outputs: ["y"], wrt: ["x"], recompute: true }).backward],
    ["a dynamic int8 graph", () => quantizeDynamicInt8(layer().graph, { minimumElements: 1 })],
    ["a weight-only graph", () => quantizeWeightOnly(layer().graph, 4, { minimumElements: 1, blockSize: 16 })],
  ];
  it.each(graphs)("reads %s so that writing it again gives the same bytes", (_, make) => {
    const { model } = serializeModel(make());
    expect(serializeModel(parseModel(model)).model).toEqual(model);
  });

  it("gives a graph that evaluates to the same numbers", () => {
    const { graph, feeds } = layer();
    expect(evaluate(parseModel(serializeModel(graph).model), feeds)).toEqual(evaluate(graph, feeds));
  });

  it("asks for external bytes at the written place, and names what is missing without them", () => {
    const { graph, feeds } = layer();
    const { model, external } = serializeModel(graph, { external: { location: "weights.bin", thresholdBytes: 64 } });
    const file = new Uint8Array(external!.byteLength);
    let at = 0;
    for (const chunk of external!.chunks()) {
      file.set(chunk, at);
      at += chunk.byteLength;
    }
    const read = parseModel(model, {
      external: (location, offset, length) => {
        expect(location).toBe("weights.bin");
        return file.subarray(offset, offset + length);
      },
    });
    expect(evaluate(read, feeds)).toEqual(evaluate(graph, feeds));
    expect(code(() => evaluate(parseModel(model), feeds))).toBe("missing_data");
    expect(serializeModel(parseModel(model)).references).toEqual(["weights.bin"]);
  });

  it("keeps an attribute of any name a plain attribute", () => {
    const attribute = new WireWriter().string(1, "__proto__").int(3, 1).int(20, 2);
    const g = new WireWriter()
      .message(1, node("Identity", ["x"], ["y"]).message(5, attribute))
      .message(11, value("x"))
      .message(12, value("y"));
    const read = parseModel(model(g)).nodes[0]!.attributes;
    expect(Object.entries(read)).toEqual([["__proto__", { int: 1 }]]);
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
  });

  const refused: [string, string, () => Uint8Array][] = [
    ["no bytes", "malformed_model", () => new Uint8Array(0)],
    ["text", "malformed_model", () => new TextEncoder().encode("<html>404</html>")],
    ["a length past the end", "malformed_model", () => Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f)],
    ["a negative length", "malformed_model", () => Uint8Array.of(0x3a, ...new Array<number>(9).fill(0xff), 0x01)],
    ["an endless varint", "malformed_model", () => new Uint8Array(64).fill(0xff)],
    ["a group", "malformed_model", () => Uint8Array.of(0x4b, 0x4c)],
    ["an older IR", "unsupported_model", () => model(identity(), { ir: 3 })],
    ["a later opset", "unsupported_model", () => model(identity(), { opset: 99 })],
    ["another domain", "unsupported_model", () => model(identity(), { domain: "evil.example" })],
    [
      "a custom operator",
      "unsupported_model",
      () =>
        model(
          new WireWriter()
            .message(1, node("Run", ["x"], ["y"], "evil.example"))
            .message(11, value("x"))
            .message(12, value("y")),
        ),
    ],
    [
      "an input nobody defines",
      "malformed_model",
      () => model(new WireWriter().message(1, node("Identity", ["z"], ["y"])).message(12, value("y"))),
    ],
    ["an output nobody makes", "malformed_model", () => model(identity().message(12, value("z")))],
    ["a value made twice", "malformed_model", () => model(identity().message(1, node("Identity", ["x"], ["y"])))],
    ["a cycle", "malformed_model", () => model(new WireWriter().message(1, node("Identity", ["y"], ["y"])).message(12, value("y")))],
    ["an undeclared value", "unsupported_model", () => model(identity().message(1, node("Neg", ["x"], ["z"])))],
    ["a string tensor", "unsupported_model", () => model(identity().message(13, value("s", [1], 8)))],
    ["a size below 0", "malformed_model", () => model(identity().message(13, value("s", [-1])))],
    ["too many axes", "malformed_model", () => model(identity().message(13, value("s", new Array<number>(9).fill(1))))],
    [
      "a subgraph attribute",
      "unsupported_model",
      () =>
        model(
          new WireWriter()
            .message(1, node("If", ["x"], ["y"]).message(5, new WireWriter().string(1, "then_branch").message(6, identity()).int(20, 5)))
            .message(11, value("x"))
            .message(12, value("y")),
        ),
    ],
    [
      "data of another size than its shape",
      "malformed_model",
      () => model(identity().message(5, new WireWriter().int(1, 1_000_000_000).int(2, 1).string(8, "w").payload(9, new Uint8Array(8)))),
    ],
    [
      "a shape past 2^53 elements",
      "malformed_model",
      () =>
        model(
          identity().message(
            5,
            new WireWriter()
              .int(1, 2 ** 40)
              .int(1, 2 ** 40)
              .int(2, 1)
              .string(8, "w"),
          ),
        ),
    ],
    ["names that are no UTF-8", "malformed_model", () => model(identity().payload(2, Uint8Array.of(0xc3, 0x28)))],
    [
      "70 000 nodes",
      "too_large",
      () => {
        const g = new WireWriter();
        const n = node("Identity", ["x"], ["y"]).finish();
        for (let i = 0; i < 70_000; i++) g.payload(1, n);
        return model(g);
      },
    ],
    ["a second graph, which protobuf would merge with the first", "malformed_model", () => concat(external("../w.bin"), model(identity()))],
    [
      "functions beside the graph",
      "unsupported_model",
      () => concat(model(identity()), new WireWriter().message(25, new WireWriter().string(1, "f")).finish()),
    ],
    [
      "a second tensor in an attribute",
      "malformed_model",
      () => {
        const tensor = new WireWriter().int(1, 0).int(2, 1).payload(9, new Uint8Array(0));
        const attribute = new WireWriter().string(1, "value").message(5, tensor).message(5, tensor).int(20, 4);
        return model(identity().message(1, node("Constant", [], ["c"]).message(5, attribute)));
      },
    ],
    [
      "a graph hidden in an attribute of another type",
      "unsupported_model",
      () => {
        const attribute = new WireWriter().string(1, "axis").int(3, 1).message(6, identity()).int(20, 2);
        return model(identity().message(1, node("Neg", ["x"], ["z"]).message(5, attribute)));
      },
    ],
    [
      "a location given twice",
      "malformed_model",
      () => {
        const entry = (v: string) => new WireWriter().string(1, "location").string(2, v);
        const tensor = new WireWriter()
          .int(1, 2)
          .int(2, 1)
          .string(8, "w")
          .message(13, entry("../w.bin"))
          .message(13, entry("w.bin"))
          .int(14, 1);
        return model(identity().message(5, tensor));
      },
    ],
    ["external data of another length", "malformed_model", () => external("w.bin", "0", "9")],
    ["an external offset that is no number", "malformed_model", () => external("w.bin", "1e9")],
    ["an external offset past 2^53", "malformed_model", () => external("w.bin", "9007199254740990")],
  ];
  it.each(refused)("refuses %s with %s", (_, expected, make) => {
    expect(code(() => parseModel(make()))).toBe(expected);
  });

  const outside = [
    "../w.bin",
    "a/../../w.bin",
    "/etc/passwd",
    "C:\\w.bin",
    "..\\w.bin",
    "file:///etc/passwd",
    "\\\\host\\share",
    "",
    "a//b",
    "./w.bin",
    "w.bin\u0000.txt",
    "a/",
    `${"a".repeat(1025)}`,
  ];
  it.each(outside)("R5: refuses external data at %j before anything is read", (location) => {
    expect(code(() => parseModel(external(location), { external: () => expect.unreachable() }))).toBe("unsafe_location");
    expect(code(() => checkExternalLocation(location))).toBe("unsafe_location");
  });

  it("R1: answers every mutated file with a sound graph or a typed error", { timeout: 120_000 }, async () => {
    const b = new GraphBuilder("referring");
    const w = { ...tensorOf("float32", [2], Float32Array.of(1, 2)), external: { location: "weights/part.bin", offset: 4096, length: 8 } };
    b.output("y", b.add(b.input("x", "float32", ["n", 2]), b.constant(w)));
    const heavy = new GraphBuilder("mostly weights");
    const matrix = tensorOf("float32", [128, 128], new Float32Array(128 * 128));
    heavy.output("y", heavy.matmul(heavy.input("x", "float32", ["n", 128]), heavy.constant(matrix)));
    const report = await attack({
      seed: 2026,
      samples: {
        layer: serializeModel(layer().graph, { metadata: { made: "by a test" } }).model,
        int8: serializeModel(quantizeDynamicInt8(layer().graph, { minimumElements: 1 })).model,
        backward: serializeModel(differentiate(layer().graph, { outputs: ["y"], wrt: ["x"] }).backward).model,
        heavy: serializeModel(heavy.build()).model,
        referring: serializeModel(b.build()).model,
      },
      count: cases(1000),
      run: (bytes) => {
        const graph = parseModel(bytes);
        for (const t of graph.initializers.values())
          if (t.external === undefined && t.bytes().byteLength !== t.byteLength) throw new Error("a tensor's bytes do not fit its shape");
        serializeModel(graph);
      },
      expect: (e) => e instanceof GraphError && /^(?!\[biovlm).+ — expected .+/s.test(e.message),
    });
    expect(report.refused).toBeGreaterThan(report.cases / 4);
    expect(report.accepted).toBeGreaterThan(0);
  });
});
