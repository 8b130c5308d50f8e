// Below the answer of a slice: what all slices of its series or its file say together, which of them are surest, and what a reader should know
// of the series.

import { EngineFailure } from "../engine/engine-client.js";
import { announce } from "./announcer.js";
import { element, plainName, probabilityText, visibleText } from "./elements.js";
import { FrameAnswers, seriesAnswer, type Together } from "./frame-answers.js";
import type { ImageItem } from "./image-item.js";
import type { Session } from "./session.js";
import { frameOf } from "./showing.js";

/** Classes that are named. */
const MOST = 5;

export interface TogetherView {
  readonly root: HTMLElement;
  draw(image: ImageItem): void;
}

export function togetherView(session: Session): TogetherView {
  const title = element("h3");
  const [said, notes] = [element("div"), element("div")];
  const done = element("span", { class: "quiet" });
  const button = element("button", {
    class: "second",
    attributes: { type: "button", id: "answer-all" },
    on: { click: () => pressed() },
  });
  const control = element("p", { class: "row" }, button, done);
  const root = element("div", { class: "together", attributes: { id: "together", hidden: "" } }, title, said, notes);
  const frames = new FrameAnswers(session);
  let work: { readonly image: ImageItem; readonly stop: AbortController; done: string } | undefined;
  let shown: ImageItem | undefined;

  function pressed(): void {
    if (shown === undefined) return;
    if (work?.image === shown) work.stop.abort();
    else void answerAll(shown);
  }

  async function answerAll(image: ImageItem): Promise<void> {
    work?.stop.abort();
    const own = { image, stop: new AbortController(), done: "beginning …" };
    work = own;
    draw(image);
    try {
      await frames.answer(image, own.stop.signal, (done, of) => {
        own.done = `${done} of ${of} answered`;
        if (shown === image) draw(image);
      });
      if (frames.of(image) !== undefined) announce("all slices are answered");
    } catch (error) {
      if (!(error instanceof EngineFailure && error.code === "stopped")) session.onNotice(String((error as Error).message), true);
    } finally {
      if (work === own) work = undefined;
      if (shown !== undefined) draw(shown);
    }
  }

  function draw(image: ImageItem): void {
    shown = image;
    const series = session.series.of(image);
    const count = frameOf(image.picture)?.frames ?? 1;
    const { dicom, page } = image.picture ?? {};
    const word = series !== undefined || (dicom ?? page) === undefined ? "slice" : page === undefined ? "frame" : "page";
    root.hidden = series === undefined && count < 2;
    if (root.hidden) return;
    const together = series === undefined ? frames.of(image) : seriesAnswer(series, session.prepared?.classes ?? []);
    title.textContent = series === undefined ? `All ${count} ${word}s` : `Series of ${series.slices.length} slices`;
    said.replaceChildren(...(together === undefined ? [] : meanParts(together, word)));
    drawControl(
      image,
      series === undefined && together === undefined && session.prepared !== undefined ? `Answer all ${count} ${word}s` : undefined,
    );
    const lines = (series?.notes ?? []).map((note) => element("li", { text: note }));
    notes.replaceChildren(...(lines.length === 0 ? [] : [element("ul", { class: "quiet", attributes: { id: "series-notes" } }, ...lines)]));
  }

  /** The button stays where it is for as long as there is one: it may be being pressed while an answer comes. */
  function drawControl(image: ImageItem, offered: string | undefined): void {
    if (offered === undefined) {
      control.remove();
      return;
    }
    const running = work?.image === image ? work : undefined;
    button.textContent = running === undefined ? offered : "Stop";
    done.textContent = running?.done ?? "";
    if (!control.isConnected) said.after(control);
  }

  return { root, draw };
}

function meanParts({ answer, of }: Together, word: string): HTMLElement[] {
  const rows = answer.predictions
    .slice(0, MOST)
    .map(({ class: name, probability }) =>
      element("li", {}, element("bdi", { text: plainName(name) }), ` ${probabilityText(probability)}`),
    );
  const surest = answer.surest.map(
    ({ at, class: name, probability }) => `${word} ${at} (${plainName(name)}, ${probabilityText(probability)})`,
  );
  return [
    element("p", { class: "quiet", text: `Mean of ${answer.answers} of ${of} ${word}s:` }),
    element("ol", { class: "mean", attributes: { id: "together-mean" } }, ...rows),
    element("p", { class: "quiet", text: visibleText(`Surest: ${surest.join(", ")}.`, 600) }),
  ];
}
