// @biovlm/model/prompts: context vectors as rows of tokens, and the way back — what learning a bank needs of a model.

export type { BankMixture } from "./banks/bank-mixture.js";
export {
  type ClassTokens,
  checkClasses,
  classTokens,
  encodeSentences,
  type FrozenEmbedding,
  type PromptFrame,
  type PromptModel,
  type PromptTokenizer,
  paddedRows,
  promptFrame,
} from "./banks/prompts.js";
export { checkSentences, UNTRAINED_RHO } from "./banks/zero-shot.js";
export { expertScores } from "./classify/expert-scores.js";
export type { PromptRows, Tape } from "./contract/encoder.js";
export type { PromptFrameRule, TokenEmbedding } from "./contract/prompt-frame.js";
