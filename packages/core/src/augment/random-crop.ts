// The crop box of RandomResizedCrop, in torchvision's order of draws: area, aspect ratio, then position; ten tries, then the centre.
// Only the box: the pixels are resized by the same exact PIL kernel as everywhere.

/** A crop in pixels of the original image, inside it. */
export interface CropBox {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Bounds of a random resized crop, as torchvision's RandomResizedCrop has them. */
export interface RandomCropOptions {
  /** share of the image's area */
  readonly scale: readonly [number, number];
  /** width : height */
  readonly ratio: readonly [number, number];
}

/** `uniform()` in [0,1) and `below(n)` in 0..n−1 come from the caller's seeded stream. */
export function randomCropBox(
  width: number,
  height: number,
  options: RandomCropOptions,
  random: { uniform(): number; below(n: number): number },
): CropBox {
  const { scale, ratio } = options;
  const [low, high] = [Math.log(ratio[0]), Math.log(ratio[1])];
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * (scale[0] + (scale[1] - scale[0]) * random.uniform());
    const aspect = Math.exp(low + (high - low) * random.uniform());
    const w = roundHalfEven(Math.sqrt(area * aspect));
    const h = roundHalfEven(Math.sqrt(area / aspect));
    if (w > 0 && w <= width && h > 0 && h <= height) {
      const top = random.below(height - h + 1);
      return { left: random.below(width - w + 1), top, width: w, height: h };
    }
  }
  const shape = width / height;
  const w = shape > ratio[1] ? Math.max(1, roundHalfEven(height * ratio[1])) : width;
  const h = shape < ratio[0] ? Math.max(1, roundHalfEven(width / ratio[0])) : height;
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}

function roundHalfEven(x: number): number {
  const r = Math.round(x);
  return r - x === 0.5 && r % 2 !== 0 ? r - 1 : r;
}
