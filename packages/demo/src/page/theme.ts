// Colours: as the system says, light, or dark; the choice is remembered in this browser.

const THEMES = ["system", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];
const KEY = "biovlm-theme";

export function bindTheme(button: HTMLElement): void {
  const stored = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  };
  const remembered = stored();
  let theme: Theme = THEMES.find((known) => known === remembered) ?? "system";
  const apply = () => {
    if (theme === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
    button.setAttribute("aria-label", `Colours: ${theme === "system" ? "as the system" : theme}`);
    button.setAttribute("title", `Colours: ${theme}`);
  };
  button.addEventListener("click", () => {
    theme = THEMES[THEMES.indexOf(theme) + 1] ?? "system";
    apply();
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // a private window: the choice goes with the tab
    }
  });
  apply();
}
