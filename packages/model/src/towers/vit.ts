// The image tower as a graph: timm's pre-LN ViT with a class token, exact GELU, a final norm and a bias-free projection (docs/upstream.md).
// pixels [B,3,S,S] → embedding [B,D], not normalised. Weights stay as the state dict stores them, [out, in], so that a graph can refer to
// them inside the safetensors file.

import { arrayOf, elementCount, type Graph, GraphBuilder, type Value } from "@biovlm/graph";
import { ModelError, printShape } from "../contract/errors.js";
import type { ImageTowerWeights } from "../contract/image-towers.js";
import type { ModelSpec } from "../contract/model-spec.js";
import { added, reshaped, rowsOf, type TowerWeights } from "../weights/weight-view.js";
import { attend, attendOnce, firstRow, layersOf } from "./attention.js";

/** timm's epsilon of every LayerNorm in the image tower. */
const EPS = 1e-6;

/**
 * Name → shape of the tower's weights, by the names it asks for; linear weights are [out, in]. A backbone says under which key of a checkpoint
 * each lies. The order is that of the flow.
 */
export function imageTowerShapes({ vision: v, embedDim }: Pick<ModelSpec, "vision" | "embedDim">): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>([
    ["class_token", [1, 1, v.width]],
    ["positions", [1, 1 + (v.imageSize / v.patchSize) ** 2, v.width]],
    ["patches.weight", [v.width, 3, v.patchSize, v.patchSize]],
    ["patches.bias", [v.width]],
  ]);
  const pair = (name: string, weight: readonly number[], out: number) => shapes.set(`${name}.weight`, weight).set(`${name}.bias`, [out]);
  for (let i = 0; i < v.layers; i++) {
    const block = `blocks.${i}.`;
    pair(`${block}norm1`, [v.width], v.width);
    pair(`${block}qkv`, [3 * v.width, v.width], 3 * v.width);
    pair(`${block}output`, [v.width, v.width], v.width);
    pair(`${block}norm2`, [v.width], v.width);
    pair(`${block}fc1`, [v.mlp, v.width], v.mlp);
    pair(`${block}fc2`, [v.width, v.mlp], v.width);
  }
  pair("norm", [v.width], v.width);
  return shapes.set("projection.weight", [embedDim, v.width]);
}

/** Sizes and weights in plain numbers. @throws ModelError `shape_mismatch` for a weight that is not float32 or of another size */
export function imageTowerWeights(weights: TowerWeights, spec: Pick<ModelSpec, "vision" | "embedDim">): ImageTowerWeights {
  const { imageSize, patchSize, width, layers, heads, mlp } = spec.vision;
  const numbers = Array.from(imageTowerShapes(spec), ([name, shape]) => {
    const data = arrayOf(weights.get(name));
    if (data instanceof Float32Array && data.length === elementCount(shape)) return data;
    const got = `${data.length} of another type or number`;
    throw new ModelError("shape_mismatch", `weight ${name} — expected float32 ${printShape(shape)}, got ${got}. Check the weights.`);
  });
  return { sizes: [imageSize, patchSize, width, layers, heads, mlp, spec.embedDim], weights: numbers };
}

export interface TowerOptions {
  /** Also output what golden files name: the embedding layer and every block, all rows of them. Costs the last block's other rows. */
  readonly trace?: boolean;
}

/**
 * Builds the image tower. Input `pixels`, output `embedding`; with `trace` also `v_embed` and `v_block0`… [B,1+patches,W].
 * After the last attention only the class token's row goes on: the other rows cannot reach the embedding, and there one query is asked.
 */
export function imageTower(weights: TowerWeights, spec: ModelSpec, { trace = false }: TowerOptions = {}): Graph {
  const { imageSize, patchSize: P, width: W, layers, heads } = spec.vision;
  const grid = imageSize / P;
  const b = new GraphBuilder("image-tower");
  const { constant, linear, norm } = layersOf(b, weights);

  const pixels = b.input("pixels", "float32", ["B", 3, imageSize, imageSize]);
  const cut = b.transpose(b.reshape(pixels, ["B", 3, grid, P, grid, P]), [0, 2, 4, 1, 3, 5]);
  const patchWeight = constant("patches.weight", reshaped(weights.get("patches.weight"), [W, 3 * P * P]));
  const patches = b.linear(b.reshape(cut, ["B", grid * grid, 3 * P * P]), patchWeight, constant("patches.bias"));
  const positions = reshaped(weights.get("positions"), [1 + grid * grid, W]);
  const first = added(weights.get("class_token"), rowsOf(positions, 0, 1), [1, 1, W]);
  const classRow = b.expand(constant("class_row", first), ["B", 1, W]);
  const patchRows = b.add(patches, constant("patch_positions", rowsOf(positions, 1, 1 + grid * grid)));
  let x = b.concat([classRow, patchRows], 1);
  if (trace) b.output("v_embed", x);

  for (let i = 0; i < layers; i++) {
    const block = `blocks.${i}.`;
    const h = norm(x, `${block}norm1`, EPS);
    // qkv is one [3W, W] matrix; its three row ranges are used apart, which spares a split and lets the last block ask for one query.
    const matrix = (at: number) => rowsOf(weights.get(`${block}qkv.weight`), at * W, (at + 1) * W);
    const bias = (at: number, name: string) =>
      constant(`${block}${name}.bias`, rowsOf(weights.get(`${block}qkv.bias`), at * W, (at + 1) * W));
    const part = (from: Value, at: number, name: string) => b.linear(from, constant(`${block}${name}.weight`, matrix(at)), bias(at, name));
    const byHead = (at: number, name: string) => constant(`${block}${name}.weight`, reshaped(matrix(at), [heads, W / heads, W]));
    const one = i === layers - 1 && !trace;
    const mixed = one
      ? attendOnce(b, part(firstRow(b, h), 0, "q"), h, { key: byHead(1, "k"), value: byHead(2, "v"), valueBias: bias(2, "v") }, heads)
      : attend(b, part(h, 0, "q"), part(h, 1, "k"), part(h, 2, "v"), heads);
    x = b.add(one ? firstRow(b, x) : x, linear(mixed, `${block}output`));
    const m = b.gelu(linear(norm(x, `${block}norm2`, EPS), `${block}fc1`));
    x = b.add(x, linear(m, `${block}fc2`));
    if (trace) b.output(`v_block${i}`, x);
  }

  const pooled = b.reshape(firstRow(b, x), ["B", W]);
  b.output("embedding", linear(norm(pooled, "norm", EPS), "projection", false));
  return b.build();
}
