// A table of counts, rows by columns: how many images of each row were answered with each column. The larger a cell's share of its row, the
// stronger its colour. Where `onCell` is given every count above zero is a button. It decides nothing of what is right.

import { element, plainName, shortName } from "./elements.js";

export interface CountTable {
  readonly id: string;
  /** what the table says, for who cannot see it */
  readonly caption: string;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** [rows][columns] */
  readonly counts: readonly (readonly number[])[];
  /** the cell of right answers; framed */
  right(row: number, column: number): boolean;
  /** one more column: its head, and a text for each row */
  readonly more?: { readonly head: string; readonly texts: readonly string[] };
  /** what pressing a cell does, and whether it stands pressed */
  readonly onCell?: { press(row: number, column: number): void; pressed(row: number, column: number): boolean };
}

/** A class name as a head of the table: long ones are cut, and whole under the pointer. */
function head(scope: "row" | "col", name: string): HTMLElement {
  return element("th", { attributes: { scope, title: plainName(name) } }, element("bdi", { text: shortName(name) }));
}

/** The table in a region that scrolls sideways by itself. */
export function countTable(table: CountTable): HTMLElement {
  const { id, caption, rows, columns, counts, more } = table;
  const corner = element("th", { text: "is ↓ answered →", attributes: { scope: "col" } });
  const extra = more === undefined ? [] : [element("th", { text: more.head, attributes: { scope: "col" } })];
  const bodies = rows.map((name, r) =>
    element(
      "tr",
      {},
      head("row", name),
      ...columns.map((_, c) => cell(table, r, c, counts[r] ?? [])),
      ...(more === undefined ? [] : [element("td", { class: "more", text: more.texts[r] ?? "" })]),
    ),
  );
  return element(
    "div",
    { class: "scroll", attributes: { tabindex: "0", role: "region", "aria-label": caption } },
    element(
      "table",
      { class: "heat counted", attributes: { id } },
      element("caption", { class: "unseen", text: caption }),
      element("thead", {}, element("tr", {}, corner, ...columns.map((name) => head("col", name)), ...extra)),
      element("tbody", {}, ...bodies),
    ),
  );
}

function cell({ rows, columns, right, onCell }: CountTable, r: number, c: number, row: readonly number[]): HTMLElement {
  const count = row[c] ?? 0;
  const all = row.reduce((sum, one) => sum + one, 0);
  const properties = {
    class: right(r, c) ? "cell right" : "cell",
    // half of the accent at most: the text keeps its contrast in both themes
    variables: { "--share": String(all === 0 ? 0 : (0.5 * count) / all) },
  };
  if (onCell === undefined || count === 0) return element("td", { ...properties, text: String(count) });
  const name = `${plainName(rows[r] ?? "")} answered ${plainName(columns[c] ?? "")}: ${count}`;
  const button = element("button", {
    class: "plain",
    text: String(count),
    attributes: { type: "button", "aria-label": name, "aria-pressed": String(onCell.pressed(r, c)) },
    on: { click: () => onCell.press(r, c) },
  });
  return element("td", properties, button);
}
