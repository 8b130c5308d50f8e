// What is wrong with a field, said beside it: read out when it comes, tied to the field for who comes back to it, gone when it is mended.

import { element } from "./elements.js";

/**
 * Puts a line for errors after a field that has an id; the function that comes back sets its text, "" takes it away.
 * @param before what the line comes after, where the field stands in a row with others
 */
export function fieldError(field: HTMLElement, before: HTMLElement = field): (text: string) => void {
  const line = element("p", { class: "field-error", attributes: { id: `${field.id}-error`, role: "alert", hidden: "" } });
  before.after(line);
  return (text) => {
    line.textContent = text;
    line.hidden = text === "";
    if (text === "") field.removeAttribute("aria-describedby");
    else field.setAttribute("aria-describedby", line.id);
    // a button has no value that could be wrong
    if (field.matches("input, select, textarea")) field.setAttribute("aria-invalid", String(text !== ""));
  };
}
