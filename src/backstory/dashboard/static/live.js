// New events at the top of the table, as they are recorded. Nothing moves under a reader: who has
// scrolled, points at a row or has selected something is told how many there are instead.
const MOST_ROWS = 200;
const table = document.querySelector("[data-live]");
const pill = document.querySelector("[data-fresh]");
const said = document.querySelector("[data-said]");
const state = document.querySelector("[data-live-state]");
/** @type {string[]} */
let waiting = [];
let leftOut = 0;

function isReading() {
  const selected = getSelection();
  const busy = Boolean(selected && !selected.isCollapsed);
  const inside = Boolean(table?.matches(":hover")) || Boolean(table?.contains(document.activeElement));
  return busy || inside || scrollY > 80;
}

/** @param {string} word @param {boolean} on */
function tell(word, on) {
  if (!(state instanceof HTMLElement)) return;
  state.hidden = false;
  state.textContent = word;
  state.toggleAttribute("data-off", !on);
}

/** @param {number} count */
function events(count) {
  return `${count.toLocaleString("en")} new event${count === 1 ? "" : "s"}`;
}

function show() {
  if (leftOut > 0) { location.reload(); return; }
  const body = table?.querySelector("tbody");
  if (!body || !waiting.length) return;
  const made = document.createElement("template");
  made.innerHTML = [...waiting].reverse().join("");
  body.prepend(made.content);
  while (body.rows.length > MOST_ROWS) body.deleteRow(-1);
  document.querySelector("[data-empty]")?.remove();
  if (said) said.textContent = events(waiting.length);
  waiting = [];
  if (pill instanceof HTMLElement) pill.hidden = true;
}

function arrived() {
  if (!isReading() && !leftOut && !document.hidden) { show(); return; }
  if (!(pill instanceof HTMLElement)) return;
  pill.hidden = false;
  pill.textContent = leftOut > 0 ? `${events(leftOut + waiting.length)}: load the page anew` : events(waiting.length);
}

/** @param {{rows: string[], left_out: number}} batch */
function take(batch) {
  waiting.push(...batch.rows);
  leftOut += batch.left_out;
  if (waiting.length > MOST_ROWS) { leftOut += waiting.length - MOST_ROWS; waiting = waiting.slice(-MOST_ROWS); }
  arrived();
}

// A browser opens six connections to one host. All tabs with the same list share one: the tab that
// holds the lock listens and tells the others.
if (table instanceof HTMLElement && table.dataset.live) {
  const address = new URL(table.dataset.live, location.href);
  const list = address.searchParams.get("filter") ?? "";
  let last = Number(address.searchParams.get("after"));
  const channel = new BroadcastChannel(`backstory-live-${address.pathname}-${list}`);
  /** @param {{kind: string, id: number, batch?: {rows: string[], left_out: number}}} message */
  const hear = (message) => {
    if (message.kind === "state") { tell(message.batch ? "Live" : "Connecting…", Boolean(message.batch)); return; }
    if (message.id <= last) return;
    last = message.id;
    if (message.kind === "behind") { leftOut += 1; arrived(); } else if (message.batch) take(message.batch);
  };
  channel.addEventListener("message", (event) => { tell("Live", true); hear(event.data); });
  tell("Live", true);

  const listen = () => {
    address.searchParams.set("after", String(last));
    const source = new EventSource(address);
    /** @param {Parameters<typeof hear>[0]} message */
    const pass = (message) => { hear(message); channel.postMessage(message); };
    source.addEventListener("open", () => tell("Live", true));
    source.addEventListener("error", () => tell("Connecting…", false));
    source.addEventListener("message", (event) => {
      pass({ kind: "batch", id: Number(event.lastEventId), batch: JSON.parse(event.data) });
    });
    source.addEventListener("behind", (event) => pass({ kind: "behind", id: Number(event.lastEventId) }));
    addEventListener("pagehide", () => source.close(), { once: true });
  };
  if (navigator.locks) navigator.locks.request(`backstory-live-${address.pathname}-${list}`, () => { listen(); return new Promise(() => {}); });
  else listen();
  if (pill) pill.addEventListener("click", () => { scrollTo({ top: 0 }); show(); });
}
