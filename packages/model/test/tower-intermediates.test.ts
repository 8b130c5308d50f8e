// Every intermediate of the golden run of plain PyTorch, where the mask says token: embedding layers and blocks of both towers.

import { readFileSync } from "node:fs";
import { type Graph, serializeModel } from "@biovlm/graph";
import { golden, goldenTensors } from "@biovlm/testkit";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { openSafetensors, safetensorsStateDict } from "../src/backbone.js";
import { imageKey, textKey, towerView } from "../src/backbones/biomedclip/keys.js";
import { readSpec } from "../src/backbones/biomedclip/spec.js";
import { textTower } from "../src/towers/bert.js";
import { imageTower } from "../src/towers/vit.js";

const io = goldenTensors("tiny_a_io.safetensors");
const numbers = (name: string) => io.get(name)!.data as Float32Array;
const weights = safetensorsStateDict(openSafetensors(readFileSync(golden("tiny_a_model.safetensors"))));
const spec = readSpec(weights, { model_cfg: { embed_dim: 32, text_cfg: { context_length: 24 } }, preprocess_cfg: {} });

async function outputsOf(graph: Graph, feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Float32Array>> {
  const session = await InferenceSession.create(serializeModel(graph, { references: "copy" }).model, { intraOpNumThreads: 1 });
  const results = await session.run(feeds);
  const out = Object.fromEntries(Object.entries(results).map(([name, t]) => [name, t.data as Float32Array]));
  await session.release();
  return out;
}

function expectNear(got: Float32Array, wanted: Float32Array, counts: (index: number) => boolean, name: string): void {
  expect(got.length, name).toBe(wanted.length);
  let most = 0;
  for (let i = 0; i < got.length; i++) if (counts(i)) most = Math.max(most, Math.abs(got[i]! - wanted[i]!));
  expect(most, name).toBeLessThanOrEqual(2e-5);
}

describe("tiny_a", () => {
  it("image tower: embedding layer and every block within 2e-5; the traced graph and the trimmed one agree", async () => {
    const feeds = { pixels: new Tensor("float32", numbers("in.images"), [6, 3, 32, 32]) };
    const traced = await outputsOf(imageTower(towerView(weights, imageKey), spec, { trace: true }), feeds);
    for (const name of ["v_embed", "v_block0", "v_block1", "v_block2"]) expectNear(traced[name]!, numbers(`out.${name}`), () => true, name);
    const trimmed = await outputsOf(imageTower(towerView(weights, imageKey), spec), feeds);
    for (const out of [traced, trimmed]) expectNear(out["embedding"]!, numbers("out.image_features_raw"), () => true, "embedding");
  });

  it("text tower by ids: embedding layer and every block within 2e-5 at tokens; the traced graph and the trimmed one agree", async () => {
    const ids = io.get("in.class_ids")!.data as Int32Array;
    const isToken = (index: number) => ids[Math.floor(index / spec.text.width)] !== 0;
    const feeds = {
      ids: new Tensor("int32", ids, [5, 24]),
      mask: new Tensor(
        "float32",
        Float32Array.from(ids, (id) => (id === 0 ? 0 : 1)),
        [5, 24],
      ),
    };
    const traced = await outputsOf(textTower(towerView(weights, textKey), spec, { input: "ids", trace: true }), feeds);
    for (const name of ["t_embed", "t_block0", "t_block1", "t_block2"]) {
      expectNear(traced[name]!, numbers(`out.ids_${name}`), isToken, name);
    }
    const trimmed = await outputsOf(textTower(towerView(weights, textKey), spec, { input: "ids" }), feeds);
    for (const out of [traced, trimmed]) expectNear(out["embedding"]!, numbers("out.class_text_raw"), () => true, "embedding");
  });
});
