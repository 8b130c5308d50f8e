// What learning came to: the bank's file to use or to take along, and how it does on images that it did not learn from.

import type { AnswererFigures } from "@biovlm/evaluation";
import { counted } from "@biovlm/files";
import type { LearnChoices, Learned } from "../engine/protocol.js";
import { announce } from "./announcer.js";
import type { ClassPanel } from "./class-panel.js";
import { countTable } from "./count-table.js";
import { byId, element, percent, visibleText } from "./elements.js";

export interface LearnOutcome {
  readonly root: HTMLElement;
  clear(): void;
  show(learned: Learned, asked: LearnChoices): void;
}

export function learnOutcome(panel: ClassPanel): LearnOutcome {
  const root = element("div", { class: "outcome", attributes: { id: "learn-outcome" } });
  let link: string | undefined;
  return {
    root,
    clear: () => root.replaceChildren(),
    show(learned, asked) {
      if (link !== undefined) URL.revokeObjectURL(link);
      const blob = new Blob([Uint8Array.from(learned.bytes)], { type: "application/octet-stream" });
      link = URL.createObjectURL(blob);
      const facts = factsOf(learned, asked);
      const doubtful = headingOf(learned) !== READY;
      // "Use these classes" knows it from now on
      panel.offerBank(blob, "learned here");
      const attributes = { href: link, download: "bank.safetensors", id: "download-bank" };
      root.replaceChildren(
        element("h3", { ...(doubtful ? { class: "doubtful" } : {}), text: headingOf(learned) }),
        ...facts.map((text) => element("p", { text })),
        ...warningsOf(learned).map((text) => element("p", { class: "field-error", text, attributes: { role: "alert" } })),
        ...measuredTables(learned, asked),
        element(
          "p",
          { class: "row" },
          useButton(blob, panel, doubtful),
          element("a", { class: "button second", text: "Download bank.safetensors", attributes }),
        ),
        element(
          "p",
          { class: "quiet" },
          "On the command line: ",
          element("code", { text: "biovlm classify IMAGE --bank bank.safetensors" }),
        ),
        element("p", { class: "quiet digest", text: learned.digest }),
      );
      announce([headingOf(learned), ...facts, ...warningsOf(learned)].join(" "));
    },
  };
}

function factsOf({ seconds, resumedFrom, measured }: Learned, asked: LearnChoices): string[] {
  const resumed = resumedFrom > 0 ? `, gone on after epoch ${resumedFrom}` : "";
  const learned = `Learned from ${counted(asked.images.length, "image")} in ${seconds.toFixed(1)} s${resumed}.`;
  if (measured === undefined) return [learned];
  const { images, majority, untrained, learned: bank } = measured;
  return [
    learned,
    `On ${counted(images, "image")} not learned from: balanced accuracy ${percent(untrained.balancedAccuracy)} with untrained sentences, ${percent(bank.balancedAccuracy)} with the learned bank; ${percent(bank.accuracy)} right (95 % interval ${rangeText(bank.accuracyInterval)}), where always naming the commonest class is right for ${percent(majority)}.`,
  ];
}

function rangeText({ low, high }: AnswererFigures["accuracyInterval"]): string {
  return `${percent(low)} to ${percent(high)}`;
}

const READY = "The bank is ready";

/** "Ready" is said of a bank that learned something, and of one that nothing was left to measure on. */
function headingOf({ measured }: Learned): string {
  const codes = measured?.warnings.map(({ code }) => code) ?? [];
  if (codes.includes("collapsed")) return "The bank has learned no difference";
  return codes.includes("no_gain") ? "The bank is no better than the untrained sentences" : READY;
}

function warningsOf({ measured }: Learned): string[] {
  if (measured === undefined) return ["All images were learned from, so nothing is known of how good this bank is. Leave some out to see."];
  return measured.warnings.map(({ message }) => visibleText(message, 600));
}

/** What always the commonest class, untrained sentences, the image-side expert and the bank get, and what was answered for images of each class. */
function measuredTables({ measured }: Learned, { classes }: LearnChoices): HTMLElement[] {
  if (measured === undefined) return [];
  const { images, majority, untrained, expert, learned } = measured;
  const share = (x: number | undefined) => (x === undefined || Number.isNaN(x) ? "–" : percent(x));
  const present = learned.recall.filter((recall) => !Number.isNaN(recall)).length;
  const line = (name: string, balanced: number, accuracy: number, interval?: AnswererFigures["accuracyInterval"]) =>
    element(
      "tr",
      {},
      element("th", { text: name, attributes: { scope: "row" } }),
      ...[share(balanced), share(accuracy), interval === undefined ? "–" : rangeText(interval)].map((text) => element("td", { text })),
    );
  const heads = ["", "balanced accuracy", "right", "95 % interval of right"].map((text) =>
    element("th", { text, attributes: { scope: "col" } }),
  );
  const caption = `Answers of the learned bank on ${counted(images, "image")}, by class`;
  return [
    element(
      "table",
      { class: "report", attributes: { id: "learn-figures" } },
      element("tr", {}, ...heads),
      line("always the commonest class", 1 / present, majority),
      line("untrained sentences", untrained.balancedAccuracy, untrained.accuracy, untrained.accuracyInterval),
      ...(expert === undefined ? [] : [line("image-side expert alone", expert.balancedAccuracy, expert.accuracy, expert.accuracyInterval)]),
      line("learned bank", learned.balancedAccuracy, learned.accuracy, learned.accuracyInterval),
    ),
    element("p", { class: "quiet", text: `${caption}: each row is a class, each column what was answered; right answers are framed.` }),
    countTable({
      id: "learn-report",
      caption,
      rows: classes,
      columns: classes,
      counts: learned.confusion,
      right: (row, column) => row === column,
      more: { head: "recall", texts: classes.map((_, c) => share(learned.recall[c])) },
    }),
  ];
}

/** Makes the bank the one of "What may they show?", as a file that was chosen there. */
function useButton(bank: Blob, panel: ClassPanel, doubtful: boolean): HTMLElement {
  const use = element("button", {
    ...(doubtful ? { class: "second" } : {}),
    text: "Use this bank",
    attributes: { type: "button", id: "use-bank" },
  });
  use.addEventListener("click", async () => {
    use.disabled = true;
    if (await panel.takeBank(bank, "learned here")) byId("tab-result").click();
    use.disabled = false;
  });
  return use;
}
