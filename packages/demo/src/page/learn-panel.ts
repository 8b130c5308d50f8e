// "Learn from examples": label some images, learn a bank in the worker, watch it, stop and go on, take the file along.

import { EngineFailure } from "../engine/engine-client.js";
import type { LearnChoices, Learned } from "../engine/protocol.js";
import { announce, notice } from "./announcer.js";
import { byId, element, percent, plainName, visibleText } from "./elements.js";
import { folderClass, folderClasses, learningSplit } from "./labelling.js";
import { type LearningPoint, learningChart } from "./learning-chart.js";
import { numberField } from "./number-field.js";
import type { Session } from "./session.js";

export function bindLearning(session: Session): void {
  const root = byId("panel-learn");
  const fields = {
    epochs: numberField("learn-epochs", "Epochs", 50, 1, 500),
    prompts: numberField("learn-prompts", "Prompts", 10, 1, 64),
    views: numberField("learn-views", "Views of an image", 8, 1, 64),
    seed: numberField("learn-seed", "Seed", 1, 0, 2 ** 31 - 1),
    shots: numberField("learn-shots", "At most of each class", undefined, 1, 100_000),
  };
  const labels = element("div", { class: "labels", attributes: { role: "group", "aria-label": "Label of the chosen image" } });
  const counts = element("ul", { class: "counts" });
  const folders = element("button", { class: "second", text: "Take folders as labels", attributes: { type: "button" } });
  const start = element("button", { text: "Learn a bank", attributes: { type: "button", id: "learn-start" } });
  const stop = element("button", { class: "second", text: "Stop", attributes: { type: "button", id: "learn-stop", hidden: "" } });
  const status = element("p", { class: "quiet", attributes: { id: "learn-status" } });
  const chart = learningChart();
  const chartFrame = element("figure", { class: "chart-frame", attributes: { hidden: "" } });
  const outcome = element("div", { class: "outcome", attributes: { id: "learn-outcome" } });
  const legend = element(
    "figcaption",
    { class: "quiet" },
    swatch("loss"),
    "loss (left)  ",
    swatch("accuracy"),
    "right among the learned images (right)",
  );
  chartFrame.append(chart.root, legend);
  root.append(
    element("h2", { text: "Learn a bank from examples" }),
    element("p", {
      class: "quiet",
      text: "The model stays as it is; only a few prompt vectors are learned. A dozen images of each class can do. All of it happens in this tab.",
    }),
    element("div", { class: "row" }, folders),
    labels,
    counts,
    element("div", { class: "fields" }, ...Object.values(fields).map((f) => f.root)),
    element("p", {
      class: "quiet",
      text: "With “At most of each class” the other labelled images are not learned from and measure the bank.",
    }),
    element("div", { class: "row" }, start, stop),
    status,
    chartFrame,
    outcome,
  );
  let work: AbortController | undefined;
  let link: string | undefined;

  const classes = () => session.prepared?.classes ?? [];

  function draw(): void {
    const names = classes();
    const image = session.selected;
    labels.replaceChildren(
      ...(image === undefined || names.length === 0
        ? [
            element("p", {
              class: "quiet",
              text: names.length === 0 ? "Name the classes first, or take them from folders." : "Choose an image to label it.",
            }),
          ]
        : [
            element("p", {}, "Label of ", element("bdi", { class: "file-name", text: visibleText(image.name, 60) })),
            ...names.map((name, c) =>
              element(
                "button",
                {
                  class: "choice-button",
                  attributes: { type: "button", "aria-pressed": String(image.label === c) },
                  on: { click: () => setLabel(image.label === c ? undefined : c) },
                },
                ...(c < 9 ? [element("kbd", { text: String(c + 1) })] : []),
                element("bdi", { text: plainName(name) }),
              ),
            ),
          ]),
    );
    counts.replaceChildren(
      ...names.map((name, c) =>
        element("li", {}, element("bdi", { text: plainName(name) }), `: ${session.images.filter((i) => i.label === c).length} labelled`),
      ),
    );
    folders.hidden = folderClasses(session.images).length === 0;
    const { learn } = learningSplit(session.images);
    const ready = session.device?.canLearn !== false && session.prepared !== undefined && new Set(learn.map((i) => i.label)).size >= 2;
    start.disabled = !ready || work !== undefined;
    if (work === undefined && !ready)
      status.textContent = "Label images of at least two classes to begin. Keys 1 to 9 label the chosen image.";
    else if (work === undefined && status.textContent?.startsWith("Label images")) status.textContent = "";
  }

  function setLabel(label: number | undefined): void {
    const image = session.selected;
    if (image === undefined) return;
    session.label(image, label);
    const next = session.images[session.images.indexOf(image) + 1];
    announce(label === undefined ? "label taken away" : `labelled ${plainName(classes()[label]!)}`);
    if (label !== undefined && next !== undefined) session.select(next);
  }

  // digits label the chosen image while this panel is open, except in fields
  document.addEventListener("keydown", (event) => {
    if (root.hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof HTMLElement && event.target.closest("input, textarea, select, dialog") !== null) return;
    const label = event.key === "0" ? undefined : Number(event.key) - 1;
    if (!/^[0-9]$/.test(event.key) || (label !== undefined && label >= classes().length)) return;
    event.preventDefault();
    setLabel(label);
  });

  folders.addEventListener("click", async () => {
    const names = folderClasses(session.images);
    folders.disabled = true;
    try {
      const known = classes();
      if (!names.every((name) => known.includes(name))) {
        byId<HTMLTextAreaElement>("class-names").value = names.join("\n");
        byId<HTMLInputElement>("class-kind-names").click();
        const chosen = session.choose({ kind: "names", names });
        label();
        await chosen;
      }
      label();
    } catch (error) {
      notice(String((error as Error).message), true);
    } finally {
      folders.disabled = false;
    }
    function label() {
      for (const image of session.images) {
        const c = classes().indexOf(folderClass(image.folder));
        if (c >= 0) image.label = c;
      }
      session.changed("labels");
    }
  });

  start.addEventListener("click", async () => {
    const values = Object.fromEntries(Object.entries(fields).map(([name, f]) => [name, f.value()])) as Record<
      keyof typeof fields,
      number | undefined
    >;
    if (Object.values(fields).some((f) => !f.valid())) return;
    const { learn, tests } = learningSplit(session.images, values.shots);
    const plain = (list: typeof learn) => list.map(({ id, file, label }) => ({ id, file, label }));
    const asked: LearnChoices = {
      classes: classes(),
      images: plain(learn),
      tests: plain(tests),
      epochs: values.epochs!,
      prompts: values.prompts!,
      viewsPerImage: values.views!,
      seed: values.seed!,
    };
    const run = new AbortController();
    work = run;
    stop.hidden = false;
    outcome.replaceChildren();
    chartFrame.hidden = false;
    const points: LearningPoint[] = [];
    chart.draw(points, asked.epochs);
    status.textContent = "beginning …";
    draw();
    try {
      const learned = await session.engine.ask("learn", asked, {
        signal: run.signal,
        onProgress(p) {
          if (p.kind === "views") status.textContent = `embedding views, ${p.done} of ${p.total} images`;
          if (p.kind === "images") status.textContent = `measuring, ${p.done} of ${p.total} images`;
          if (p.kind !== "step") return;
          points.push({ at: p.epoch - 1 + p.step / p.steps, loss: p.loss, accuracy: p.accuracy });
          chart.draw(points, p.epochs);
          status.textContent = `epoch ${p.epoch} of ${p.epochs}, loss ${p.loss.toFixed(3)}, ${percent(p.accuracy)} right`;
        },
      });
      status.textContent = "";
      showOutcome(learned, asked);
    } catch (error) {
      const stopped = error instanceof EngineFailure && error.code === "stopped";
      status.textContent = stopped
        ? "Stopped. “Learn a bank” with the same images and settings goes on after the last whole epoch, also after a reload."
        : `Learning failed: ${visibleText(String((error as Error).message), 500)}`;
      announce(status.textContent);
    } finally {
      work = undefined;
      stop.hidden = true;
      draw();
    }
  });
  stop.addEventListener("click", () => {
    status.textContent = "stopping …";
    work?.abort();
  });

  function showOutcome(learned: Learned, asked: LearnChoices): void {
    if (link !== undefined) URL.revokeObjectURL(link);
    const blob = new Blob([learned.bytes as Uint8Array<ArrayBuffer>], { type: "application/octet-stream" });
    link = URL.createObjectURL(blob);
    const { measured } = learned;
    const facts = [
      `Learned from ${asked.images.length} images in ${learned.seconds.toFixed(1)} s${learned.resumedFrom > 0 ? `, gone on after epoch ${learned.resumedFrom}` : ""}.`,
      ...(measured === undefined
        ? []
        : [
            `On ${measured.images} images not learned from: ${percent(measured.before)} right with one untrained prompt, ${percent(measured.after)} with the learned bank.`,
          ]),
    ];
    const use = element("button", { text: "Use this bank", attributes: { type: "button", id: "use-bank" } });
    use.addEventListener("click", async () => {
      use.disabled = true;
      try {
        await session.choose({ kind: "bank", file: blob });
        byId("bank-name").textContent = "learned here";
        byId<HTMLInputElement>("class-kind-bank").click();
        byId("tab-result").click();
      } catch (error) {
        notice(String((error as Error).message), true);
      } finally {
        use.disabled = false;
      }
    });
    outcome.replaceChildren(
      element("h3", { text: "The bank is ready" }),
      ...facts.map((text) => element("p", { text })),
      element(
        "p",
        { class: "row" },
        use,
        element("a", {
          class: "button second",
          text: "Download bank.safetensors",
          attributes: { href: link, download: "bank.safetensors", id: "download-bank" },
        }),
      ),
      element("p", { class: "quiet" }, "On the command line: ", element("code", { text: "biovlm classify IMAGE --bank bank.safetensors" })),
      element("p", { class: "quiet digest", text: learned.digest }),
    );
    announce(facts.join(" "));
  }

  session.listen((change) => {
    if (change !== "answers" && change !== "busy") draw();
  });
  draw();
}

function swatch(kind: string): HTMLElement {
  return element("span", { class: `swatch ${kind}`, attributes: { "aria-hidden": "true" } });
}
