// One image's answer: the picture, the probabilities, and the prompts behind them. Pointing at a prompt, or moving the focus to it, shows what
// that prompt says alone.

import type { Classification, PromptAnswer } from "@biovlm/model";
import { announce } from "./announcer.js";
import { byId, element, plainName, probabilityText, visibleText } from "./elements.js";
import { type ImageItem, refusedByServer } from "./image-item.js";
import { occlusionControls } from "./occlusion-view.js";
import { paintPicture } from "./picture.js";
import { rangeControl } from "./range-control.js";
import type { Session } from "./session.js";
import { togetherView } from "./together-view.js";
import { wholeView } from "./whole-view.js";

interface Row {
  readonly class: string;
  readonly probability: number;
}

/** Bars of more classes than this would be a wall. */
const MOST_BARS = 12;

export function bindResult(session: Session): void {
  const root = byId("panel-result");
  const canvas = element("canvas", { class: "picture", attributes: { role: "img", width: "1", height: "1" } });
  const overlay = element("canvas", { class: "overlay", attributes: { "aria-hidden": "true", width: "1", height: "1" } });
  const frame = element("div", { class: "frame" }, canvas, overlay);
  const occlusion = occlusionControls(session, overlay);
  const whole = wholeView(session);
  const asked = rangeControl(session, "range-asked");
  const text = element("div", { class: "result-text" });
  const together = togetherView(session);
  const words = element("div", { class: "result-words" }, text, together.root);
  const body = element("div", { class: "result" }, element("div", { class: "result-picture" }, frame, occlusion.root, whole.root), words);
  let shown: ImageItem | undefined;

  let painted: ImageItem["picture"];
  const pictureIsNew = () => session.selected?.picture !== painted || !canvas.isConnected;

  function draw(): void {
    const image = session.selected;
    // an answer that is coming anew has the room of the last: what stands below stays under the pointer
    const room = image !== undefined && image === shown && body.isConnected ? text.offsetHeight : 0;
    if (image !== shown) occlusion.reset();
    shown = image;
    if (image === undefined) {
      root.replaceChildren(welcome(session));
      return;
    }
    const name = element("bdi", { class: "file-name", text: visibleText(image.name) });
    const title = element("h2", {}, name);
    // a series is gone through: its slider stays, also over slices that cannot be read or are not answered yet
    const inSeries = session.series.of(image) !== undefined;
    const waits = image.picture === undefined && image.answer === undefined;
    if (!inSeries && (image.failure !== undefined || waits)) {
      const parts = image.failure === undefined ? [waiting(session)] : failureParts(image.failure);
      asked.draw(image.failure?.asksRange === true);
      root.replaceChildren(title, ...parts, asked.root);
      return;
    }
    if (image.picture !== undefined) paintPicture(canvas, image.picture);
    painted = image.picture;
    frame.classList.toggle("none-yet", image.picture === undefined);
    canvas.setAttribute("aria-label", `What the model sees of ${visibleText(image.name)}`);
    const { answer } = image;
    text.style.minHeight = answer === undefined && image.failure === undefined && room > 0 ? `${room}px` : "";
    if (image.failure !== undefined) text.replaceChildren(...failureParts(image.failure));
    else text.replaceChildren(...(answer === undefined ? [waiting(session)] : answerParts(answer, session)));
    together.draw(image);
    // the server gives no map
    occlusion.root.hidden = answer === undefined || session.prepared?.answerer !== undefined;
    // what has the focus, or is being dragged, stays where it is
    if (body.isConnected) root.querySelector("h2")?.replaceWith(title);
    else root.replaceChildren(title, body);
    whole.show(image);
    if (answer !== undefined) occlusion.offer(image, answer);
  }

  session.listen((change) => {
    if (change === "classes" || change === "view") occlusion.reset();
    // the server may have refused what the image waits for
    if (change === "busy" && session.prepared?.answerer !== undefined && session.selected?.answer === undefined) draw();
    if (change === "view" || change === "images" || change === "selection" || change === "classes" || change === "device") draw();
    if (change === "answers" && session.series.of(session.selected) !== undefined && session.selected !== undefined && body.isConnected)
      together.draw(session.selected);
    if (change === "answers" && session.selected?.answer !== undefined && !root.querySelector(".bars")) {
      draw();
      announce(topOf(session.selected.answer.predictions));
    } else if (change === "answers" && (session.selected?.failure !== undefined || pictureIsNew())) draw();
    if (change === "selection" && session.selected?.answer !== undefined) {
      announce(`${visibleText(session.selected.name, 60)}: ${topOf(session.selected.answer.predictions)}`);
    }
  });
  draw();
}

function waiting(session: Session): HTMLElement {
  return element("p", { class: "quiet", text: waitingFor(session) });
}

function failureParts(failure: NonNullable<ImageItem["failure"]>): HTMLElement[] {
  const { code, message } = failure;
  const what = refusedByServer(failure) ? "The server did not answer this image. " : "This file cannot be read. ";
  return [
    element("p", { class: "notice bad" }, element("strong", { text: what }), visibleText(message, 500)),
    element("p", { class: "quiet", text: `code ${code}` }),
  ];
}

