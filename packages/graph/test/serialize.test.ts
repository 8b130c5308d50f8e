// Written models against onnxruntime: what the builder says is what the runtime does.

import { GraphBuilder, serializeModel, tensorOf } from "@biovlm/graph";
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";

describe("a written model", () => {
  it("runs on onnxruntime with symbolic sizes, shared weights and named outputs", async () => {
    const b = new GraphBuilder("probe");
    const x = b.input("x", "float32", ["n", "L", 4]);
    const w = tensorOf(
      "float32",
      [3, 4],
      Float32Array.from({ length: 12 }, (_, i) => i - 5),
    );
    const h = b.linear(x, b.constant(w, "w"), b.constant(tensorOf("float32", [3], Float32Array.of(1, 2, 3)), "b"));
    const g = b.gelu(h);
    const ln = b.layerNormalization(g, b.literal([1, 1, 1], "float32"), b.literal([0, 0, 0], "float32"), 1e-5);
    const back = b.matmul(ln, b.constant(w));
    b.output("h", h);
    b.output("y", b.softmax(b.add(back, x)));
    b.output("first", b.slice(b.constant(tensorOf("float32", [5, 1], Float32Array.of(0, 1, 2, 3, 4))), { axis: 0, start: 0, end: "L" }));
    const { model } = serializeModel(b.build());
    const session = await ort.InferenceSession.create(model);
    const out = await session.run({
      x: new ort.Tensor(
        "float32",
        Float32Array.from({ length: 24 }, (_, i) => Math.sin(i)),
        [2, 3, 4],
      ),
    });
    expect(out["y"]!.dims).toEqual([2, 3, 4]);
    expect(Array.from(out["first"]!.data as Float32Array)).toEqual([0, 1, 2]);
    await session.release();
  });
});
