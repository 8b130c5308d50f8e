// What learning came to: the bank's file to use or to take along, and how it does on images that it did not learn from.

import type { LearnChoices, Learned } from "../engine/protocol.js";
import { announce } from "./announcer.js";
import type { ClassPanel } from "./class-panel.js";
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
        ...matrixOf(learned, asked),
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
  const learned = `Learned from ${asked.images.length} images in ${seconds.toFixed(1)} s${resumed}.`;
  if (measured === undefined) return [learned];
  const { images, majority, untrained, learned: bank } = measured;
  return [
    learned,
    `On ${images} images not learned from: balanced accuracy ${percent(untrained.balancedAccuracy)} with untrained sentences, ${percent(bank.balancedAccuracy)} with the learned bank; ${percent(bank.accuracy)} right, where always naming the commonest class is right for ${percent(majority)}.`,
  ];
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

/** What was answered for each class, as a table: its recall and how often it was named. */
function matrixOf({ measured }: Learned, { classes }: LearnChoices): HTMLElement[] {
  if (measured === undefined) return [];
  const share = (x: number | undefined) => (x === undefined || Number.isNaN(x) ? "–" : percent(x));
  const rows = classes.map((name, c) =>
    element(
      "tr",
      {},
      element("th", { text: visibleText(name, 60), attributes: { scope: "row" } }),
      element("td", { text: share(measured.learned.recall[c]) }),
      element("td", { text: share(measured.learned.answered[c]) }),
    ),
  );
  const head = ["class", "recall", "answered"].map((text) => element("th", { text, attributes: { scope: "col" } }));
  return [element("table", { class: "report", attributes: { id: "learn-report" } }, element("tr", {}, ...head), ...rows)];
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