function waitingFor(session: Session): string {
  if (session.opened === undefined) return "The model is being opened.";
  if (session.prepared === undefined) return "Name what the images may show, then press “Use these classes”.";
  const idle = session.prepared.answerer !== undefined && session.waiting === 0;
  return idle ? "The server has not answered. Press “Use these classes” to ask it again." : "Working …";
}

function welcome(session: Session): HTMLElement {
  const sent = session.prepared?.answerer;
  const steps = [
    `Drop images, or a folder, on the left. They are read here${sent === undefined ? " and are sent nowhere" : `, sent to ${visibleText(sent.host, 80)} and answered there`}.`,
    "Say what they may show: type class names, take those of a known data set, or load a prompt bank.",
    "Read the answer: every prompt votes, the surest are kept, and you see which and why.",
    "Label a few images and learn a bank of your own; the file works on the command line too.",
  ];
  return element(
    "div",
    { class: "welcome" },
    element("h2", { text: session.images.length === 0 ? "How this works" : "Choose an image" }),
    element("ol", {}, ...steps.map((text) => element("li", { text }))),
  );
}

function answerParts(answer: Classification, session: Session): HTMLElement[] {
  const heading = element("h3", { attributes: { "aria-live": "off" } });
  const list = element("ol", { class: "bars" });
  const show = (prompt?: PromptAnswer) => {
    heading.textContent = prompt === undefined ? "Answer" : `${promptName(session, prompt.index)} alone`;
    list.classList.toggle("of-prompt", prompt !== undefined);
    const rows = prompt === undefined ? answer.predictions : promptRows(prompt, session);
    list.replaceChildren(...rows.slice(0, MOST_BARS).map(bar));
  };
  show();
  const more = answer.predictions.length - MOST_BARS;
  return [
    heading,
    list,
    element("p", { class: "quiet by-model", text: `Answered by ${visibleText(session.aboutModel, 200)}.` }),
    ...(more > 0 ? [element("p", { class: "quiet", text: `and ${more} less probable` })] : []),
    ...promptParts(answer, session, show),
  ];
}

function bar({ class: name, probability }: Row): HTMLElement {
  return element(
    "li",
    { class: "bar", variables: { "--share": String(probability) } },
    element("bdi", { class: "bar-name", text: plainName(name) }),
    element("span", { class: "bar-share", text: probabilityText(probability) }),
    element("span", { class: "bar-track", attributes: { "aria-hidden": "true" } }),
  );
}

function promptParts(answer: Classification, session: Session, show: (prompt?: PromptAnswer) => void): HTMLElement[] {
  const prompts = answer.prompts ?? [];
  if (prompts.length === 0) return [];
  const order = [...prompts].sort((a, b) => Number(b.kept) - Number(a.kept) || a.entropy - b.entropy || a.index - b.index);
  const most = Math.max(1e-6, ...prompts.map((p) => p.entropy));
  const strip = element("ul", { class: "prompts" });
  let pinned: PromptAnswer | undefined;
  for (const prompt of order) {
    const button = element(
      "button",
      {
        class: prompt.kept ? "prompt kept" : "prompt",
        variables: { "--share": String(prompt.entropy / most) },
        attributes: { type: "button", "aria-pressed": "false" },
      },
      element("bdi", { class: "prompt-name", text: promptName(session, prompt.index) }),
      element("span", { class: "prompt-entropy", text: `${prompt.kept ? "kept, " : "left out, "}entropy ${prompt.entropy.toFixed(3)}` }),
      element("span", { class: "bar-track", attributes: { "aria-hidden": "true" } }),
    );
    button.addEventListener("pointerenter", () => show(prompt));
    button.addEventListener("pointerleave", () => show(pinned));
    button.addEventListener("focus", () => show(prompt));
    button.addEventListener("blur", () => show(pinned));
    button.addEventListener("click", () => {
      pinned = pinned === prompt ? undefined : prompt;
      for (const other of strip.querySelectorAll("button"))
        other.setAttribute("aria-pressed", String(other === button && pinned === prompt));
      show(pinned);
      const rows = pinned === undefined ? answer.predictions : promptRows(pinned, session);
      announce(`${pinned === undefined ? "Answer" : promptName(session, prompt.index)}: ${topOf(rows)}`);
    });
    strip.append(element("li", {}, button));
  }
  return [
    element("h3", { text: `Prompts: ${answer.kept.length} of ${prompts.length} kept` }),
    element("p", {
      class: "quiet",
      text: "The surest prompts (lowest entropy) are kept and averaged. Point at one to see what it says alone.",
    }),
    strip,
  ];
}

/** What one prompt says alone, most probable first. */
function promptRows({ probabilities }: PromptAnswer, session: Session): Row[] {
  const names = session.prepared?.classes ?? [];
  return Array.from(probabilities, (probability, c) => ({ class: names[c] ?? `class ${c + 1}`, probability })).sort(
    (a, b) => b.probability - a.probability,
  );
}

/** The first row as people read it. */
function topOf([top]: readonly Row[]): string {
  return top === undefined ? "no answer" : `${plainName(top.class)}, ${probabilityText(top.probability)}`;
}

function promptName(session: Session, index: number): string {
  // a template's place for the class name
  const name = session.prepared?.prompts[index]?.replaceAll("{}", "…");
  return visibleText(name ?? `prompt ${index + 1}`, 80);
}
