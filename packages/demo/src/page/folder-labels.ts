// "Take folders as labels". Folders that are called as the classes are, whatever their case, "_", "-" and spaces, are taken at once, as on the command
// line. Where typed names are the classes, the folders' names take their place; a data set's or a bank's stay, and the person says which folder is which.

import { notice } from "./announcer.js";
import { classPlaces } from "./class-names.js";
import type { ClassPanel } from "./class-panel.js";
import { byId, element, plainName } from "./elements.js";
import { folderClass, folderClasses } from "./labelling.js";
import type { Session } from "./session.js";

export interface FolderLabels {
  readonly button: HTMLElement;
  /** which folder is which class, while it is asked */
  readonly asking: HTMLElement;
  draw(): void;
}

export function folderLabels(session: Session, classPanel: ClassPanel): FolderLabels {
  const button = element("button", { class: "second", text: "Take folders as labels", attributes: { type: "button" } });
  const asking = element("div", { class: "fields", attributes: { id: "folder-classes", role: "group", hidden: "" } });

  async function take(): Promise<void> {
    const names = folderClasses(session.images);
    const placeOf = classPlaces(session.prepared?.classes ?? []);
    if (names.every((name) => placeOf(name) !== undefined)) return label(session, (folder) => folder);
    const { kind } = session.source ?? { kind: "names" };
    if (kind === "names" || session.prepared === undefined) return replaceClasses(names);
    ask(names, kind);
  }

  async function replaceClasses(names: readonly string[]): Promise<void> {
    asking.hidden = true;
    classPanel.showNames(names);
    const chosen = session.choose({ kind: "names", names }, { sameClasses: false });
    label(session, (folder) => folder);
    await chosen;
  }

  function ask(names: readonly string[], kind: "dataset" | "bank" | "server"): void {
    const classes = session.prepared?.classes ?? [];
    const choices = names.map((name, i) => ({ name, select: classChoice(`folder-class-${i}`, name, classes) }));
    const use = element("button", {
      text: "Label so",
      attributes: { type: "button", id: "label-folders" },
      on: {
        click: () => {
          const classOf = new Map(choices.map(({ name, select }) => [name, select.value]));
          asking.hidden = true;
          label(session, (folder) => classOf.get(folder) || undefined);
        },
      },
    });
    const replace = element("button", {
      class: "second",
      text: "Make the folders the classes",
      attributes: { type: "button", id: "folders-as-classes" },
      on: { click: () => void said(() => replaceClasses(names)) },
    });
    const whose = kind === "dataset" ? "the data set's classes" : "the bank's classes";
    asking.setAttribute("aria-label", `Folders as ${whose}`);
    asking.replaceChildren(
      element("p", { text: `Not every folder is called as one of ${whose}. Which is which?` }),
      ...choices.map(({ name, select }) =>
        element("div", {}, element("label", { text: plainName(name), attributes: { for: select.id } }), select),
      ),
      element("div", { class: "row" }, use, replace),
    );
    asking.hidden = false;
    byId("folder-class-0").focus();
  }

  /** What fails is said on the page. */
  async function said(work: () => Promise<void>): Promise<void> {
    button.disabled = true;
    try {
      await work();
    } catch (error) {
      notice(String((error as Error).message), true);
    } finally {
      button.disabled = false;
    }
  }
  button.addEventListener("click", () => void said(take));
  session.listen((change) => {
    // other classes or folders make another question
    if (change === "classes" || change === "images") asking.hidden = true;
  });
  return {
    button,
    asking,
    draw() {
      button.hidden = folderClasses(session.images).length === 0;
    },
  };
}

/** A class or none; the one that is called so is chosen already. */
function classChoice(id: string, name: string, classes: readonly string[]): HTMLSelectElement {
  const select = element(
    "select",
    { attributes: { id } },
    element("option", { text: "no label", attributes: { value: "" } }),
    ...classes.map((own) => element("option", { text: plainName(own), attributes: { value: own } })),
  );
  select.value = classes[classPlaces(classes)(name) ?? -1] ?? "";
  return select;
}

/** Labels every image that lay in a folder; those whose folder is no class keep what they have. */
function label(session: Session, classOf: (folder: string) => string | undefined): void {
  session.relabel(
    session.images.flatMap((image) => {
      const name = image.folder === "" ? undefined : classOf(folderClass(image.folder));
      return name === undefined ? [] : [[image, name] as const];
    }),
    "labels by folder",
  );
}
