// The answers as rows of a table and their order: by the image's name, what it is said to be, what was answered, how sure. Equal ones keep the
// order of the names; an image without an answer comes last, whichever way the rows go. No element here.

import { type AnswerGrouping, groupOf, isWrong } from "./answer-counts.js";
import { byNature, natural } from "./file-order.js";
import type { ImageItem } from "./image-item.js";

export const COLUMNS = ["image", "said", "answer", "probability"] as const;

export interface RowOrder {
  readonly by: (typeof COLUMNS)[number];
  readonly down: boolean;
}

export interface AnswerRow {
  readonly image: ImageItem;
  /** its folder or label; undefined where it has none */
  readonly said: string | undefined;
  readonly answer: string | undefined;
  readonly probability: number | undefined;
  /** answered with another class than it is said to be */
  readonly wrong: boolean;
}

export function answerRows(
  images: readonly ImageItem[],
  grouping: AnswerGrouping,
  classes: readonly string[],
  { by, down }: RowOrder,
): AnswerRow[] {
  const rows = images.map((image): AnswerRow => {
    const top = image.answer?.predictions[0];
    const wrong = isWrong(image, grouping, classes);
    return { image, said: groupOf(image, grouping), answer: top?.class, probability: top?.probability, wrong };
  });
  const turn = down ? -1 : 1;
  const order = (a: AnswerRow, b: AnswerRow): number => {
    if (by === "image") return turn * byNature(a.image, b.image);
    const [left, right] = [a[by], b[by]];
    if (left === undefined || right === undefined) return Number(left === undefined) - Number(right === undefined);
    if (typeof left === "number" && typeof right === "number") return turn * (left - right);
    return turn * natural.compare(String(left), String(right));
  };
  return rows.sort((a, b) => order(a, b) || byNature(a.image, b.image));
}
