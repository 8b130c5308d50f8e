// "Learn from examples": label some images, learn a bank in the worker, watch it, stop and go on, take the file along.

import type { LearnChoices } from "../engine/protocol.js";
import type { ClassPanel } from "./class-panel.js";
import { byId, element } from "./elements.js";
import { folderLabels } from "./folder-labels.js";
import { labelGroup } from "./label-group.js";
import { type Labelled, learningSplit } from "./labelling.js";
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
  const folders = folderLabels(session, classPanel);
  const start = element("button", { text: "Learn a bank", attributes: { type: "button", id: "learn-start" } });
  root.append(
    element("h2", { text: "Learn a bank from examples" }),
    quiet(
      "The model stays as it is; only a few prompt vectors are learned. A dozen images of each class can do. All of it happens in this tab.",
    ),
    element("div", { class: "row" }, folders.button, lists),
    folders.asking,
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
    folders.draw();
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
  const { window, plane, range, ultrasoundRegion } = session.showing;
  const shown = {
    ...(window === undefined ? {} : { window }),
    ...(plane === undefined ? {} : { plane }),
    ...(range === undefined ? {} : { range }),
    ...(ultrasoundRegion ? { ultrasoundRegion } : {}),
  };
  const plain = (list: readonly Labelled[]) => list.map((image) => ({ ...session.showing.refOf(image), ...shown, label: image.label }));
  const { classes = [], sentences } = session.prepared ?? {};
  return { classes, ...(sentences === undefined ? {} : { sentences }), images: plain(learn), tests: plain(tests), ...numbers };
}
