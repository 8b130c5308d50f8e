// Undo and redo: two buttons and their keys. In a field the keys are the field's own.

import { announce, notice } from "./announcer.js";
import { byId, visibleText } from "./elements.js";
import type { Session } from "./session.js";

export function bindUndo(session: Session): void {
  const buttons = { undo: byId<HTMLButtonElement>("undo"), redo: byId<HTMLButtonElement>("redo") } as const;

  async function step(direction: "undo" | "redo"): Promise<void> {
    try {
      const what = await session.step(direction);
      if (what !== undefined) announce(`${direction === "undo" ? "taken back" : "done again"}: ${visibleText(what, 80)}`);
    } catch (error) {
      notice(String((error as Error).message), true);
    }
  }

  for (const direction of ["undo", "redo"] as const) buttons[direction].addEventListener("click", () => void step(direction));
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    const direction = key === "z" ? (event.shiftKey ? "redo" : "undo") : key === "y" ? "redo" : undefined;
    if (
      direction === undefined ||
      (event.target instanceof HTMLElement && event.target.closest("input, textarea, select, dialog") !== null)
    )
      return;
    event.preventDefault();
    void step(direction);
  });
  session.listen((change) => {
    if (change !== "history") return;
    const { last, next } = session.history;
    for (const [button, name, what] of [
      [buttons.undo, "Undo", last],
      [buttons.redo, "Redo", next],
    ] as const) {
      const said = what === undefined ? name : `${name}: ${visibleText(what, 80)}`;
      button.disabled = what === undefined;
      button.title = said;
      button.setAttribute("aria-label", said);
    }
  });
}
