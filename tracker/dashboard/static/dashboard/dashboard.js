// A caseload that stays open on a screen asks for the open alerts once a minute. Where it gets no answer for two
// minutes it says so: yesterday's "No open alerts" must never pass for today's. Without this script the page works
// the same and shows the alerts as they were when it was loaded.
"use strict";

const EVERY_MS = 60_000, OLD_MS = 120_000, PATIENCE_MS = 20_000;
let freshAt = Date.now();

async function refresh() {
  const section = document.querySelector("[data-refresh]");
  if (!section || document.hidden) return;
  const answer = await fetch(section.dataset.refresh, {
    redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (answer.type === "opaqueredirect") return location.reload();
  if (!answer.ok) return;
  const focused = document.activeElement && document.activeElement.id;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[data-refresh]");
  if (!fresh || !section.isConnected) return;
  if (section.querySelector(".old")) announce("The alerts are up to date again.");
  section.replaceWith(fresh);
  freshAt = Date.now();
  if (focused && fresh.querySelector(`[id="${focused}"]`)) document.getElementById(focused).focus();
  const before = Number(section.dataset.count), now = Number(fresh.dataset.count);
  document.title = document.title.replace(/^\(\d+\) /, "").replace(/^/, now ? `(${now}) ` : "");
  if (now > before) announce(`${now} open alerts`);
}

// The box that a refresh puts in its place has no such words: they go as they came.
function sayIfOld() {
  const section = document.querySelector("[data-refresh]");
  if (!section || document.hidden || Date.now() - freshAt < OLD_MS || section.querySelector(".old")) return;
  const words = document.createElement("p");
  words.className = "old message error";
  words.setAttribute("role", "alert");
  section.prepend(words);
  // Filled after it stands on the page, or a screen reader would not read it out.
  words.textContent = `These alerts may be out of date since ${since()}: the page gets no answer. Reload it.`;
}

function since() {
  const at = new Date(freshAt), today = at.toDateString() === new Date().toDateString();
  const time = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return today ? time : `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${time}`;
}

function announce(text) {
  const place = document.querySelector("[role=status]");
  const words = document.createElement("p");
  words.className = "sr";
  words.textContent = text;
  place.append(words);
}

// A lost connection is no reason to stop asking.
const ask = () => refresh().catch(() => {});
setInterval(ask, EVERY_MS);
setInterval(sayIfOld, 5_000);
document.addEventListener("visibilitychange", ask);
