// Writes state dicts of seeded random values of any size straight to disk, a megabyte at a time: stand-ins for weights that cannot be
// shipped. Norm weights lie round 1, biases are never zero, linear weights keep the scale of their input, so that no term of a tower is invisible.
import { closeSync, openSync, writeSync } from "node:fs";
import { torchFile } from "./torch-file.js";

export interface RandomStateDictOptions {
  readonly format: "safetensors" | "torch";
  /** name → shape in BiomedCLIP's key layout, e.g. the model package's `expectedShapes(BIOMEDCLIP_SIZES)` */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly seed: number;
  /** safetensors `__metadata__`, e.g. v_heads and t_heads */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** BiomedCLIP's own sizes: 196 M parameters. */
export const BIOMEDCLIP_SIZES = {
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
} as const;

const CHUNK = 1 << 18;
const countOf = (shape: readonly number[]) => shape.reduce((n, d) => n * d, 1);

/** Writes the file; the same seed and shapes give the same values in both formats. Returns its size in bytes. */
export function writeRandomStateDict(path: string, options: RandomStateDictOptions): number {
  const tensors = [...options.shapes].map(([name, shape], i) => ({
    name,
    dtype: "F32" as const,
    shape,
    chunks: () => randomValues(name, shape, (options.seed + Math.imul(i + 1, 0x9e3779b1)) >>> 0),
  }));
  const pieces = options.format === "torch" ? torchFile(tensors) : safetensorsPieces(tensors, options.metadata);
  const file = openSync(path, "w");
  let written = 0;
  try {
    for (const piece of pieces) {
      for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at, piece.length - at);
      written += piece.length;
    }
  } finally {
    closeSync(file);
  }
  return written;
}

type Tensor = { readonly name: string; readonly shape: readonly number[]; chunks(): Iterable<Uint8Array> };

function* safetensorsPieces(tensors: readonly Tensor[], metadata?: Readonly<Record<string, string>>): Generator<Uint8Array> {
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata };
  let at = 0;
  for (const { name, shape } of tensors) {
    const end = at + 4 * countOf(shape);
    header[name] = { dtype: "F32", shape, data_offsets: [at, end] };
    at = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(8 + padded).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
  head.set(json, 8);
  yield head;
  for (const tensor of tensors) yield* tensor.chunks();
}

/** mean and deviation by the tensor's part in the model */
function scaleOf(name: string, shape: readonly number[]): readonly [number, number] {
  if (name === "logit_scale") return [2.6593, 0];
  if (/(?:norm\d?|LayerNorm)\.weight$/.test(name)) return [1, 0.1];
  if (/\.bias$/.test(name)) return [0, 0.05];
  if (/cls_token|word_embeddings/.test(name)) return [0, 0.5];
  if (/pos_embed/.test(name)) return [0, 0.3];
  if (/embeddings/.test(name)) return [0, 0.2];
  return [0, 1 / Math.sqrt(countOf(shape.slice(1)))];
}

/** Nearly normal values (sums of four uniforms), from two xorshift words each. The buffer is used again for each chunk. */
function* randomValues(name: string, shape: readonly number[], seed: number): Generator<Uint8Array> {
  const [mean, deviation] = scaleOf(name, shape);
  const total = countOf(shape);
  const values = new Float32Array(Math.min(total, CHUNK));
  // A uniform 16-bit integer has variance (2^32 - 1)/12; four of them have mean 2 * 65535.
  const factor = deviation / Math.sqrt((4 * (2 ** 32 - 1)) / 12);
  let state = seed === 0 ? 1 : seed;
  for (let done = 0; done < total; done += values.length) {
    const n = Math.min(values.length, total - done);
    for (let i = 0; i < n; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      const sum = (state & 0xffff) + (state >>> 16);
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      values[i] = mean + factor * (sum + (state & 0xffff) + (state >>> 16) - 131070);
    }
    yield new Uint8Array(values.buffer, 0, 4 * n);
  }
}
