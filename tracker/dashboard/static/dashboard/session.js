// A treatment session: each form is kept on this device first and sent at once; while the line is cut it waits, is shown
// as not yet sent, and is sent again until the server has answered. Each entry has an id of its own, so that sending it
// twice changes nothing. It is kept under whoever entered it and sent in no other name. An entry that the server cannot
// take holds up no other, and goes only when a person removes it. Without this script the forms work the same, one page
// at a time.
"use strict";

const AGAIN_MS = 4_000, LIVE_MS = 10_000, PATIENCE_MS = 15_000, FAILED_AGAIN_MS = 60_000, MOST = 100;
// As session_forms.py: a clock on the wall may be ahead by the first; further ahead than the second is yesterday's.
const AHEAD_MS = 15 * 60_000, YESTERDAY_MS = 12 * 3_600_000;
// The server as a whole is busy or away: not the fault of one entry.
const AWAY = [429, 502, 503, 504];
const observe = document.querySelector("[data-events]");
const queue = document.getElementById("queue"), othersQueue = document.getElementById("others-queue");
const user = queue.dataset.user, prefix = `session ${location.pathname} `, key = prefix + user;
let sending = false, leaving = false, offset = 0;

const read = (name) => JSON.parse(localStorage.getItem(name) || "[]");
const load = () => read(key).filter((entry) => entry.user === user);
const store = (entries) => entries.length ? localStorage.setItem(key, JSON.stringify(entries)) : localStorage.removeItem(key);
const loadOthers = () => Object.keys(localStorage).filter((name) => name.startsWith(prefix) && name !== key).flatMap(read);

function token() { return document.querySelector("[name=csrfmiddlewaretoken]").value; }

// What waits is kept here: nobody has to be asked.
function reload() { leaving = true; location.reload(); }

const zoneShift = () => Number(document.getElementById("live").dataset.offset) * 60_000;

// The instant of a time as it was typed; null if it has not come yet.
function instantOf(time) {
  const now = new Date(Date.now());
  if (!time) return now;
  const [hours, minutes] = time.split(":").map(Number);
  // Times are read as they stand on the page: in the session's zone, wherever the device thinks that it is.
  const shift = zoneShift(), there = new Date(now.getTime() + shift);
  const [yesterday, today, tomorrow] = [-1, 0, 1].map((days) => {
    return new Date(Date.UTC(there.getUTCFullYear(), there.getUTCMonth(), there.getUTCDate() + days, hours, minutes) - shift);
  });
  if (tomorrow - now <= AHEAD_MS) return tomorrow;
  if (today - now <= AHEAD_MS) return today;
  return today - now > YESTERDAY_MS ? yesterday : null;
}

function keep(form, submitter, at) {
  const data = new FormData(form, submitter), fields = {};
  for (const [name, value] of data) {
    if (!["csrfmiddlewaretoken", "id", "at_time"].includes(name)) (fields[name] ||= []).push(String(value));
  }
  const card = form.closest("section"), title = card && card.querySelector("h2");
  const words = [title ? title.textContent : "", submitter ? submitter.textContent : ""].filter(Boolean).join(": ");
  store([...load(), { id: crypto.randomUUID(), user, at: at.toISOString(), fields, words }]);
}

function lineOf(entry) {
  const line = document.createElement("li"), said = document.createElement("span");
  const time = new Date(new Date(entry.at).getTime() + zoneShift()).toISOString().slice(11, 16);
  said.textContent = `${time} ${entry.words}`
    + (entry.refused ? `. Not stored: ${entry.refused}` : entry.failed ? `. Not stored yet: ${entry.failed}` : "");
  line.append(said);
  return line;
}

function show() {
  const entries = load(), others = loadOthers();
  queue.hidden = !entries.length;
  queue.querySelector("ul").replaceChildren(...entries.map((entry) => {
    const line = lineOf(entry);
    if (entry.refused || entry.failed) {
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
  othersQueue.hidden = !others.length;
  othersQueue.querySelector("ul").replaceChildren(...others.map(lineOf));
}

async function send() {
  if (sending || !observe) return;
  const waiting = load().filter((entry) => !entry.refused);
  const fresh = waiting.filter((entry) => !entry.failed).slice(0, MOST);
  const failed = waiting.filter((entry) => entry.failed && !(Date.now() < entry.again));
  if (!fresh.length && !failed.length) return;
  sending = true;
  try {
    const together = !fresh.length || await post(fresh);
    for (const entry of together ? failed : [...fresh, ...failed]) await post([entry]);
  } finally {
    sending = false;
    show();
  }
}

// Send entries, and note what became of each. False if the server could not take them as they were sent together.
async function post(entries) {
  const answer = await fetch(observe.dataset.events, {
    method: "POST", redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS),
    headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
    body: JSON.stringify({ user, sent_at: new Date().toISOString(), events: entries.map(({ id, at, fields }) => ({ id, at, fields })) }),
  });
  // Signed out, or another person is signed in: what waits stays here, and is sent when its person opens the page again.
  if (answer.type === "opaqueredirect" || answer.status === 409) {
    reload();
    throw new Error("not signed in");
  }
  if (AWAY.includes(answer.status)) throw new Error("the server is away");
  if (!answer.ok) {
    if (entries.length > 1) return false;
    const { error } = await answer.json().catch(() => ({})), failed = error || `the server answered ${answer.status}.`;
    const again = Date.now() + FAILED_AGAIN_MS;
    store(load().map((entry) => entry.id === entries[0].id ? { ...entry, failed, again } : entry));
    announce("Not stored.");
    return true;
  }
  const { results, live } = await answer.json(), became = new Map(results.map((each) => [each.id, each]));
  store(load().flatMap((entry) => {
    const result = became.get(entry.id);
    if (!result) return [entry];
    return result.status === "rejected" ? [{ ...entry, refused: result.sentence }] : [];
  }));
  replace(live);
  announce(results.some((each) => each.status === "rejected") ? "Not stored." : "Stored.");
  return true;
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
  if (answer.type === "opaqueredirect") return load().length ? undefined : reload();
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

// What was wrong with a time is asked anew each time.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-event] button"), time = button && button.form.elements.at_time;
  if (time) time.setCustomValidity("");
}, true);
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-event]")) return;
  event.preventDefault();
  const time = form.elements.at_time, at = instantOf(time && time.value);
  if (!at) {
    time.setCustomValidity("That time has not come yet.");
    time.reportValidity();
    return announce("Not stored: that time has not come yet.");
  }
  keep(form, event.submitter, at);
  form.reset();
  // The focus goes back to the button, so that a refresh takes nothing from whoever tabs.
  show();
  send().catch(() => show());
});
addEventListener("beforeunload", (event) => { if (!leaving && load().some((entry) => !entry.refused)) event.preventDefault(); });
addEventListener("online", () => send().catch(() => {}));
setInterval(() => send().catch(() => {}), AGAIN_MS);
setInterval(() => refresh().catch(() => {}), LIVE_MS);
setInterval(tick, 1_000);
synchronize();
show();
send().catch(() => {});
