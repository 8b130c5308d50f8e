// Prompt rows: `[CLS] ctx_n,1..T <class name pieces> <suffix> [SEP]` as word vectors [N·C,L,W], and the way back from their gradient to ctx.
// The frozen tokens are looked up once; only the context vectors change between calls.

import { type Core, f32, f64 } from "@biovlm/core";
import { nth, quoted } from "@biovlm/files";
import type { Embeddings, Encoder, PromptRows, RunOptions } from "../contract/encoder.js";
import { ModelError } from "../contract/errors.js";
import type { ModelSpec } from "../contract/model-spec.js";
import type { PromptFrameRule, TokenEmbedding } from "../contract/prompt-frame.js";
import type { WordVectors } from "../text/word-table.js";
import { checkToldApart } from "./alike-tokens.js";

/** What turns text into ids, [CLS] first and [SEP] last. */
export interface PromptTokenizer {
  encode(text: string): readonly number[];
}

/** What prompts need of a model; the loaded Model has it all. */
export interface PromptModel {
  readonly spec: ModelSpec;
  readonly tokenizer: PromptTokenizer;
  readonly frame: PromptFrameRule;
  readonly embedTokens?: TokenEmbedding;
  readonly graphs: { readonly wordVectors: WordVectors };
}

/** Token rows of C classes with T places left for context: ids and mask [C,L]. */
export interface ClassTokens {
  readonly ids: Int32Array;
  readonly mask: Uint8Array;
  readonly shape: readonly [number, number];
}

/**
 * Class names, checked: at least one, none empty, none twice (after trimming). Throws ModelError `bad_classes`.
 */
export function checkClasses(classes: readonly string[]): readonly string[] {
  const refuse = (expected: string, got: string): never => {
    throw new ModelError("bad_classes", `class names — expected ${expected}, got ${got}. Correct the list.`);
  };
  if (classes.length === 0) refuse("at least one", "none");
  const seen = new Set<string>();
  for (const name of classes) {
    const plain = typeof name === "string" ? name.trim() : "";
    if (plain === "") refuse("names with text in them", quoted(String(name)));
    if (seen.has(plain)) refuse("each name once", `${quoted(plain)} twice`);
    seen.add(plain);
  }
  return classes;
}

/**
 * Tokens of `<class name><suffix>` behind T context places. Underscores in a name are spaces, as in the reference code.
 * A name too long for the context is cut and keeps its [SEP].
 * @throws ModelError `bad_classes` for names that become the same tokens
 */
export function classTokens(model: PromptModel, classes: readonly string[], T: number, suffix = "."): ClassTokens {
  checkClasses(classes);
  const { contextLength } = model.spec.text;
  const { before, after } = model.frame;
  const room = contextLength - before - after - T;
  const all = classes.map((name) => {
    const ids = model.tokenizer.encode(`${name.replaceAll("_", " ")}${suffix}`);
    const first = ids.slice(0, before);
    const inner = ids.slice(before, ids.length - after);
    // the context's places hold the token before them until its vectors take them
    const row = [...first, ...new Array<number>(T).fill(nth(first, before - 1)), ...inner.slice(0, room), ...ids.slice(ids.length - after)];
    return { texts: [name], rows: [row], cut: inner.length >= room };
  });
  checkToldApart(classes, all);
  return paddedRows(all.flatMap(({ rows }) => rows));
}

/** Rows of ids padded with 0 to the longest: ids and mask [n,L]. */
export function paddedRows(rows: readonly (readonly number[])[]): ClassTokens {
  const L = Math.max(1, ...rows.map((r) => r.length));
  const ids = new Int32Array(rows.length * L);
  const mask = new Uint8Array(rows.length * L);
  for (const [i, row] of rows.entries()) {
    ids.set(row, i * L);
    mask.fill(1, i * L, i * L + row.length);
  }
  return { ids, mask, shape: [rows.length, L] };
}

