// Moving by keys. Single keys never act while somebody types, and can be turned off (WCAG 2.1.4).
const OFF = "backstory-keys-off";
const dialog = document.querySelector("[data-keys]");
const jump = document.querySelector("[data-jump]");
let chord = false;

/** @returns {HTMLElement[]} */
function rows() {
  return [...document.querySelectorAll("[data-rows] tbody tr [data-open]")];
}

/** @param {number} step */
function move(step) {
  const all = rows();
  if (!all.length) return;
  const row = document.activeElement?.closest("tr");
  const at = all.findIndex((link) => link.closest("tr") === row);
  const to = at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1);
  all[to].focus();
  all[to].closest("tr")?.scrollIntoView({ block: "nearest" });
}

/** @param {string} selector */
function follow(selector) {
  const link = document.querySelector(selector);
  if (link instanceof HTMLElement) link.click();
}

function showKeys() {
  if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
}

/** @type {Record<string, () => void>} */
const acts = {
  j: () => move(1),
  k: () => move(-1),
  h: () => follow('.pager a[rel="prev"]'),
  l: () => follow('.pager a[rel="next"]'),
  t: () => {
    const link = document.activeElement?.closest("tr")?.querySelector("[data-type]");
    if (link instanceof HTMLElement) link.click();
  },
  g: () => { chord = true; setTimeout(() => { chord = false; }, 1000); },
  "/": () => { if (jump instanceof HTMLElement) jump.focus(); },
  "?": showKeys,
};
/** @type {Record<string, number>} */
const places = { s: 2, e: 3, t: 4 };

document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof Element && event.target.closest("input, textarea, select, dialog");
  if (jump instanceof HTMLElement && (event.metaKey || event.ctrlKey) && event.key === "k") {
    event.preventDefault();
    jump.focus();
    return;
  }
  if (typing || event.metaKey || event.ctrlKey || event.altKey) return;
  if (event.key !== "?" && localStorage.getItem(OFF)) return;
  if (chord && event.key in places) {
    chord = false;
    follow(`header nav a:nth-child(${places[event.key]})`);
  } else if (event.key in acts) {
    event.preventDefault();
    acts[event.key]();
  }
});

const shown = document.querySelector("[data-keys-shown]");
if (shown instanceof HTMLButtonElement) {
  shown.hidden = false;
  shown.addEventListener("click", showKeys);
}
const off = document.querySelector("[data-keys-off]");
if (off instanceof HTMLInputElement) {
  off.checked = Boolean(localStorage.getItem(OFF));
  off.addEventListener("change", () => {
    if (off.checked) localStorage.setItem(OFF, "1");
    else localStorage.removeItem(OFF);
  });
}
