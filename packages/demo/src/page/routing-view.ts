// The routing view: a table of groups by prompts, coloured by how often a prompt is kept. It is a table for screen readers too.

import { counted } from "@biovlm/files";
import { byId, element, percent, plainName, visibleText } from "./elements.js";
import { type Grouping, routingShares } from "./routing-shares.js";
import type { Session } from "./session.js";

export function bindRouting(session: Session): void {
  const root = byId("panel-routing");
  const choice = element(
    "select",
    { attributes: { id: "routing-groups" } },
    element("option", { text: "folder", attributes: { value: "folder" } }),
    element("option", { text: "answer", attributes: { value: "answer" } }),
    element("option", { text: "label", attributes: { value: "label" } }),
  );
  const place = element("div", {
    class: "scroll",
    attributes: { tabindex: "0", role: "region", "aria-label": "Share of images that keep each prompt" },
  });
  const note = element("p", { class: "quiet" });
  root.append(
    element("h2", { text: "Which prompts serve which kind of image" }),
    element("p", { class: "row" }, element("label", { text: "Group images by", attributes: { for: "routing-groups" } }), choice),
    place,
    note,
  );
  let due = false;

  function draw(): void {
    due = false;
    if (root.hidden) return;
    const { prepared, images } = session;
    const groups = prepared === undefined ? [] : routingShares(images, choice.value as Grouping, prepared.prompts.length, prepared.classes);
    if (prepared === undefined || groups.length === 0) {
      place.replaceChildren();
      note.textContent = choice.value === "label" ? "No image with an answer has a label yet." : "No image has an answer yet.";
      return;
    }
    const share = prepared.kept / prepared.prompts.length;
    note.textContent = `Each image keeps ${prepared.kept} of ${counted(prepared.prompts.length, "prompt")}: by chance every cell would say ${percent(share)}. The stronger a cell's colour, the more often its prompt is kept.`;
    place.replaceChildren(
      element(
        "table",
        { class: "heat" },
        element("caption", { class: "unseen", text: `Share of images that keep each prompt, by ${choice.value}` }),
        element("thead", {}, headRow(prepared.prompts)),
        element("tbody", {}, ...groups.map((group) => bodyRow(group.name, group.images, group.shares))),
      ),
    );
  }

  choice.addEventListener("change", draw);
  session.listen((change) => {
    // at most one drawing a frame, however many answers come
    if (due || change === "selection" || change === "device") return;
    due = true;
    requestAnimationFrame(draw);
  });
  root.addEventListener("shown", draw);
}

function headRow(prompts: readonly string[]): HTMLElement {
  const cells = prompts.map((name, n) =>
    element(
      "th",
      { attributes: { scope: "col", title: visibleText(name) } },
      element("span", { class: "unseen", text: visibleText(name, 80) }),
      element("span", { text: String(n + 1), attributes: { "aria-hidden": "true" } }),
    ),
  );
  return element("tr", {}, element("th", { text: "kind", attributes: { scope: "col" } }), ...cells);
}

function bodyRow(name: string, images: number, shares: readonly number[]): HTMLElement {
  const cells = shares.map((share) =>
    element("td", {
      class: "cell",
      text: String(Math.round(share * 100)),
      // half of the accent at most: the text keeps its contrast in both themes
      variables: { "--share": String(share / 2) },
    }),
  );
  return element(
    "tr",
    {},
    element("th", { attributes: { scope: "row" } }, element("bdi", { text: plainName(name) }), ` (${images})`),
    ...cells,
  );
}
