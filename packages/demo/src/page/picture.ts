// RGB bytes onto a canvas, and a grid of numbers over it.

import type { OcclusionMap, Picture, View } from "../engine/protocol.js";

/** Paints a picture in its own size; the style sheet scales it. */
export function paintPicture(canvas: HTMLCanvasElement, { size, rgb }: Picture): void {
  paintPixels(canvas, { width: size, height: size, rgb });
}

/** Paints RGB bytes [height,width,3]. */
export function paintPixels(canvas: HTMLCanvasElement, { width, height, rgb }: Pick<View, "width" | "height" | "rgb">): void {
  canvas.width = width;
  canvas.height = height;
  const pixels = new ImageData(width, height);
  for (let i = 0, j = 0; i < rgb.length; i += 3, j += 4) {
    pixels.data[j] = rgb[i]!;
    pixels.data[j + 1] = rgb[i + 1]!;
    pixels.data[j + 2] = rgb[i + 2]!;
    pixels.data[j + 3] = 255;
  }
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
}

/** Paints falls of a probability in orange and rises in blue, a cell of the map a pixel. All of the probability is the strongest colour. */
export function paintOcclusion(canvas: HTMLCanvasElement, { grid, drops }: OcclusionMap): void {
  canvas.width = canvas.height = grid;
  const pixels = new ImageData(grid, grid);
  for (const [i, drop] of drops.entries()) pixels.data.set(colourOfDrop(drop), i * 4);
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
}

/** The same colours from a rise of all to a fall of all, from left to right. */
export function paintScale(canvas: HTMLCanvasElement, steps = 101): void {
  canvas.width = steps;
  canvas.height = 1;
  const pixels = new ImageData(steps, 1);
  for (let i = 0; i < steps; i++) pixels.data.set(colourOfDrop((2 * i) / (steps - 1) - 1), i * 4);
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
}

/** @param drop −1 to 1. RGBA; the scale is the same for every image, so that two maps may be held side by side. */
export function colourOfDrop(drop: number): readonly number[] {
  const colour = drop >= 0 ? [255, 122, 0] : [40, 120, 255];
  return [...colour, Math.round(235 * Math.min(1, Math.abs(drop)))];
}

/** A small picture as a data: address, for a file that stands alone; undefined where it cannot be drawn. */
export function thumbnailOf(picture: Picture, side = 96): string | undefined {
  const whole = document.createElement("canvas");
  paintPicture(whole, picture);
  const small = document.createElement("canvas");
  small.width = small.height = Math.min(side, picture.size);
  const context = small.getContext("2d");
  if (context === null) return undefined;
  context.imageSmoothingQuality = "high";
  context.drawImage(whole, 0, 0, small.width, small.height);
  return small.toDataURL("image/jpeg", 0.85);
}
