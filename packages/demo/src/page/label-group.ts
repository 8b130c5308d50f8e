// Labels by hand: a button for each class, the digits 1 to 9 while the panel is open, and how many images of each class have a label.

import { announce } from "./announcer.js";
import { element, plainName, visibleText } from "./elements.js";
import type { Session } from "./session.js";

export interface LabelGroup {
  readonly root: HTMLElement;
  draw(): void;
}

/** @param panel the part of the page in which digits label; hidden, they do nothing */
export function labelGroup(session: Session, panel: HTMLElement): LabelGroup {
  const labels = element("div", { class: "labels", attributes: { role: "group", "aria-label": "Label of the chosen image" } });
  const counts = element("ul", { class: "counts" });
  const classes = () => session.prepared?.classes ?? [];

  // digits label the chosen image while this panel is open, except in fields
  document.addEventListener("keydown", (event) => {
    if (panel.hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof HTMLElement && event.target.closest("input, textarea, select, dialog") !== null) return;
    const label = event.key === "0" ? undefined : Number(event.key) - 1;
    if (!/^[0-9]$/.test(event.key) || (label !== undefined && label >= classes().length)) return;
    event.preventDefault();
    setLabel(session, label);
  });

  return {
    root: element("div", {}, labels, counts),
    draw() {
      const names = classes();
      labels.replaceChildren(...labelButtons(session, names));
      counts.replaceChildren(
        ...names.map((name, c) => count(name, session.images.filter((i) => i.label === c).length)),
        ...otherLabels(session).map(([name, labelled]) => count(name, labelled, ", not among the classes now")),
      );
    },
  };
}

function count(name: string, labelled: number, more = ""): HTMLElement {
  return element("li", {}, element("bdi", { text: plainName(name) }), `: ${labelled} labelled${more}`);
}

/** Labels of classes that are not chosen just now: kept until they are. */
function otherLabels({ images }: Session): (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const { label, labelName } of images)
    if (label === undefined && labelName !== undefined) counts.set(labelName, (counts.get(labelName) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}

function labelButtons(session: Session, names: readonly string[]): HTMLElement[] {
  const image = session.selected;
  if (names.length === 0) return [element("p", { class: "quiet", text: "Name the classes first, or take them from folders." })];
  if (image === undefined) return [element("p", { class: "quiet", text: "Choose an image to label it." })];
  const buttons = names.map((name, c) =>
    element(
      "button",
      {
        class: "choice-button",
        attributes: { type: "button", "aria-pressed": String(image.label === c) },
        on: { click: () => setLabel(session, image.label === c ? undefined : c) },
      },
      ...(c < 9 ? [element("kbd", { text: String(c + 1) })] : []),
      element("bdi", { text: plainName(name) }),
    ),
  );
  return [element("p", {}, "Label of ", element("bdi", { class: "file-name", text: visibleText(image.name, 60) })), ...buttons];
}

/** Labels the chosen image and goes on to the next. */
function setLabel(session: Session, label: number | undefined): void {
  const image = session.selected;
  if (image === undefined) return;
  // a label may take the image out of what is shown
  const { tiles } = session;
  const at = tiles.indexOf(image);
  const next = at < 0 ? session.filter.of(session.images.slice(session.images.indexOf(image) + 1))[0] : tiles[at + 1];
  session.label(image, label);
  const name = label === undefined ? undefined : session.prepared?.classes[label];
  announce(name === undefined ? "label taken away" : `labelled ${plainName(name)}`);
  if (label !== undefined && next !== undefined) session.select(next);
}
