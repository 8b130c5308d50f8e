// Labels in and out: two buttons of the learning panel, and lists that were dropped.

import { classKey } from "@biovlm/datasets";
import { counted } from "@biovlm/files";
import { announce, notice } from "./announcer.js";
import type { ClassPanel } from "./class-panel.js";
import { element, saveText } from "./elements.js";
import { ANYWHERE } from "./label-book.js";
import { labelsCsv, matchLabels, readLabels } from "./labels-csv.js";
import type { Project } from "./project.js";
import type { Session } from "./session.js";

export interface LabelFiles {
  readonly root: HTMLElement;
  /** Takes labels from a CSV file; what is wrong is said on the page. */
  take(file: File): Promise<void>;
}

export function labelFiles(session: Session, panel: ClassPanel, project: Project): LabelFiles {
  const input = element("input", {
    class: "unseen",
    attributes: { type: "file", id: "labels-input", tabindex: "-1", accept: ".csv,text/csv", "aria-label": "Take labels from a CSV file" },
  });
  const save = element("button", {
    class: "second",
    text: "Labels as CSV",
    attributes: { type: "button", id: "save-labels", disabled: "" },
  });
  const pick = element("button", {
    class: "second",
    text: "Take labels from a CSV",
    attributes: { type: "button", id: "pick-labels" },
    on: { click: () => input.click() },
  });
  session.listen((change) => {
    if (change === "labels" || change === "images" || change === "classes")
      save.disabled = !session.images.some((image) => image.labelName !== undefined);
  });
  save.addEventListener("click", async () => {
    await project.identified();
    saveText("labels.csv", "text/csv", labelsCsv(session.images));
  });

  async function take(file: File): Promise<void> {
    try {
      const rows = readLabels(await file.text());
      await project.identified();
      const { labels, left } = matchLabels(rows, session.images);
      session.relabel(labels, "labels from a list");
      // their images may come later
      for (const { hash, label } of left) if (hash !== undefined) session.book.say({ hash, place: ANYWHERE }, label);
      const others = await classesOf(
        session,
        panel,
        rows.map(({ label }) => label),
      );
      const said = [
        `${counted(labels.length, "image")} labelled from the list.`,
        left.length === 0 ? "" : `${left.length} of its ${rows.length} rows name${left.length === 1 ? "s" : ""} no image that is here.`,
        others.length === 0 ? "" : `Not among the classes: ${others.join(", ")}.`,
      ];
      notice(said.join(" ").trim(), labels.length === 0);
      announce(said.join(" ").trim());
    } catch (error) {
      notice(String((error as Error).message), true);
    }
  }
  input.addEventListener("change", () => {
    const [file] = input.files ?? [];
    input.value = "";
    if (file !== undefined) void take(file);
  });
  return { root: element("div", { class: "row" }, save, pick, input), take };
}

/** Classes of a list beside those that are typed; answers those that a data set or a bank does not have. */
async function classesOf(session: Session, panel: ClassPanel, labels: readonly string[]): Promise<string[]> {
  const known = session.prepared?.classes ?? [];
  const names = [...known, ...labels].filter(firstOfKind());
  if (names.length === known.length) return [];
  if (session.source !== undefined && session.source.kind !== "names") return names.slice(known.length);
  if (names.length < 2) return names;
  panel.showNames(names);
  await session.choose({ kind: "names", names }, { sameClasses: false });
  return [];
}

function firstOfKind(): (name: string) => boolean {
  const seen = new Set<string>();
  return (name) => !seen.has(classKey(name)) && seen.add(classKey(name)) !== undefined;
}
