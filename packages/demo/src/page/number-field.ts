// A labelled field for a whole number within bounds; an empty one where emptiness means something. What is wrong is said beside it.

import { element } from "./elements.js";
import { fieldError } from "./field-error.js";

/** T is number, or number | undefined where the field may stay empty. */
export interface NumberField<T> {
  readonly root: HTMLElement;
  /** of a field that is valid */
  value(): T;
  /** says so beside the field when it is not, and puts the cursor there */
  valid(): boolean;
}

/** A field that must have a number from `min` to `max`. */
export function numberField(id: string, label: string, initial: number, min: number, max: number): NumberField<number>;
/** A field that may stay empty: all. */
export function numberField(id: string, label: string, initial: undefined, min: number, max: number): NumberField<number | undefined>;
export function numberField(
  id: string,
  label: string,
  initial: number | undefined,
  min: number,
  max: number,
): NumberField<number | undefined> {
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
  const root = element("div", {}, element("label", { text: label, attributes: { for: id } }), input);
  const error = fieldError(input);
  const check = () => {
    error(input.checkValidity() ? "" : `A whole number from ${min} to ${max}${initial === undefined ? ", or nothing for all" : ""}.`);
    return input.checkValidity();
  };
  input.addEventListener("change", check);
  return {
    root,
    value: () => (input.value === "" ? undefined : Number(input.value)),
    valid() {
      const valid = check();
      if (!valid) input.focus();
      return valid;
    },
  };
}
