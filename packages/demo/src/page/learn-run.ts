// One run of learning as the page shows it: a line that says how far it is, a chart, a button that stops it, and how it ended.

import { EngineFailure } from "../engine/engine-client.js";
import type { LearnChoices, Learned, Progress } from "../engine/protocol.js";
import { announce, notice } from "./announcer.js";
import { element, percent, visibleText } from "./elements.js";
import { type LearningPoint, learningChart } from "./learning-chart.js";
import type { Session } from "./session.js";

const GOES_ON = "“Learn a bank” with the same images, settings and device goes on after the last whole epoch, also after a reload.";

export interface LearnRun {
  readonly status: HTMLElement;
  readonly chart: HTMLElement;
  readonly stop: HTMLElement;
  readonly running: boolean;
  /** What was learned; undefined when it was stopped or failed, and the status says so. */
  learn(asked: LearnChoices): Promise<Learned | undefined>;
}

export function learnRun(session: Session): LearnRun {
  const status = element("p", { class: "quiet", attributes: { id: "learn-status" } });
  const stop = element("button", { class: "second", text: "Stop", attributes: { type: "button", id: "learn-stop", hidden: "" } });
  const drawing = learningChart();
  const chart = element("figure", { class: "chart-frame", attributes: { hidden: "" } });
  chart.append(drawing.root, legend());
  let work: AbortController | undefined;
  stop.addEventListener("click", () => {
    status.textContent = "stopping …";
    work?.abort();
  });
  return {
    status,
    chart,
    stop,
    get running() {
      return work !== undefined;
    },
    async learn(asked) {
      const run = new AbortController();
      work = run;
      stop.hidden = chart.hidden = false;
      const points: LearningPoint[] = [];
      drawing.draw(points, asked.epochs);
      status.textContent = "beginning …";
      const onProgress = (progress: Progress) => {
        status.textContent = progressText(progress) ?? status.textContent;
        if (progress.kind !== "step") return;
        points.push({ at: progress.epoch - 1 + progress.step / progress.steps, loss: progress.loss, accuracy: progress.accuracy });
        drawing.draw(points, progress.epochs);
      };
      try {
        const learned = await session.engine.ask("learn", asked, { signal: run.signal, onProgress });
        status.textContent = "";
        return learned;
      } catch (error) {
        status.textContent = endText(error, run.signal.aborted);
        // whoever changed the device looks elsewhere
        if (run.signal.aborted) announce(status.textContent);
        else notice(status.textContent, true);
        return undefined;
      } finally {
        work = undefined;
        stop.hidden = true;
      }
    },
  };
}

function progressText(p: Progress): string | undefined {
  if (p.kind === "views") return `embedding, ${p.done} of ${p.total} images`;
  if (p.kind === "images") return `measuring, ${p.done} of ${p.total} images`;
  if (p.kind !== "step") return undefined;
  return `epoch ${p.epoch} of ${p.epochs}, loss ${p.loss.toFixed(3)}, ${percent(p.accuracy)} right`;
}

/** @param asked whether a person pressed "Stop" */
function endText(error: unknown, asked: boolean): string {
  const stopped = error instanceof EngineFailure && error.code === "stopped";
  if (stopped && asked) return `Stopped. ${GOES_ON}`;
  if (stopped) return `Learning ended, because the model was opened again. ${GOES_ON}`;
  return `Learning failed: ${visibleText(error instanceof Error ? error.message : String(error), 500)}`;
}

function legend(): HTMLElement {
  const swatch = (kind: string) => element("span", { class: `swatch ${kind}`, attributes: { "aria-hidden": "true" } });
  const accuracy = "right among the learned images (right)";
  return element("figcaption", { class: "quiet" }, swatch("loss"), "loss (left)  ", swatch("accuracy"), accuracy);
}
