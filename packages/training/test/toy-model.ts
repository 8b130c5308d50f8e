// A dual encoder small enough to see through: words are seeded vectors, both towers one linear map. Real gradients, no runtime.

import type { Encoder } from "@biovlm/model";
import type { PromptRows, Tape } from "@biovlm/model/prompts";
import type { TrainableModel } from "../src/learn-bank.js";
import { randomStream } from "../src/random.js";

const W = 12;
const D = 8;
const S = 8;
const VOCABULARY = 512;

function seeded(name: string, length: number): Float32Array {
  const random = randomStream(7, name);
  return Float32Array.from({ length }, () => random.normal());
}

export function toyModel(): TrainableModel {
  const words = seeded("words", VOCABULARY * W);
  const idOf = (word: string) => 3 + (Array.from(word).reduce((h, c) => (h * 31 + c.codePointAt(0)!) % 1_000_003, 7) % (VOCABULARY - 3));
  return {
    digest: `sha256:${"1".repeat(64)}`,
    spec: {
      vision: { imageSize: S, patchSize: 4, width: 12, layers: 1, heads: 1, mlp: 12 },
      text: {
        vocabularyRows: VOCABULARY,
        maxPositions: 32,
        contextLength: 32,
        width: W,
        layers: 1,
        heads: 1,
        mlp: 12,
        projectionHidden: 8,
      },
      embedDim: D,
      logitScale: Math.log(20),
      mean: [0.5, 0.5, 0.5],
      std: [0.25, 0.25, 0.25],
    },
    tokenizer: { encode: (text: string) => [1, ...(text.toLowerCase().match(/\w+|[^\w\s]/g) ?? []).map(idOf), 2].slice(0, 32) },
    frame: { before: 1, after: 1 },
    graphs: {
      wordVectors(ids) {
        const out = new Float32Array(ids.length * W);
        for (let i = 0; i < ids.length; i++) out.set(words.subarray(ids[i]! * W, (ids[i]! + 1) * W), i * W);
        return out;
      },
    },
  };
}

interface ToyTape extends Tape {
  readonly rows: PromptRows;
}

export function toyEncoder(): Encoder {
  const toText = seeded("text", W * D);
  const toImage = seeded("image", 3 * 16 * D);
  const model = toyModel();
  const encodeRows = ({ embeddings, mask, shape: [n, L] }: PromptRows) => {
    const out = new Float32Array(n * D);
    for (let r = 0; r < n; r++) {
      const count = mask.subarray(r * L, r * L + L).reduce((a, b) => a + b, 0);
      for (let t = 0; t < L; t++) {
        if (mask[r * L + t] === 0) continue;
        for (let w = 0; w < W; w++)
          for (let d = 0; d < D; d++) out[r * D + d]! += (embeddings[(r * L + t) * W + w]! * toText[w * D + d]!) / count;
      }
    }
    return { data: out, shape: [n, D] as const };
  };
  return {
    name: "toy",
    capabilities: { device: "cpu", precision: "fp32", maxBatch: 1024, gradients: true, deterministic: true },
    async encodeImages(pixels, batch) {
      const out = new Float32Array(batch * D);
      const plane = S * S;
      for (let b = 0; b < batch; b++) {
        for (let c = 0; c < 3; c++) {
          for (let p = 0; p < plane; p++) {
            // means over 2×2 cells
            const cell = c * 16 + Math.floor(Math.floor(p / S) / 2) * 4 + Math.floor((p % S) / 2);
            for (let d = 0; d < D; d++) out[b * D + d]! += (pixels[(b * 3 + c) * plane + p]! * toImage[cell * D + d]!) / 4;
          }
        }
      }
      return { data: out, shape: [batch, D] };
    },
    async encodeTexts(ids, mask, [n, L]) {
      return encodeRows({ embeddings: model.graphs.wordVectors(ids), mask, shape: [n, L, W] });
    },
    async encodePrompts(rows, options) {
      const tape: ToyTape = { rows, dispose() {} };
      return { out: encodeRows(rows), ...(options?.keep === true ? { tape } : {}) };
    },
    async encodePromptsBackward(from, dOut) {
      const { mask, shape } = "embeddings" in from ? from : (from as ToyTape).rows;
      const [n, L] = shape;
      const dRows = new Float32Array(n * L * W);
      for (let r = 0; r < n; r++) {
        const count = mask.subarray(r * L, r * L + L).reduce((a, b) => a + b, 0);
        for (let t = 0; t < L; t++) {
          if (mask[r * L + t] === 0) continue;
          for (let w = 0; w < W; w++)
            for (let d = 0; d < D; d++) dRows[(r * L + t) * W + w]! += (dOut[r * D + d]! * toText[w * D + d]!) / count;
        }
      }
      return dRows;
    },
    async close() {},
  };
}
