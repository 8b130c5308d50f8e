// What learning came to: the bank's file to use or to take along, and how it does on images that it did not learn from.

import type { LearnChoices, Learned } from "../engine/protocol.js";
import { announce } from "./announcer.js";
import type { ClassPanel } from "./class-panel.js";
import { byId, element, percent } from "./elements.js";

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
      const attributes = { href: link, download: "bank.safetensors", id: "download-bank" };
      root.replaceChildren(
        element("h3", { text: "The bank is ready" }),
        ...facts.map((text) => element("p", { text })),
        element(
          "p",
          { class: "row" },
          useButton(blob, panel),
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
      announce(facts.join(" "));
    },
  };
}

function factsOf({ seconds, resumedFrom, measured }: Learned, asked: LearnChoices): string[] {
  const resumed = resumedFrom > 0 ? `, gone on after epoch ${resumedFrom}` : "";
  const learned = `Learned from ${asked.images.length} images in ${seconds.toFixed(1)} s${resumed}.`;
  if (measured === undefined) return [learned];
  const { images, before, after } = measured;
  return [
    learned,
    `On ${images} images not learned from: ${percent(before)} right with one untrained prompt, ${percent(after)} with the learned bank.`,
  ];
}

/** Makes the bank the one of "What may they show?", as a file that was chosen there. */
function useButton(bank: Blob, panel: ClassPanel): HTMLElement {
  const use = element("button", { text: "Use this bank", attributes: { type: "button", id: "use-bank" } });
  use.addEventListener("click", async () => {
    use.disabled = true;
    if (await panel.takeBank(bank, "learned here")) byId("tab-result").click();
    use.disabled = false;
  });
  return use;
}
