// What scripts add to the form; without them everything works, a page at a time.
// Exclusive options untick the others, questions on the same page appear at once, unsaved answers are warned of.
"use strict";
document.documentElement.classList.add("scripted");

let dirty = false; // is there anything on this page that was not sent?
const form = document.querySelector("form.questions");
if (form) {
  const fieldOf = (name) => form.querySelector(`[data-item="${name}"]`) || form;
  const inputsOf = (name) => [...form.querySelectorAll(`[name="${name}"]:not([type=hidden])`)];
  const open = (name) => !fieldOf(name).hidden;

  // The law of silence: of a question that is not asked every comparison is false; of one that is asked and
  // not answered, or answered with "not known", it is unknown. What other pages say arrives as {"is": …}.
  const given = (name) => {
    const inputs = inputsOf(name);
    if (inputs.some((input) => input.type === "text")) return inputs[0].value.trim() ? [inputs[0].value.trim()] : [];
    return inputs.filter((input) => input.checked && input.value).map((input) => input.value);
  };
  const unknown = (name) => inputsOf(name).filter((input) => "unknown" in input.dataset).map((input) => input.value);
  const asNumber = (value) => (/^-?\d+$/.test(value) ? Number(value) : NaN);
  const compared = {
    "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
  };
  const comparison = ({ question, operator, answer }) => {
    if (!open(question)) return false;
    const values = given(question);
    if (operator === "exists") return (values.length > 0) === answer;
    if (values.length === 0) return null;
    const named = (Array.isArray(answer) ? answer : [answer]).map(String);
    const silent = unknown(question).filter((code) => !named.includes(code));
    if (operator === "has" || operator === "has_any") {
      if (values.some((value) => named.includes(value))) return true;
      return values.some((value) => unknown(question).includes(value)) ? null : false;
    }
    if (silent.includes(values[0])) return null;
    if (operator === "=" || operator === "in") return named.includes(values[0]);
    if (operator === "!=") return !named.includes(values[0]);
    return compared[operator](asNumber(values[0]), Number(answer));
  };
  const truth = (when) => {
    if ("is" in when) return { yes: true, no: false }[when.is] ?? null;
    if ("not" in when) { const inner = truth(when.not); return inner === null ? null : !inner; }
    if ("all" in when) { const t = when.all.map(truth); return t.includes(false) ? false : t.includes(null) ? null : true; }
    if ("any" in when) { const t = when.any.map(truth); return t.includes(true) ? true : t.includes(null) ? null : false; }
    return comparison(when);
  };
  const ask = () => {
    for (const field of form.querySelectorAll("[data-when]")) {
      const asked = truth(JSON.parse(field.dataset.when)) === true;
      field.hidden = !asked;
      if (field.tagName === "FIELDSET") field.disabled = !asked;
      for (const marker of field.querySelectorAll("input[name=asked]")) marker.disabled = !asked;
    }
  };

  form.addEventListener("change", ({ target }) => {
    dirty = true;
    if (target.type === "checkbox" && target.checked) {
      const alone = "exclusive" in target.dataset;
      for (const other of inputsOf(target.name)) {
        if (other !== target && (alone || "exclusive" in other.dataset)) other.checked = false;
      }
    }
    ask();
  });
  form.addEventListener("input", () => { dirty = true; });
  form.addEventListener("submit", () => { dirty = false; });
  window.addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });
  ask();
}

// The secret of a link stays behind the #: it is put into the form, and out of the address, at once. The button is
// left to the person: looking at a link opens nothing, and takes no form away that is open on this device.
const resume = document.querySelector("form.resume");
if (resume) {
  const secret = location.hash.slice(1);
  history.replaceState(null, "", resume.getAttribute("action"));
  if (secret) {
    resume.elements.link.value = secret;
    resume.querySelector("[data-ready]").hidden = false;
    resume.querySelector(".field").hidden = true;
    resume.querySelector("button").focus();
  }
}

for (const button of document.querySelectorAll("[data-print]")) button.addEventListener("click", () => window.print());
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const link = document.querySelector("input.link");
    link.select();
    try { await navigator.clipboard.writeText(link.value); } catch { document.execCommand("copy"); }
    const told = document.querySelector("[data-copied]");
    told.textContent = told.dataset.copied;
  });
}
for (const leave of document.querySelectorAll("form.leave")) {
  // out of sight at once, and nothing asks whether to stay
  leave.addEventListener("submit", () => { dirty = false; document.body.hidden = true; });
}

// In a frame on the clinic's website: no header twice. The frame is told how high it has to be, and what place of it is
// to be seen: a new page's top, or where a link leads. Leaving takes the clinic's page away as well.
if (window.parent !== window) {
  document.documentElement.classList.add("framed");
  const tell = (top) => {
    window.parent.postMessage({ preconsult: { height: document.body.getBoundingClientRect().height, top } }, "*");
  };
  const place = (anchor) => {
    const found = document.getElementById(anchor.slice(1));
    return found ? found.getBoundingClientRect().top + window.scrollY : 0;
  };
  new ResizeObserver(() => tell()).observe(document.body);
  window.addEventListener("message", ({ source }) => { if (source === window.parent) tell(); });
  for (const link of document.querySelectorAll("a[href^='#']")) link.addEventListener("click", () => tell(place(link.hash)));
  tell(place(location.hash));
  document.querySelector("[autofocus]")?.focus({ preventScroll: true }); // browsers don't by themselves, in a frame
  for (const leave of document.querySelectorAll("form.leave")) {
    leave.addEventListener("submit", (event) => {
      event.preventDefault();
      dirty = false;
      const body = new URLSearchParams(new FormData(leave));
      fetch(leave.action, { method: "POST", body, keepalive: true, redirect: "manual" }).catch(() => {});
      window.top.location.replace(new URL(leave.dataset.leave, location.href));
    });
  }
}
