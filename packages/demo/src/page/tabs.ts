// Tabs as the ARIA pattern has them: arrow keys move, one tab is in the tab order, panels of others are hidden.

import { byId } from "./elements.js";

/** Binds every tab of a tab list. A panel that becomes visible gets a "shown" event. */
export function bindTabs(list: HTMLElement): void {
  const tabs = [...list.querySelectorAll<HTMLElement>('[role="tab"]')];
  const panelOf = (tab: HTMLElement) => byId(tab.getAttribute("aria-controls") ?? "");
  const choose = (tab: HTMLElement) => {
    for (const other of tabs) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      panelOf(other).hidden = !chosen;
    }
    panelOf(tab).dispatchEvent(new Event("shown"));
  };
  for (const [i, tab] of tabs.entries()) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      if (step === 0) return;
      event.preventDefault();
      const next = tabs.at((i + step) % tabs.length);
      if (next === undefined) return;
      choose(next);
      next.focus();
    });
  }
}
