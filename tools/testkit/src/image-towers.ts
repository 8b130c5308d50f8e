// Image towers in int8 over the reference evaluator: what stands in for compiled ones where a test wants the way to them and not their speed. The
// graph is made anew of the weights that were handed over, by BiomedCLIP's keys, so that a weight in another's place is seen.

import { normalizePixels } from "@biovlm/core";
import { evaluate, quantizeRowInt8, tensorOf } from "@biovlm/graph";
import { biomedclip } from "@biovlm/model/backbone";
import type { ImageTowers, ImageTowerWeights } from "@biovlm/model/backend";
import { TOY_SPEC } from "@biovlm/model/testing";

/** The tower's weights by the keys of a checkpoint, in the order of the flow. */
function keysOf(layers: number): string[] {
  const pair = (name: string) => [`${name}.weight`, `${name}.bias`];
  const block = (i: number) =>
    ["norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"].flatMap((name) => pair(`visual.trunk.blocks.${i}.${name}`));
  return [
    ...["visual.trunk.cls_token", "visual.trunk.pos_embed", ...pair("visual.trunk.patch_embed.proj")],
    ...Array.from({ length: layers }, (_, i) => block(i)).flat(),
    ...pair("visual.trunk.norm"),
    "visual.head.proj.weight",
  ];
}

function graphOf({ sizes, weights }: ImageTowerWeights) {
  const [imageSize = 0, patchSize = 0, width = 0, layers = 0, heads = 0, mlp = 0, embedDim = 0] = sizes;
  const keys = keysOf(layers);
  if (keys.length !== weights.length) throw new Error(`weights — expected ${keys.length}, got ${weights.length}.`);
  const tensors = new Map(keys.map((key, i) => [key, weights[i] as Float32Array]));
  const spec = { ...TOY_SPEC, vision: { imageSize, patchSize, width, layers, heads, mlp }, embedDim };
  const shapes: Record<string, readonly number[]> = {
    "visual.trunk.cls_token": [1, 1, width],
    "visual.trunk.pos_embed": [1, 1 + (imageSize / patchSize) ** 2, width],
    "visual.trunk.patch_embed.proj.weight": [width, 3, patchSize, patchSize],
    "visual.head.proj.weight": [embedDim, width],
  };
  const get = (key: string) => {
    const data = tensors.get(key);
    if (data === undefined) throw new Error(`no weight ${key}`);
    const matrix = /(qkv|attn\.proj|fc1)\.weight$/.test(key) ? [data.length / width, width] : [width, data.length / width];
    const tensor = tensorOf("float32", shapes[key] ?? (/(norm\d?\.\w+|bias)$/.test(key) ? [data.length] : matrix), data);
    return { ...tensor, dtype: "float32" as const, storedAs: "F32" as const };
  };
  return quantizeRowInt8(biomedclip.image({ keys: () => keys, get, has: (key) => tensors.has(key), metadata: {} }, spec));
}

/** What the stand-in was asked for. */
export interface Heard {
  opened: number;
  closed: number;
  rgb: number;
  pixels: number;
  /** most calls under way at once */
  atOnce: number;
}

/** The stand-in, and what it heard. @param spoil what becomes of embeddings before they are given */
export function evaluatedImageTowers(spoil: (data: Float32Array) => Float32Array = (data) => data): {
  readonly towers: ImageTowers;
  readonly heard: Heard;
} {
  const heard: Heard = { opened: 0, closed: 0, rgb: 0, pixels: 0, atOnce: 0 };
  const towers: ImageTowers = {
    name: "native (stand-in)",
    bits: "stand-in/1",
    async open(tower) {
      heard.opened++;
      const graph = graphOf(tower);
      const [S = 0] = tower.sizes;
      let running = 0;
      const run = async (pixels: Float32Array, batch: number) => {
        heard.atOnce = Math.max(heard.atOnce, ++running);
        await new Promise((resolve) => setTimeout(resolve));
        running--;
        const { embedding } = evaluate(graph, { pixels: { shape: [batch, 3, S, S], data: pixels } });
        return spoil(Float32Array.from(embedding?.data ?? []));
      };
      const length = 3 * S * S;
      return {
        runRgb(rgb, mean, std) {
          heard.rgb++;
          const by = { size: S, mean: Array.from(mean) as never, std: Array.from(std) as never };
          const batch = rgb.length / length;
          const pixels = new Float32Array(rgb.length);
          for (let b = 0; b < batch; b++) normalizePixels(rgb.subarray(b * length, (b + 1) * length), by, pixels, b * length);
          return run(pixels, batch);
        },
        runPixels(pixels) {
          heard.pixels++;
          return run(pixels, pixels.length / length);
        },
        close() {
          heard.closed++;
        },
      };
    },
  };
  return { towers, heard };
}
