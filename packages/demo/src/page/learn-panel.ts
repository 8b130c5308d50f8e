// "Learn from examples": label some images, learn a bank in the worker, watch it, stop and go on, take the file along.

import type { LearnChoices } from "../engine/protocol.js";
import { notice } from "./announcer.js";
import { classPlaces } from "./class-names.js";
import type { ClassPanel } from "./class-panel.js";
import { byId, element } from "./elements.js";
import { labelGroup } from "./label-group.js";
import { folderClass, folderClasses, type Labelled, learningSplit } from "./labelling.js";
import { learnOutcome } from "./learn-outcome.js";
import { learnRun } from "./learn-run.js";
import { type LearnNumbers, learnSettings } from "./learn-settings.js";
import type { Session } from "./session.js";

const ASK = "Label images of at least two classes to begin. Keys 1 to 9 label the chosen image.";

/** Binds the panel. A bank that was learned becomes the class panel's when it is used. */
export function bindLearning(session: Session, classPanel: ClassPanel, lists: HTMLElement): void {
  const root = byId("panel-learn");
  const settings = learnSettings();
  const labels = labelGroup(session, root);
  const outcome = learnOutcome(classPanel);
  const run = learnRun(session);
  const folders = folderButton(session, classPanel);
  const start = element("button", { text: "Learn a bank", attributes: { type: "button", id: "learn-start" } });
  root.append(
    element("h2", { text: "Learn a bank from examples" }),
    quiet(
      "The model stays as it is; only a few prompt vectors are learned. A dozen images of each class can do. All of it happens in this tab.",
    ),
    element("div", { class: "row" }, folders, lists),
    labels.root,
    settings.root,
    quiet("With “At most of each class” the other labelled images are not learned from and measure the bank."),
    element("div", { class: "row" }, start, run.stop),
    run.status,
    run.chart,
    outcome.root,
  );

  function draw(): void {
    labels.draw();
    folders.hidden = folderClasses(session.images).length === 0;
    const ready = canLearn(session);
    start.disabled = !ready || run.running;
    if (run.running) return;
    // how the last run ended stays until the next one
    if (!ready && run.status.textContent === "") run.status.textContent = ASK;
    else if (ready && run.status.textContent === ASK) run.status.textContent = "";
  }

  start.addEventListener("click", async () => {
    const numbers = settings.read();
    if (numbers === undefined) return;
    const asked = choicesOf(session, numbers);
    outcome.clear();
    const learning = run.learn(asked);
    draw();
    const learned = await learning;
    if (learned !== undefined) outcome.show(learned, asked);
    draw();
  });

  session.listen((change) => {
    if (change !== "answers" && change !== "busy") draw();
  });
  draw();
}

function quiet(text: string): HTMLElement {
  return element("p", { class: "quiet", text });
}

function canLearn({ device, prepared, images }: Session): boolean {
  const { learn } = learningSplit(images);
  return device?.canLearn !== false && prepared !== undefined && new Set(learn.map((i) => i.label)).size >= 2;
}

function choicesOf(session: Session, { shots, ...numbers }: LearnNumbers): LearnChoices {
  const { learn, tests } = learningSplit(session.images, shots);
  // as on the command line it belongs to every image, also to those that it changes nothing of
  const window = session.window === undefined ? {} : { window: session.window };
  const plain = (list: readonly Labelled[]) => list.map((image) => ({ ...session.refOf(image), ...window, label: image.label }));
  return { classes: session.prepared?.classes ?? [], images: plain(learn), tests: plain(tests), ...numbers };
}

/** "Take folders as labels": the folders' names become the classes, where they are not classes already. */
function folderButton(session: Session, classPanel: ClassPanel): HTMLElement {
  const button = element("button", { class: "second", text: "Take folders as labels", attributes: { type: "button" } });
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const names = folderClasses(session.images);
      const known = session.prepared?.classes ?? [];
      const placeOf = classPlaces(known);
      if (!names.every((name) => placeOf(name) !== undefined)) {
        classPanel.showNames(names);
        const chosen = session.choose({ kind: "names", names }, { sameClasses: false });
        labelByFolder(session);
        await chosen;
      } else labelByFolder(session);
    } catch (error) {
      notice(String((error as Error).message), true);
    } finally {
      button.disabled = false;
    }
  });
  return button;
}

function labelByFolder(session: Session): void {
  session.relabel(
    session.images.flatMap((image) => (image.folder === "" ? [] : [[image, folderClass(image.folder)] as const])),
    "labels by folder",
  );
}
