// Tells screen readers what changed, politely; and people who look, what went wrong.

import { byId, visibleText } from "./elements.js";

/** Said by screen readers when they are free. */
export function announce(text: string): void {
  byId("announcer").textContent = text;
}

/** A line on top of the page; an empty text takes it away. */
export function notice(text: string, bad: boolean): void {
  const line = byId("notice");
  line.textContent = visibleText(text, 600);
  line.classList.toggle("bad", bad);
  line.hidden = text === "";
}
