// Light or dark as the system has it, unless somebody chose; the choice is kept by the browser.
const KEY = "backstory-theme";
const root = document.documentElement;
const button = document.querySelector("[data-theme-switch]");

/** @param {string | null} theme */
function show(theme) {
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  else delete root.dataset.theme;
  const dark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  if (button) button.textContent = dark ? "Light" : "Dark";
  return dark;
}

show(localStorage.getItem(KEY));
if (button instanceof HTMLButtonElement) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = show(localStorage.getItem(KEY)) ? "light" : "dark";
    localStorage.setItem(KEY, next);
    show(next);
  });
}
