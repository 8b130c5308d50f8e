// Words of the attribute sentences as a start of context vectors: what a sentence says last, as word vectors in the context's places.

import { nth } from "@biovlm/files";
import type { PromptModel } from "@biovlm/model/prompts";
import type { Recipe } from "./recipe.js";

/**
 * The last T words of sentence n mod M, without its full stop: of class n mod C where classes share their contexts, else of each class its own.
 * A shorter sentence is repeated. @param sentences [C][M] @returns [N,T,W], or [N,C,T,W]
 */
export function contextWords(
  { tokenizer, frame, graphs }: PromptModel,
  sentences: readonly (readonly string[])[],
  { prompts: N, contextTokens: T, classContext = false }: Recipe,
): Float32Array {
  const C = sentences.length;
  const ids: number[] = [];
  for (let n = 0; n < N; n++) {
    for (const c of classContext ? sentences.keys() : [n % C]) {
      const of = nth(sentences, c);
      const tokens = tokenizer.encode(nth(of, n % of.length).replace(/[\s.]+$/, ""));
      const inner = tokens.slice(frame.before, tokens.length - frame.after);
      for (let t = 0; t < T; t++) ids.push(inner[(inner.length - (T % inner.length) + t) % inner.length] ?? nth(tokens, 0));
    }
  }
  return graphs.wordVectors(ids);
}
