// Where rows of embeddings can be had by content: the journal of this run, or the output of an earlier one.

/** Rows of D float32, found by the sha256 of the image file. */
export interface RowSource {
  has(sha256: string): boolean;
  /** The row's bytes, little-endian. Only for content that `has` confirms. */
  read(sha256: string): Promise<Uint8Array>;
}

/** One line of the list beside an output. */
export interface RowName {
  readonly file: string;
  readonly sha256: string;
}
