// Colours: as the system says, light, or dark; the choice is remembered in this browser.

const THEMES = ["system", "light", "dark"] as const;
const KEY = "biovlm-theme";

export function bindTheme(button: HTMLElement): void {
  const stored = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  };
  let at = Math.max(0, THEMES.indexOf(stored() as (typeof THEMES)[number]));
  const apply = () => {
    const theme = THEMES[at]!;
    if (theme === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
    button.setAttribute("aria-label", `Colours: ${theme === "system" ? "as the system" : theme}`);
    button.setAttribute("title", `Colours: ${theme}`);
  };
  button.addEventListener("click", () => {
    at = (at + 1) % THEMES.length;
    apply();
    try {
      localStorage.setItem(KEY, THEMES[at]!);
    } catch {
      // a private window: the choice goes with the tab
    }
  });
  apply();
}
