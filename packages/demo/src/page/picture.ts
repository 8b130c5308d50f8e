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

/** Paints falls in orange and rises in blue, as strong as the strongest; the canvas scales it smoothly. */
export function paintOcclusion(canvas: HTMLCanvasElement, { grid, drops }: OcclusionMap): void {
  canvas.width = canvas.height = grid;
  const most = Math.max(1e-6, ...drops.map(Math.abs));
  const pixels = new ImageData(grid, grid);
  for (const [i, drop] of drops.entries()) {
    const colour = drop >= 0 ? [255, 122, 0] : [40, 120, 255];
    pixels.data.set([...colour, Math.round(220 * Math.min(1, Math.abs(drop) / most))], i * 4);
  }
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
}
