// The answers one by one, sorted by the column whose head is pressed; a row's name shows its image. How rows are ordered is in answer-rows.ts.

import type { AnswerGrouping } from "./answer-counts.js";
import { type AnswerRow, answerRows, COLUMNS, type RowOrder } from "./answer-rows.js";
import { byId, element, plainName, probabilityText, visibleText } from "./elements.js";
import { failureWord } from "./image-item.js";
import { pathOf } from "./labels-csv.js";
import type { Session } from "./session.js";

/** More rows than these stand in the files only. */
const MOST = 500;

export interface AnswerTable {
  readonly root: HTMLElement;
  /** Draws the rows of those images that the gallery shows. */
  draw(grouping: AnswerGrouping): void;
}

export function answerTable(session: Session): AnswerTable {
  let order: RowOrder = { by: "image", down: false };
  let drawn: AnswerGrouping = "folder";
  const body = element("tbody");
  const note = element("p", { class: "quiet", attributes: { id: "answer-rows-note" } });
  const heads = COLUMNS.map((by) => {
    const button = element("button", { class: "plain", attributes: { type: "button", "data-by": by } });
    button.addEventListener("click", () => {
      order = { by, down: order.by === by && !order.down };
      draw(drawn);
    });
    return { by, button, cell: element("th", { attributes: { scope: "col" } }, button) };
  });
  const table = element(
    "table",
    { class: "report sorted", attributes: { id: "answer-table" } },
    element("caption", { class: "unseen", text: "Answers one by one; a column's head sorts by it" }),
    element("thead", {}, element("tr", {}, ...heads.map(({ cell }) => cell))),
    body,
  );
  const root = element(
    "div",
    { attributes: { hidden: "" } },
    element("div", { class: "scroll", attributes: { tabindex: "0", role: "region", "aria-label": "Answers one by one" } }, table),
    note,
  );

  function draw(grouping: AnswerGrouping): void {
    drawn = grouping;
    const images = session.filter.of(session.images);
    const rows = answerRows(images, grouping, session.prepared?.classes ?? [], order);
    root.hidden = rows.length === 0 || session.prepared === undefined;
    const names = { image: "image", said: grouping, answer: "answer", probability: "probability" };
    for (const { by, button, cell } of heads) {
      const sorted = order.by === by;
      const mark = element("span", { text: order.down ? " ↓" : " ↑", attributes: { "aria-hidden": "true" } });
      button.replaceChildren(names[by], ...(sorted ? [mark] : []));
      if (sorted) cell.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    body.replaceChildren(...rows.slice(0, MOST).map((row) => rowOf(row, session)));
    note.textContent = rows.length > MOST ? `The first ${MOST} of ${rows.length}; the files below hold all.` : "";
  }
  return { root, draw };
}

function rowOf({ image, said, answer, probability, wrong }: AnswerRow, session: Session): HTMLElement {
  const show = element(
    "button",
    { class: "plain", attributes: { type: "button", "aria-label": `Show ${visibleText(pathOf(image))}` } },
    element("bdi", { class: "file-name", text: visibleText(image.name) }),
  );
  show.addEventListener("click", () => {
    session.select(image);
    byId("tab-result").click();
    byId("tab-result").focus();
  });
  const cell = (text: string | undefined) => element("td", {}, element("bdi", { text: text === undefined ? "–" : plainName(text) }));
  const answered = image.failure === undefined ? answer : failureWord(image.failure);
  return element(
    "tr",
    wrong ? { class: "wrong" } : {},
    element("th", { attributes: { scope: "row" } }, show),
    cell(said),
    element("td", {}, element("bdi", { text: plainName(answered ?? "–") }), ...(wrong ? [" (wrong)"] : [])),
    element("td", { text: probability === undefined ? "–" : probabilityText(probability) }),
  );
}
