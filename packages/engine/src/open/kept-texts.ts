// An encoder whose text embeddings are kept by content: the key names the tower that computes and the tokens of the whole call, so a hit is what
// this call gave before, bit for bit, and the text tower is not even opened. Prompts with learned context are never kept.

import { createHash } from "node:crypto";
import type { Encoder, Model } from "@biovlm/model";
import { encodedBy } from "@biovlm/model/backend";
import type { ComputedStore } from "./computed-store.js";

/** Embeddings beyond this are not kept: so many sentences are an experiment's, not a bank's. */
const MOST_BYTES = 16 * 2 ** 20;

/** What computes the embeddings, beside the encoder's device, precision and build of the towers. */
export interface TextTower {
  /** the model's digest */
  readonly digest: string;
  readonly embedDim: number;
  /** the runtime, its version and thread count: sums differ in their last bits between them */
  readonly runtime: string;
}

/** What a model's texts are computed by. @param detail what the device's probe said of its runtime */
export async function textTower(model: Pick<Model, "digest" | "spec">, detail: string): Promise<TextTower> {
  const { RUNTIME_LIBRARY } = await import("@biovlm/backend-cuda");
  return { digest: model.digest, embedDim: model.spec.embedDim, runtime: `${RUNTIME_LIBRARY.version}, ${detail}` };
}

/** The same encoder; `encodeTexts` asks `store` first. After `close()` it refuses as the encoder does. */
export function withKeptTexts(encoder: Encoder, { digest, embedDim: D, runtime }: TextTower, store: ComputedStore): Encoder {
  let closed = false;
  const keyOf = (ids: Int32Array, mask: Uint8Array, shape: readonly [number, number]) => {
    const hash = createHash("sha256").update(JSON.stringify(["texts/2", digest, encodedBy(encoder), runtime, shape]));
    return `texts/${hash.update(Int32Array.from(ids)).update(Uint8Array.from(mask)).digest("hex")}`;
  };
  const encodeTexts: Encoder["encodeTexts"] = async (ids, mask, shape, options) => {
    const [n] = shape;
    // whatever is odd is the encoder's to refuse
    if (closed || n === 0 || n * D * 4 > MOST_BYTES) return encoder.encodeTexts(ids, mask, shape, options);
    const key = keyOf(ids, mask, shape);
    const kept = await store.get(key);
    options?.signal?.throwIfAborted();
    if (kept?.length === n * D * 4) return { data: new Float32Array(Uint8Array.from(kept).buffer), shape: [n, D] };
    const computed = await encoder.encodeTexts(ids, mask, shape, options);
    const { data } = computed;
    // another device may have computed them meanwhile, or the tokens be others now
    if (keyOf(ids, mask, shape) === key) await store.put(key, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return computed;
  };
  const close: Encoder["close"] = () => {
    closed = true;
    return encoder.close();
  };
  return new Proxy(encoder, {
    get(target, name) {
      if (name === "encodeTexts") return encodeTexts;
      if (name === "close") return close;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
