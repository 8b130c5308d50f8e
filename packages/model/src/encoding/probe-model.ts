// The one-node model by which a backend finds out whether a device really works: y = x + [1, 2].

import { GraphBuilder, serializeModel } from "@biovlm/graph";

/** What to feed and what must come out. */
export const PROBE_IO = { input: "x", x: [1, 1], output: "y", y: [2, 3] } as const;

/** The model's bytes: input `x` [2], output `y` [2], float32. */
export function probeModel(): Uint8Array {
  const b = new GraphBuilder("probe");
  b.output(PROBE_IO.output, b.add(b.input(PROBE_IO.input, "float32", [2]), b.literal([1, 2], "float32")));
  return serializeModel(b.build()).model;
}

/** The refusal a wrong answer deserves, or undefined for the right one. */
export function probeRefusal(y: ArrayLike<number>): string | undefined {
  if (y.length === 2 && y[0] === PROBE_IO.y[0] && y[1] === PROBE_IO.y[1]) return undefined;
  return `the device computes wrong numbers: 1+1 and 1+2 gave ${Array.from(y).join(" and ")}`;
}