/** How frozen tokens enter: as plain word vectors, or, as the released code does, as the output of BERT's whole embedding layer. */
export type FrozenEmbedding = "word" | "released";

/** C classes ready to take context vectors. */
export interface PromptFrame {
  /** [C,L,W] */
  readonly shape: readonly [number, number, number];
  /** ctx [N,T,W] → rows [N·C,L,W], row n·C + c; by class, ctx [N,C,T,W]. */
  rows(ctx: Float32Array, N: number): PromptRows;
  /** gradient on the rows [N·C,L,W] → gradient on ctx [N,T,W]: each prompt's sum over classes, in class order; by class, [N,C,T,W] as they are. */
  contextGradient(dRows: Float32Array, N: number): Float32Array;
}

/** Looks the frozen tokens up once. Tokens at places 1..T are the context's and are not looked at. @param byClass contexts of each class's own */
export function promptFrame(
  model: Omit<PromptModel, "tokenizer">,
  tokens: ClassTokens,
  T: number,
  embedding: FrozenEmbedding = "word",
  byClass = false,
): PromptFrame {
  const { width: W } = model.spec.text;
  const { before, after } = model.frame;
  const [C, L] = tokens.shape;
  if (L < T + before + after)
    throw new ModelError(
      "bad_argument",
      `prompt rows — expected room for ${T} context tokens and the ${before + after} around a text, got length ${L}. Tokenise with the same T.`,
    );
  const frozen = model.graphs.wordVectors(tokens.ids);
  if (embedding === "released") {
    if (model.embedTokens === undefined)
      throw new ModelError("bad_argument", 'embedding "released" — expected a family that has it, got one without. Use embedding "word".');
    model.embedTokens(frozen, C, L);
  }
  const checkCount = (name: string, got: number, wanted: number) => {
    if (got !== wanted)
      throw new ModelError("bad_argument", `${name} — expected ${wanted} numbers, got ${got}. Check N, T and the classes.`);
  };
  return {
    shape: [C, L, W],
    rows(ctx, N) {
      checkCount("ctx", ctx.length, (byClass ? N * C : N) * T * W);
      const embeddings = new Float32Array(N * C * L * W);
      const mask = new Uint8Array(N * C * L);
      for (let n = 0; n < N; n++) {
        embeddings.set(frozen, n * C * L * W);
        mask.set(tokens.mask, n * C * L);
        for (let c = 0; c < C; c++) {
          const row = n * C + c;
          const at = byClass ? row : n;
          embeddings.set(ctx.subarray(at * T * W, (at + 1) * T * W), (row * L + before) * W);
        }
      }
      return { embeddings, mask, shape: [N * C, L, W] };
    },
    contextGradient(dRows, N) {
      checkCount("gradient on the rows", dRows.length, N * C * L * W);
      const out = new Float32Array((byClass ? N * C : N) * T * W);
      for (let row = 0; byClass && row < N * C; row++) {
        const from = (row * L + before) * W;
        out.set(dRows.subarray(from, from + T * W), row * T * W);
      }
      for (let n = 0; !byClass && n < N; n++) {
        const sum = new Float64Array(T * W);
        for (let c = 0; c < C; c++) {
          const from = ((n * C + c) * L + before) * W;
          for (let i = 0; i < T * W; i++) sum[i] = f64(sum, i) + f32(dRows, from + i);
        }
        out.set(sum, n * T * W);
      }
      return out;
    },
  };
}

/** Encodes texts and normalises: [n,D]. */
export async function encodeSentences(
  { core, encoder, tokenizer }: { readonly core: Core; readonly encoder: Encoder; readonly tokenizer: PromptTokenizer },
  texts: readonly string[],
  options: RunOptions = {},
): Promise<Embeddings> {
  const { ids, mask, shape } = paddedRows(texts.map((t) => tokenizer.encode(t)));
  const { data, shape: out } = await encoder.encodeTexts(ids, mask, shape, options);
  return { data: core.l2Normalize(data, out[0], out[1]), shape: out };
}
