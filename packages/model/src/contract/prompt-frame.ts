// How prompts stand in a family's texts: what comes before and behind the context vectors. Facts of a family, used by banks/prompts.ts.

/** A tokenised text is `before` tokens, the text's own, `after` tokens; context vectors follow the first `before`. BERT: [CLS] … [SEP], 1 and 1. */
export interface PromptFrameRule {
  readonly before: number;
  readonly after: number;
}

/** Word vectors [rows·L,W] → the embedding layer's output, in place; positions count from 0 in each row of L. */
export type TokenEmbedding = (words: Float32Array, rows: number, L: number) => void;
