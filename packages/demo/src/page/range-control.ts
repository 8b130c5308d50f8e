// The values of grey of more than 8 bits that become black and white, where it is neither DICOM nor a volume: each file's own, or a range for all
// images. Beside a picture that it changes, and beside one that cannot be shown without it.

import { parseRange } from "@biovlm/imaging";
import { element } from "./elements.js";
import { fieldError } from "./field-error.js";
import type { Session } from "./session.js";

/** Whether a text is a range that can be asked for. */
export function isRange(text: string): boolean {
  try {
    return parseRange(text) !== undefined;
  } catch {
    return false;
  }
}

interface RangeControl {
  readonly root: HTMLElement;
  draw(shown: boolean): void;
}

export function rangeControl(session: Session, id: string): RangeControl {
  const input = element("input", { attributes: { id, type: "text", placeholder: "as the file says", size: "18", maxlength: "50" } });
  const field = element("div", {}, element("label", { text: "Values shown", attributes: { for: id } }), input);
  const root = element("div", { class: "fields windows", attributes: { hidden: "" } }, field);
  const say = fieldError(input);
  input.addEventListener("change", () => {
    const text = input.value.trim();
    const own = text === "" || text === "file";
    const fits = own || isRange(text);
    say(fits ? "" : "Expected full, bits=1 to bits=16, or LOW..HIGH, for instance bits=12 or -1000..400.");
    if (fits) void session.showing.showRange(own ? undefined : text);
  });
  return {
    root,
    draw(shown) {
      root.hidden = !shown;
      // what is being typed stays
      if (document.activeElement !== input) input.value = session.showing.range ?? "";
    },
  };
}
