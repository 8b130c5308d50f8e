// The sizes of a dual encoder, whatever family it is of: what towers, checks and banks ask of a model before they ask for its weights.

/** Sizes of the image tower, a ViT. */
export interface VisionSpec {
  /** S, pixels */
  readonly imageSize: number;
  readonly patchSize: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly mlp: number;
}

/** Sizes of the text tower. */
export interface TextSpec {
  /** rows of the word embedding table (may exceed the tokenizer's vocabulary) */
  readonly vocabularyRows: number;
  readonly maxPositions: number;
  readonly contextLength: number;
  /** W */
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly mlp: number;
  readonly projectionHidden: number;
}

/** Sizes of a model: both towers, the embedding D, the logit scale, and how images become pixels. */
export interface ModelSpec {
  readonly vision: VisionSpec;
  readonly text: TextSpec;
  /** D */
  readonly embedDim: number;
  /** natural log of the scale on cosines; s = exp(logitScale) */
  readonly logitScale: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}
