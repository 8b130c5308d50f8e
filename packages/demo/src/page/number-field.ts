// A labelled field for a whole number within bounds; an empty one where emptiness means something.

import { element } from "./elements.js";

export interface NumberField {
  readonly root: HTMLElement;
  value(): number | undefined;
  /** says so to the person when it is not */
  valid(): boolean;
}

/** @param initial undefined for a field that may stay empty */
export function numberField(id: string, label: string, initial: number | undefined, min: number, max: number): NumberField {
  const input = element("input", {
    attributes: {
      id,
      type: "number",
      min: String(min),
      max: String(max),
      step: "1",
      inputmode: "numeric",
      ...(initial === undefined ? { placeholder: "all" } : { value: String(initial), required: "" }),
    },
  });
  return {
    root: element("div", {}, element("label", { text: label, attributes: { for: id } }), input),
    value: () => (input.value === "" ? undefined : Number(input.value)),
    valid: () => input.reportValidity(),
  };
}
