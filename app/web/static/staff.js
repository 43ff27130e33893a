// What scripts add to the queue and to cases; without them everything works, a page at a time.
// Keys move from case to case, the lines come again by themselves, unsent words are warned of.
"use strict";
const REFRESH = 30000;
const keys = document.getElementById("keys");
const lines = () => document.getElementById("lines");
const told = document.getElementById("told");
const rowsOf = () => [...lines().querySelectorAll("tr[data-case]")];
const here = () => document.activeElement.closest("tr[data-case]");

if (keys && lines()) {
  keys.hidden = false;
  const typing = (target) => target.closest("input:not([type=checkbox]), textarea, select") !== null;
  const move = (step) => {
    const rows = rowsOf();
    const place = rows.indexOf(here());
    const next = place < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(place + step, 0), rows.length - 1);
    rows[next]?.querySelector("a.open").focus();
  };
  const acts = {
    j: () => move(1),
    k: () => move(-1),
    a: () => here()?.querySelector("form.take")?.requestSubmit(),
    "/": () => document.getElementById("text").focus(),
    "?": () => {
      keys.open = !keys.open;
      if (keys.open) keys.querySelector("summary").focus();
    },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
    if (!document.getElementById("keys-on").checked || !(event.key in acts)) return;
    event.preventDefault();
    acts[event.key]();
  });
}

// The lines again, every half minute while the page is looked at; whoever stands on a case stays on it.
if (told && lines()) {
  const again = async () => {
    if (document.hidden) return;
    const address = new URL(lines().dataset.again, location.href);
    address.searchParams.set("part", "1");
    try {
      const answer = await fetch(address, { headers: { "x-refresh": "1" }, redirect: "manual" });
      if (!answer.ok) {
        told.textContent = "This list is no longer brought up to date. Load the page again.";
        return;
      }
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("lines");
      if (!fresh || fresh.innerHTML === lines().innerHTML) return;
      const row = here();
      const inside = row && [...row.querySelectorAll("a, button")].indexOf(document.activeElement);
      const top = row?.getBoundingClientRect().top;
      lines().replaceWith(document.adoptNode(fresh));
      const same = row && rowsOf().find((each) => each.dataset.case === row.dataset.case);
      const target = same && ([...same.querySelectorAll("a, button")][inside] ?? same.querySelector("a.open"));
      target?.focus({ preventScroll: true });
      if (same) window.scrollBy(0, same.getBoundingClientRect().top - top);
      told.textContent = "";
    } catch {
      told.textContent = "The service can't be reached right now; this list may be older than it looks.";
    }
  };
  setInterval(again, REFRESH);
}

// What was typed and not sent is not lost by a wrong click.
let unsent = false;
for (const form of document.querySelectorAll("form[data-keep]")) {
  form.addEventListener("input", () => { unsent = true; });
  form.addEventListener("submit", () => { unsent = false; });
}
window.addEventListener("beforeunload", (event) => { if (unsent) event.preventDefault(); });
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
