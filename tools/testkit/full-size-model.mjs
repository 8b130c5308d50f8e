// A model folder of BiomedCLIP's sizes (196 M parameters, 784 MB) with seeded random weights, for benches. Made once for a folder.
// Needs BiomedCLIP's tokenizer files in $BIOVLM_SHARED/tokenizer or ../shared/tokenizer, and `npm run build`.
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expectedShapes, layOutSafetensors } from "@biovlm/model/backbone";

const SIZES = {
  vision: { imageSize: 224, patchSize: 16, width: 768, layers: 12, heads: 12, mlp: 3072 },
  text: {
    vocabularyRows: 30522,
    maxPositions: 512,
    contextLength: 256,
    width: 768,
    layers: 12,
    heads: 12,
    mlp: 3072,
    projectionHidden: 640,
  },
  embedDim: 512,
};

/** Path of the folder; the weights are written when they are not there. */
export function fullSizeModel(folder = join(tmpdir(), "biovlm-full-size")) {
  if (existsSync(join(folder, "model.safetensors"))) return folder;
  const tokenizer = join(process.env.BIOVLM_SHARED ?? resolve("../shared"), "tokenizer");
  mkdirSync(folder, { recursive: true });
  for (const name of ["open_clip_config.json", "tokenizer.json", "vocab.txt"]) copyFileSync(join(tokenizer, name), join(folder, name));
  const none = () => new Uint8Array(0);
  const tensors = [...expectedShapes(SIZES)].map(([name, shape]) => ({ name, dtype: "F32", shape, bytes: none }));
  const layout = layOutSafetensors(tensors, { v_heads: "12", t_heads: "12" });
  const file = openSync(join(folder, "model.partial"), "w");
  writeSync(file, layout.header);
  let state = 11;
  for (const { name, shape } of layout.order) {
    const count = shape.reduce((a, b) => a * b, 1);
    const fan = shape.length > 1 ? shape.slice(1).reduce((a, b) => a * b, 1) : 1;
    const norm = /norm\d?\.weight|LayerNorm\.weight|\.norm\.weight/.test(name);
    const std = name === "logit_scale" ? 0 : /embedd|pos_embed|cls_token/.test(name) ? 0.2 : shape.length > 1 ? 1 / Math.sqrt(fan) : 0.05;
    const data = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      data[i] = (norm ? 1 : name === "logit_scale" ? Math.log(1 / 0.07) : 0) + std * 1.73 * (state / 2 ** 31 - 1);
    }
    writeSync(file, new Uint8Array(data.buffer));
  }
  closeSync(file);
  renameSync(join(folder, "model.partial"), join(folder, "model.safetensors"));
  return folder;
}
