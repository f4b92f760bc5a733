// A caseload that stays open on a screen asks for the open alerts once a minute. Without this script the
// page works the same and shows the alerts as they were when it was loaded.
"use strict";

const EVERY_MS = 60_000;

async function refresh() {
  const section = document.querySelector("[data-refresh]");
  if (!section || document.hidden) return;
  const answer = await fetch(section.dataset.refresh, { redirect: "manual", cache: "no-store" });
  if (answer.type === "opaqueredirect") return location.reload();
  if (!answer.ok) return;
  const focused = document.activeElement && document.activeElement.id;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[data-refresh]");
  if (!fresh) return;
  const folded = fresh.querySelector("details");
  if (folded) folded.open = Boolean(section.querySelector("details[open]"));
  section.replaceWith(fresh);
  if (focused && fresh.querySelector(`[id="${focused}"]`)) document.getElementById(focused).focus();
  const before = Number(section.dataset.count), now = Number(fresh.dataset.count);
  document.title = document.title.replace(/^\(\d+\) /, "").replace(/^/, now ? `(${now}) ` : "");
  if (now > before) announce(`${now} open alerts`);
}

function announce(text) {
  const place = document.querySelector("[role=status]");
  const words = document.createElement("p");
  words.className = "sr";
  words.textContent = text;
  place.append(words);
}

// A lost connection is no reason to stop asking.
setInterval(() => refresh().catch(() => {}), EVERY_MS);
