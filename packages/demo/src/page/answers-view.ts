// All answers at once: label or folder against answer as a table whose cells choose what the gallery shows, the wrong ones, the answers one by one
// in an order that is chosen, and files to take along.

import { counted } from "@biovlm/files";
import { type AnswerCounts, type AnswerGrouping, answerCounts, isIn, isWrong } from "./answer-counts.js";
import { answerFiles } from "./answer-files.js";
import { intervalText } from "./answer-report.js";
import { answerTable } from "./answer-table.js";
import { countTable } from "./count-table.js";
import { byId, element, percent, plainName } from "./elements.js";
import type { Project } from "./project.js";
import type { Session } from "./session.js";

export function bindAnswers(session: Session, project: Project): void {
  const root = byId("panel-answers");
  const choice = element(
    "select",
    { attributes: { id: "answer-groups" } },
    element("option", { text: "folder", attributes: { value: "folder" } }),
    element("option", { text: "label", attributes: { value: "label" } }),
  );
  const grouping = () => choice.value as AnswerGrouping;
  const place = element("div");
  const summary = element("p", { attributes: { id: "answers-summary" } });
  const button = (id: string, text: string, press: () => void) =>
    element("button", { class: "second", text, attributes: { type: "button", id, disabled: "" }, on: { click: press } });
  const wrong = button("show-wrong", "Show the wrong ones", () =>
    show(WRONG, (image) => isWrong(image, grouping(), session.prepared?.classes ?? [])),
  );
  const files = answerFiles(session, project, grouping);
  const table = answerTable(session);
  root.append(
    element("h2", { text: "All answers" }),
    element("p", { class: "row" }, element("label", { text: "Compare answers with the", attributes: { for: "answer-groups" } }), choice),
    summary,
    place,
    element("div", { class: "row" }, wrong),
    table.root,
    element("div", { class: "row" }, ...files.controls),
    element("p", { class: "quiet", text: "Research use only, not a medical device." }),
  );

  /** Shows some of the images; pressed again, all of them. */
  const show: Show = (text, shows) => {
    if (session.filter.text === text) session.filter.clear();
    else session.filter.set(text, shows);
    session.changed("filter");
  };

  function draw(): void {
    const { images, prepared } = session;
    const classes = prepared?.classes ?? [];
    const found = answerCounts(images, grouping(), classes);
    const answered = images.some(({ answer }) => answer !== undefined);
    files.draw(answered);
    wrong.disabled = found.judged === found.right && session.filter.text !== WRONG;
    wrong.setAttribute("aria-pressed", String(session.filter.text === WRONG));
    summary.textContent = answered ? summaryOf(found, grouping()) : "No image has an answer yet.";
    table.draw(grouping());
    place.replaceChildren(...(found.groups.length === 0 ? [] : [matrixOf(session, found, grouping(), show)]));
  }

  let due = false;
  const drawSoon = () => {
    // at most one drawing a frame, however many answers come
    if (due || root.hidden) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      keepingFocus(root, draw);
    });
  };
  choice.addEventListener("change", () => {
    session.filter.clear();
    session.changed("filter");
  });
  session.listen((change) => {
    // names of another choice of classes filter nothing
    if (change === "classes" && session.filter.text !== "") {
      session.filter.clear();
      session.changed("filter");
    }
    if (change !== "selection" && change !== "busy") drawSoon();
  });
  root.addEventListener("shown", draw);
  draw();
}

const WRONG = "wrong answers";

type Show = (text: string, shows: Parameters<Session["filter"]["set"]>[1]) => void;

function matrixOf({ prepared, filter }: Session, found: AnswerCounts, grouping: AnswerGrouping, show: Show): HTMLElement {
  const { groups, places, counts } = found;
  const classes = prepared?.classes ?? [];
  const textOf = (r: number, c: number) => `${plainName(groups[r] ?? "")} answered ${plainName(classes[c] ?? "")}`;
  return countTable({
    id: "answer-matrix",
    caption: `Answers by ${grouping}: each row is a ${grouping}, each column what was answered`,
    rows: groups,
    columns: classes,
    counts,
    right: (r, c) => places[r] === c,
    more: { head: "right", texts: places.map((at, r) => shareOf(counts[r] ?? [], at)) },
    onCell: {
      press: (r, c) => show(textOf(r, c), (image) => isIn(image, grouping, groups[r] ?? "", classes[c] ?? "")),
      pressed: (r, c) => filter.text === textOf(r, c),
    },
  });
}

/** Draws anew; a cell that had the focus keeps it, wherever it stands now. */
function keepingFocus(root: HTMLElement, draw: () => void): void {
  const name = root.contains(document.activeElement) ? document.activeElement?.getAttribute("aria-label") : undefined;
  draw();
  for (const cell of root.querySelectorAll<HTMLElement>("#answer-matrix button, #answer-table tbody button"))
    if (name != null && cell.getAttribute("aria-label") === name) cell.focus();
}

function summaryOf({ groups, judged, right }: AnswerCounts, grouping: AnswerGrouping): string {
  if (groups.length === 0) return `No image with an answer has a ${grouping}.`;
  if (judged === 0) return `No ${grouping} is called as one of the classes, so nothing is known to be right or wrong.`;
  return `${right} of ${counted(judged, "image is", "images are")} answered as their ${grouping} says, ${percent(right / judged)} (95 % interval ${intervalText(right, judged)}). Press a count to see its images.`;
}

function shareOf(counts: readonly number[], place: number | undefined): string {
  if (place === undefined) return "not a class";
  return percent((counts[place] ?? 0) / counts.reduce((sum, one) => sum + one, 0));
}
