// The reference evaluator as a runtime, with what a test wants to hear of it.

import { evaluate, type Graph, parseModel } from "@biovlm/graph";
import { RunQueue, type RuntimeTensor, type TowerRuntime } from "../../src/backend.js";

export type Feeds = Readonly<Record<string, { readonly shape: readonly number[]; readonly data: never }>>;
export type RunGraph = (feeds: Feeds, fetches: readonly string[]) => Record<string, RuntimeTensor>;

interface Watch {
  /** @throws what `tensor` of the runtime then throws */
  tensor?(data: Float32Array | Uint8Array): void;
  /** Hears of each session. @returns what runs in its place, and what is told when it is let go */
  opened(graph: Graph, run: RunGraph): { run: RunGraph; released?(): void };
}

export const tensorOf = (data: Float32Array | Uint8Array, dims: readonly number[]): RuntimeTensor => ({
  dims,
  getData: async () => data,
  dispose() {},
});

export function evaluatorRuntime(watch: Watch): TowerRuntime {
  return {
    form: "inline",
    queue: new RunQueue(),
    batchCost: 1,
    tensor(data, dims) {
      watch.tensor?.(data);
      return tensorOf(data, dims);
    },
    async open(artifact) {
      if (artifact.kind !== "bytes") throw new Error("expected bytes");
      const graph = parseModel(artifact.model);
      const { run, released } = watch.opened(graph, (feeds, fetches) => {
        const outputs = Object.entries(evaluate(graph, feeds, fetches));
        return Object.fromEntries(outputs.map(([name, { data, shape }]) => [name, tensorOf(Float32Array.from(data), shape as number[])]));
      });
      return {
        async run(feeds, fetches) {
          const given = Object.entries(feeds).map(
            async ([name, { dims, getData }]) => [name, { shape: dims, data: (await getData()) as never }] as const,
          );
          return run(Object.fromEntries(await Promise.all(given)), fetches);
        },
        async release() {
          released?.();
        },
      };
    },
  };
}
