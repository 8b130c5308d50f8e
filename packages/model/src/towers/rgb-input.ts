// An image tower that takes bytes: what makes pixels of them stands in front of the tower, in the graph, so that a device is sent a quarter of the
// numbers. One float32 operation a step, in the order of core's normalize: where each is rounded as IEEE 754 has it, the bits are core's.
// Runtimes whose division is not (a GPU's shader) do not pass encoding/exact-bytes.ts, and pixels are then made before they are sent.

import { chained, type Graph, GraphBuilder } from "@biovlm/graph";

/** Inputs of a graph made by withRgbInput. */
export const RGB_IO = { rgb: "rgb", mean: "mean", std: "std" } as const;

/** rgb uint8 [B,S,S,3], mean [3,1,1], std [3,1,1] → `pixels` [B,3,S,S]. */
export function normalisingGraph(size: number): Graph {
  const b = new GraphBuilder("normalise");
  const rgb = b.input(RGB_IO.rgb, "uint8", ["B", size, size, 3]);
  const mean = b.input(RGB_IO.mean, "float32", [3, 1, 1]);
  const std = b.input(RGB_IO.std, "float32", [3, 1, 1]);
  // bytes are turned round before they become four times as many
  const planes = b.cast(b.transpose(rgb, [0, 3, 1, 2]), "float32");
  b.output("pixels", b.div(b.sub(b.div(planes, 255), mean), std));
  return b.build();
}

/** The same tower with `rgb`, `mean` and `std` in place of its input `pixels` [B,3,S,S] float32. */
export function withRgbInput(tower: Graph, size: number): Graph {
  return chained(normalisingGraph(size), tower);
}
