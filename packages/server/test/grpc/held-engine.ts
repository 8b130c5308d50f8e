// An engine whose answers a test gives one by one.

import type { CallOptions, Engine } from "@biovlm/engine";

/** An engine that answers an image when it is let: its bytes' first one is a number, which the answer's probability has. */
export function heldEngine() {
  const waiting = new Map<number, () => void>();
  const left: number[] = [];
  let most = 0;
  const source = { model: { digest: "" }, bank: { digest: "" }, device: "cpu", fellBack: false };
  const model = { name: "tiny", embedDim: 128, modelDigest: "", device: "cpu", ready: true, loaded: true };
  let held = false;
  const engine = {
    readiness: () => ({ ready: true }),
    model: () => model,
    models: () => [model],
    banks: () => [],
    drain() {},
    close: async () => {},
    async classify(_: string, images: readonly Uint8Array[], { signal }: CallOptions) {
      const [number = 0] = images[0] ?? [];
      if (held)
        await new Promise<void>((answer, gone) => {
          waiting.set(number, answer);
          most = Math.max(most, waiting.size);
          signal?.addEventListener("abort", () => {
            left.push(number);
            waiting.delete(number);
            gone(signal.reason);
          });
        });
      waiting.delete(number);
      const predictions = [
        { class: "a", probability: number / 256 },
        { class: "b", probability: 1 - number / 256 },
      ];
      return { answers: images.map(() => ({ predictions, kept: [], sha256: "" })), classes: ["a", "b"], source };
    },
  };
  return {
    engine: engine as unknown as Engine,
    waiting,
    left,
    most: () => most,
    hold(on: boolean) {
      held = on;
      most = 0;
    },
    answer(number: number) {
      waiting.get(number)?.();
    },
  };
}
