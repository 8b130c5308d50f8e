// A post-LN transformer layer with a mask, by words from a table or by vectors: what the towers are made of, small. Not a test itself.
import { type Feed, type Graph, GraphBuilder, tensorOf, type Value } from "@biovlm/graph";
import { wave } from "./gradient-cases.js";

/** Input x [n, L, width] (or ids [n, L] into a table of 50 words), mask [n, L]; output y [n, width], the first token's row. */
export function layer({ width = 16, heads = 2, inner = 32, words = false } = {}): {
  graph: Graph;
  feeds: Record<string, Feed>;
  wrt: string[];
} {
  const b = new GraphBuilder("layer");
  let seed = 0;
  const weight = (...shape: number[]) => {
    const count = shape.reduce((p, d) => p * d, 1);
    const data = Float32Array.from(wave(count, ++seed), (v) => (shape.length === 1 ? 1 + v / 4 : v / 2));
    return b.constant(tensorOf("float32", shape, data));
  };
  const x = words ? b.gather(weight(50, width), b.input("ids", "int32", ["n", "L"])) : b.input("x", "float32", ["n", "L", width]);
  const mask = b.input("mask", "float32", ["n", "L"]);
  const bias = b.unsqueeze(b.mul(b.sub(mask, 1), 1e4), [1, 2]);
  const split = (v: Value, perm: number[]) => b.transpose(b.reshape(v, ["n", "L", heads, width / heads]), perm);
  const q = split(b.linear(x, weight(width, width), weight(width)), [0, 2, 1, 3]);
  const k = split(b.linear(x, weight(width, width), weight(width)), [0, 2, 3, 1]);
  const v = split(b.linear(x, weight(width, width), weight(width)), [0, 2, 1, 3]);
  const p = b.softmax(b.add(b.mul(b.matmul(q, k), 1 / Math.sqrt(width / heads)), bias));
  const joined = b.reshape(b.transpose(b.matmul(p, v), [0, 2, 1, 3]), ["n", "L", width]);
  const h = b.layerNormalization(b.add(x, b.linear(joined, weight(width, width), weight(width))), weight(width), weight(width), 1e-12);
  const f = b.linear(b.gelu(b.linear(h, weight(inner, width), weight(inner))), weight(width, inner), weight(width));
  const y = b.gather(b.layerNormalization(b.add(h, f), weight(width), weight(width), 1e-12), 0, 1);
  b.output("y", b.matmul(y, weight(width, width)));
  const input: Record<string, Feed> = words
    ? { ids: { shape: [3, 5], data: Array.from({ length: 15 }, (_, i) => (i * 7) % 50) } }
    : { x: { shape: [3, 5, width], data: wave(3 * 5 * width, 77) } };
  const feeds = { ...input, mask: { shape: [3, 5], data: [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0] } };
  return { graph: b.build(), feeds, wrt: words ? [] : ["x"] };
}
