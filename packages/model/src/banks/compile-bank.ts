// Text embeddings of a bank for a list of classes, computed once: after that, inference needs no text tower.

import type { Core } from "@biovlm/core";
import { nth, present, quoted } from "@biovlm/files";
import type { Encoder, RunOptions } from "../contract/encoder.js";
import { ModelError } from "../contract/errors.js";
import { type BankTensor, checkBankFits, type PromptBank } from "./bank.js";
import { type BankMixture, pickMixture } from "./bank-mixture.js";
import { checkClasses, classTokens, type FrozenEmbedding, type PromptModel, promptFrame } from "./prompts.js";

/** Prompt rows in memory at a time: about 63 MB of word vectors at BiomedCLIP's width and 20 tokens. */
const ROWS_AT_ONCE = 1024;

/**
 * The bank with `text` [N,C,D] for `classes`: taken from the bank where it has them, else encoded from its context vectors.
 * @throws ModelError `model_mismatch`; `bad_classes` for a class that a bank without context vectors does not hold; EncoderError `not_supported`
 * when the encoder cannot run prompt rows.
 */
export async function compileBank(
  { core, encoder, model }: { readonly core: Core; readonly encoder: Encoder; readonly model: PromptModel & { readonly digest: string } },
  bank: PromptBank,
  classes: readonly string[] = bank.classes,
  options: RunOptions = {},
): Promise<PromptBank & { readonly text: BankTensor }> {
  checkClasses(classes);
  checkBankFits(bank, model);
  const mixture = bank.mixture === undefined ? undefined : pickMixture(bank.mixture, bank.classes, classes);
  const { mixture: _whole, classCounts, ...others } = bank;
  const counts = classCounts === undefined ? undefined : pickCounts(classCounts, bank.classes, classes);
  const prompts = counts === undefined ? others : { ...others, classCounts: counts };
  const ready = mixture === undefined ? {} : { mixture: await compiledMixture({ core, encoder, model }, bank, mixture, classes, options) };
  const picked = pickClasses(bank, classes);
  if (picked !== undefined) return { ...prompts, classes: [...classes], text: picked, ...ready };
  const ctx = present(bank.ctx, "context vectors");
  const [N, T, W] = ctx.shape;
  const C = classes.length;
  const { embedDim: D } = model.spec;
  const embedding = embeddingOf(bank);
  const frame = promptFrame(model, classTokens(model, classes, T, bank.promptSuffix), T, embedding);
  const data = new Float32Array(N * C * D);
  const most = Math.max(1, Math.floor(ROWS_AT_ONCE / C));
  for (let n = 0; n < N; n += most) {
    const count = Math.min(most, N - n);
    const { out } = await encoder.encodePrompts(frame.rows(ctx.data.subarray(n * T * W, (n + count) * T * W), count), options);
    data.set(core.l2Normalize(out.data, count * C, D), n * C * D);
  }
  return { ...prompts, classes: [...classes], text: { data, shape: [N, C, D] }, ...ready };
}

/** Counts in the order of `classes`; undefined where one of them is not the bank's own. */
function pickCounts(counts: readonly number[], own: readonly string[], classes: readonly string[]): readonly number[] | undefined {
  const picked = classes.flatMap((name) => counts[own.indexOf(name)] ?? []);
  return picked.length === classes.length ? picked : undefined;
}

/** The mixture with the text embeddings of its one prompt. */
async function compiledMixture(
  { core, encoder, model }: { readonly core: Core; readonly encoder: Encoder; readonly model: PromptModel },
  bank: PromptBank,
  mixture: BankMixture,
  classes: readonly string[],
  options: RunOptions,
): Promise<BankMixture> {
  if (mixture.text !== undefined) return mixture;
  const [, T] = mixture.ctx.shape;
  const C = classes.length;
  const { embedDim: D } = model.spec;
  const frame = promptFrame(model, classTokens(model, classes, T, bank.promptSuffix), T, embeddingOf(bank));
  const { out } = await encoder.encodePrompts(frame.rows(mixture.ctx.data, 1), options);
  return { ...mixture, text: { data: core.l2Normalize(out.data, C, D), shape: [1, C, D] } };
}

function embeddingOf(bank: PromptBank): FrozenEmbedding {
  const embedding = bank.options["embedding"] ?? "word";
  if (embedding !== "word" && embedding !== "released") {
    throw new ModelError(
      "bad_bank",
      `bank options.embedding — expected "word" or "released", got ${quoted(String(embedding))}. Correct it.`,
    );
  }
  return embedding;
}

/** The columns of `text` for these classes, where the bank's text has all of them; undefined where it must be encoded. */
function pickClasses(bank: PromptBank, classes: readonly string[]): BankTensor | undefined {
  const { text } = bank;
  const columns = classes.map((c) => bank.classes.indexOf(c));
  if (text === undefined || columns.includes(-1)) {
    if (bank.ctx !== undefined) return undefined;
    const missing = nth(classes, Math.max(0, columns.indexOf(-1)));
    throw new ModelError(
      "bad_classes",
      `class ${quoted(missing)} — expected one of ${quoted(bank.classes.join(", "))}, which this bank has embeddings of. Use a bank with context vectors for other classes.`,
    );
  }
  const [N, C, D] = text.shape;
  const data = new Float32Array(N * columns.length * D);
  for (let n = 0; n < N; n++) {
    for (const [i, c] of columns.entries()) {
      data.set(text.data.subarray((n * C + c) * D, (n * C + c + 1) * D), (n * columns.length + i) * D);
    }
  }
  return { data, shape: [N, columns.length, D] };
}
