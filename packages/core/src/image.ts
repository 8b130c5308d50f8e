// Pixels and rectangles of them, as every kernel takes them.

/** 8-bit RGB pixels, row-major, no padding: data.length = width·height·3. */
export interface RgbImage {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** A rectangle of whole source pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}
