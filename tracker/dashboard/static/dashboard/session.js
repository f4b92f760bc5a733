// A treatment session: each form is kept on this device first and sent at once; while the line is cut it waits, is shown
// as not yet sent, and is sent again until the server has answered. Each entry has an id of its own, so that sending it
// twice changes nothing. Without this script the forms work the same, one page at a time.
"use strict";

const AGAIN_MS = 4_000, LIVE_MS = 10_000, PATIENCE_MS = 15_000;
const observe = document.querySelector("[data-events]");
const queue = document.getElementById("queue");
const key = `session ${location.pathname}`;
let sending = false, offset = 0;

const load = () => JSON.parse(localStorage.getItem(key) || "[]");
const store = (entries) => entries.length ? localStorage.setItem(key, JSON.stringify(entries)) : localStorage.removeItem(key);

function token() { return document.querySelector("[name=csrfmiddlewaretoken]").value; }

function isoAt(time) {
  const now = new Date(Date.now());
  if (!time) return now.toISOString();
  const [hours, minutes] = time.split(":").map(Number), at = new Date(now);
  at.setHours(hours, minutes, 0, 0);
  if (at > now) at.setDate(at.getDate() - 1);
  return at.toISOString();
}

function keep(form, submitter) {
  const data = new FormData(form, submitter), fields = {};
  for (const [name, value] of data) {
    if (!["csrfmiddlewaretoken", "id", "at_time"].includes(name)) (fields[name] ||= []).push(String(value));
  }
  const card = form.closest("section"), title = card && card.querySelector("h2");
  const words = [title ? title.textContent : "", submitter ? submitter.textContent : ""].filter(Boolean).join(": ");
  store([...load(), { id: crypto.randomUUID(), at: isoAt(data.get("at_time")), fields, words }]);
}

function show() {
  const entries = load(), list = queue.querySelector("ul");
  queue.hidden = !entries.length;
  list.replaceChildren(...entries.map((entry) => {
    const line = document.createElement("li"), time = new Date(entry.at);
    const said = document.createElement("span");
    said.textContent = `${time.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })} ${entry.words}`
      + (entry.refused ? `. Not stored: ${entry.refused}` : "");
    line.append(said);
    if (entry.refused) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Remove";
      button.addEventListener("click", () => { store(load().filter((each) => each.id !== entry.id)); show(); });
      line.append(button);
    }
    return line;
  }));
  const allRefused = entries.every((each) => each.refused);
  queue.querySelector("h2").textContent = allRefused ? "Not stored" : "Not yet sent";
  queue.querySelector("p").hidden = allRefused;
}

async function send() {
  const waiting = load().filter((entry) => !entry.refused).slice(0, 100);
  if (sending || !waiting.length || !observe) return;
  sending = true;
  try {
    const answer = await fetch(observe.dataset.events, {
      method: "POST", redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS),
      headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
      body: JSON.stringify({ sent_at: new Date().toISOString(), events: waiting.map(({ id, at, fields }) => ({ id, at, fields })) }),
    });
    // Signed out: what waits stays here, and is sent when the page is opened again.
    if (answer.type === "opaqueredirect") return location.reload();
    if (!answer.ok) return;
    const { results, live } = await answer.json();
    const became = new Map(results.map((each) => [each.id, each]));
    store(load().flatMap((entry) => {
      const result = became.get(entry.id);
      if (!result) return [entry];
      return result.status === "rejected" ? [{ ...entry, refused: result.sentence }] : [];
    }));
    replace(live);
    announce(results.some((each) => each.status === "rejected") ? "Not stored." : "Stored.");
  } finally {
    sending = false;
    show();
  }
}

function replace(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("live");
  const old = document.getElementById("live");
  const active = document.activeElement, isInside = old.contains(active);
  // What somebody is writing in the old one is not taken from them.
  if (!fresh || (isInside && active.matches("input, textarea"))) return;
  const top = old.scrollTop;
  old.replaceWith(fresh);
  fresh.scrollTop = top;
  // Whoever tabs goes on from here.
  if (isInside) fresh.focus();
  synchronize();
}

async function refresh() {
  const live = document.getElementById("live");
  if (document.hidden || !live) return;
  const answer = await fetch(live.dataset.live, { redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
  if (answer.type === "opaqueredirect") return load().length ? undefined : location.reload();
  if (answer.ok) replace(await answer.text());
}

function synchronize() {
  const { now, pressed } = document.getElementById("live").dataset, on = new Set(pressed.split(" "));
  offset = new Date(now) - Date.now();
  for (const button of document.querySelectorAll(".observe [name=is_met], .observe [name=escort]")) {
    const item = button.form.querySelector("[name=item]");
    button.setAttribute("aria-pressed", String(on.has(`${item ? item.value : button.name}=${button.value}`)));
  }
  tick();
}

function clock(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000)), two = (n) => String(n).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function tick() {
  const live = document.getElementById("live"), now = Date.now() + offset;
  const place = live.querySelector("[data-clock]"), next = live.querySelector("[data-countdown]");
  if (live.dataset.firstDosed && place) place.textContent = clock(now - new Date(live.dataset.firstDosed));
  if (live.dataset.nextDue && next) {
    const left = Math.round((new Date(live.dataset.nextDue) - now) / 60_000);
    next.textContent = left > 0 ? `(in ${left} min)` : left < 0 ? `(${-left} min ago)` : "(now)";
  }
}

function announce(text) {
  const words = document.createElement("p");
  words.className = "sr";
  words.textContent = text;
  document.querySelector("[role=status]").replaceChildren(words);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-event]")) return;
  event.preventDefault();
  keep(form, event.submitter);
  form.reset();
  // The focus goes back to the button, so that a refresh takes nothing from whoever tabs.
  show();
  send().catch(() => show());
});
addEventListener("beforeunload", (event) => { if (load().some((entry) => !entry.refused)) event.preventDefault(); });
addEventListener("online", () => send().catch(() => {}));
setInterval(() => send().catch(() => {}), AGAIN_MS);
setInterval(() => refresh().catch(() => {}), LIVE_MS);
setInterval(tick, 1_000);
synchronize();
show();
send().catch(() => {});
