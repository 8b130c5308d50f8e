// Probabilities of one class over a slide's tiles as a picture: colours on a fixed scale from 0 to 1 with a bar that says so, grey where no tile
// was answered, and the research-use line. It draws pixels; it writes no file.

import type { RgbImage } from "@biovlm/core";
import { RESEARCH_USE } from "../terminal.js";
import { drawText, TEXT_HEIGHT, textWidth } from "./pixel-font.js";

/** Values of the cells of a grid, row by row; NaN where there is none. */
export interface CellValues {
  readonly columns: number;
  readonly rows: number;
  readonly values: Float32Array;
}

/** Colours at 0, 0.25, 0.5, 0.75 and 1 (viridis); between them they are mixed. */
const COLOURS = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
] as const;
const NO_ANSWER = 224;
const [MARGIN, BAR_WIDTH, GAP] = [12, 14, 6];
/** Pixels along the longer side of the map, where its cells are large enough to be drawn larger. */
const LONG_SIDE = 1200;
const LARGEST_CELL = 24;
const LEAST_HEIGHT = 96;

/** The colour of a probability, 0 to 1. */
export function heatColour(value: number): readonly [number, number, number] {
  const place = Math.min(1, Math.max(0, value)) * (COLOURS.length - 1);
  const from = Math.min(COLOURS.length - 2, Math.floor(place));
  const mixed = [0, 1, 2].map((c) => {
    const [a, b] = [COLOURS[from]?.[c] ?? 0, COLOURS[from + 1]?.[c] ?? 0];
    return Math.round(a + (b - a) * (place - from));
  });
  return [mixed[0] ?? 0, mixed[1] ?? 0, mixed[2] ?? 0];
}

function fill(image: RgbImage, left: number, top: number, width: number, height: number, colour: readonly number[]): void {
  for (let y = top; y < top + height; y++) for (let x = left; x < left + width; x++) image.data.set(colour, (y * image.width + x) * 3);
}

/** Draws the map. @returns RGB8 [height,width,3]; the map's first pixel lies at 12, 12 */
export function drawHeatMap({ columns, rows, values }: CellValues): RgbImage {
  const cell = Math.max(1, Math.min(LARGEST_CELL, Math.floor(LONG_SIDE / Math.max(columns, rows))));
  const [mapWidth, mapHeight] = [columns * cell, rows * cell];
  const barHeight = Math.max(LEAST_HEIGHT, mapHeight);
  const barLeft = MARGIN + mapWidth + MARGIN;
  const width = Math.max(barLeft + BAR_WIDTH + GAP + textWidth("0.0") + MARGIN, textWidth(RESEARCH_USE) + 2 * MARGIN);
  const height = MARGIN + barHeight + MARGIN + TEXT_HEIGHT + MARGIN;
  const image: RgbImage = { data: new Uint8Array(width * height * 3).fill(255), width, height };
  for (let i = 0; i < columns * rows; i++) {
    const value = values[i] ?? Number.NaN;
    const colour = Number.isNaN(value) ? [NO_ANSWER, NO_ANSWER, NO_ANSWER] : heatColour(value);
    fill(image, MARGIN + (i % columns) * cell, MARGIN + Math.floor(i / columns) * cell, cell, cell, colour);
  }
  for (let y = 0; y < barHeight; y++) fill(image, barLeft, MARGIN + y, BAR_WIDTH, 1, heatColour(1 - y / (barHeight - 1)));
  for (const tick of [1, 0.5, 0]) {
    const middle = MARGIN + Math.round((1 - tick) * (barHeight - 1));
    const top = Math.min(MARGIN + barHeight - TEXT_HEIGHT, Math.max(MARGIN, middle - Math.floor(TEXT_HEIGHT / 2)));
    drawText(image, barLeft + BAR_WIDTH + GAP, top, tick.toFixed(1));
  }
  drawText(image, MARGIN, height - MARGIN - TEXT_HEIGHT, RESEARCH_USE);
  return image;
}
