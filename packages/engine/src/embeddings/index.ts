// @biovlm/engine/embeddings: embeddings of many images in one file, and the journal that makes a long run resumable.

export { type EmbeddingFacts, EmbeddingFile, rowsPath, writeEmbeddings } from "./embedding-file.js";
export { RowJournal } from "./row-journal.js";
export type { RowName, RowSource } from "./row-source.js";
