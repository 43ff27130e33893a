// A clinic's own form over the REST API of preconsult. Copy it, change what you like, and preserve these rules: a
// section is saved before the next is shown; an interruption that a save raises is shown before anything else; a
// quotation stays with its cautions; the emergency line is on the page in every state, even if the service is down.
// Never: uses innerHTML, cookies, browser storage or other servers.
"use strict";
(() => {
  const here = document.currentScript.dataset; // data-server, data-key, data-questionnaire
  const stage = document.getElementById("preconsult"), footer = document.getElementById("preconsult-footer");
  const words = { // translate these with your page; the questions come in the language of <html lang="…">
    go: "Continue", back: "Back", send: "Send my answers", retry: "Try again", skip: "You can skip this question.",
    part: (number, all) => `Part ${number} of ${all}`, call: (number) => `Call ${number}`, text: (number) => `Text ${number}`,
    required: "Please answer this question.", look: "Please look at this again", help: "Where to get help", chat: "Chat online",
    sure: "Send your answers?", ready: "You can still go back and change them.", because: "Because you told us",
    source: (place) => `From the article, ${place}`, caution: "Please note", gist: "What this says, in short; not an official translation",
    ask: "Questions you could ask", uncovered: "What the article does not cover", seen: "Who can see my answers",
    until: (day) => `We keep your answers until ${day}.`, made: (day, edition) => `Made on ${day}. Content and rules ${edition}.`,
    unreviewed: "A trained translator has not checked these words yet.",
    down: "We could not reach the clinic", failed: "That did not work",
    kept: "What you wrote is still here. Please try again, or call the clinic.",
    operator: "If you run this website", origin: `Is the service up? Does PRECONSULT_ALLOWED_ORIGINS name ${location.origin}?`,
  };
  const items = new Map(), shown = new Set(), keys = new Map(); // questions by linkId; rules shown alone; keys by body
  let questionnaire, sections, open, possible, at = 0, draft = null, etag, raised = [], begun = false;

  // --- elements: texts are never inserted as HTML -----------------------------------------------------------
  function el(tag, props, ...inside) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props)) name in node ? (node[name] = value) : node.setAttribute(name, value);
    node.append(...inside.flat(2).filter(Boolean));
    return node;
  }
  const p = (className, ...inside) => el("p", { className }, ...inside);
  const button = (label, onclick, className = "continue") => el("button", { type: "button", className, onclick }, label);
  const bullets = (heading, lines) => lines && [el("h2", {}, heading), el("ul", {}, lines.map((line) => el("li", {}, line)))];
  const way = (href, label) => [el("a", { href, rel: "noreferrer" }, label), " "];
  const block = ({ text, resources }, className) => el("section", { className, "aria-label": words.help }, p("lead", text),
    el("ul", { className: "resources" }, resources.map((each) => el("li", {}, el("strong", {}, each.name), " ",
      each.call && way(`tel:${each.call.replaceAll(" ", "")}`, words.call(each.call)),
      each.text && way(`sms:${each.text.replaceAll(" ", "")}`, words.text(each.text)),
      each.chat_url && way(each.chat_url, words.chat), each.note && el("span", {}, each.note)))));
  function alone(...inside) { // show one state of the page and focus its heading, except on the first call
    stage.replaceChildren(...inside.flat(2).filter(Boolean));
    const heading = stage.querySelector("h1");
    heading.tabIndex = -1;
    if (begun) { heading.focus({ preventScroll: true }); stage.scrollIntoView(); }
    begun = true;
  }
  const show = (...inside) => alone(raised.map((each) => block(each, "crisis")), ...inside); // crisis blocks stay at the top

  // --- the service: a request without a response is repeated with the same key, so nothing is stored twice -------
  async function call(method, path, headers, body) {
    for (let pause = 1; ; pause *= 3) {
      const last = pause > 3;
      try {
        const answer = await fetch(here.server + path, { method, headers, body, credentials: "omit", referrerPolicy: "no-referrer" });
        const told = await answer.json();
        if (answer.ok) { etag = answer.headers.get("etag"); return told; }
        if (last || ![409, 429, 503].includes(answer.status)) throw Object.assign(new Error(told.title), told);
      } catch (error) {
        if (last || error.status) throw error;
      }
      await new Promise((done) => setTimeout(done, pause * 1000));
    }
  }
  const json = { "Content-Type": "application/json" }, bearer = (secret) => ({ Authorization: `Bearer ${secret}` });
  async function save(without = []) { // create a draft, then change it; the access token is stored in this page only
    const given = { answers: {}, contact: {} };
    for (const { linkId, item, inputs } of items.values()) {
      if (inputs.length === 0 || without.includes(linkId)) continue;
      given[item.contact ? "contact" : "answers"][item.contact || linkId] = open.has(linkId) ? answer(linkId) : null;
    }
    if (draft) {
      const headers = { ...json, ...bearer(draft.access_token), "If-Match": "*" };
      return call("PATCH", `/v1/submissions/${draft.id}`, headers, JSON.stringify(given));
    }
    const { id, version, language } = questionnaire;
    const body = JSON.stringify({ questionnaire: id, edition: version, language, status: "draft", ...given });
    if (!keys.has(body)) keys.set(body, crypto.randomUUID());
    const headers = { ...json, ...bearer(here.key), "Idempotency-Key": keys.get(body) };
    return (draft = await call("POST", "/v1/submissions", headers, body));
  }

  // --- which questions are asked: three-valued conditions ---------------------------------------------------------
  // Every comparison with a question that is not asked is false. If it is asked but not answered, or answered with an
  // option that means "not known", the comparison is unknown (null), except one that names that very option.
  const compare = {
    "=": (a, [b]) => a === b, "!=": (a, [b]) => a !== b, in: (a, named) => named.includes(a),
    "<": (a, [b]) => a < b, "<=": (a, [b]) => a <= b, ">": (a, [b]) => a > b, ">=": (a, [b]) => a >= b,
  };
  function truth(when) {
    if ("not" in when) { const inner = truth(when.not); return inner === null ? null : !inner; }
    for (const [kind, settles] of [["all", false], ["any", true]]) {
      const parts = when[kind]?.map(truth);
      if (parts) return parts.includes(settles) ? settles : parts.includes(null) ? null : !settles;
    }
    if (!open.has(when.question)) return false;
    const given = answer(when.question), named = [when.answer].flat(), { silent } = items.get(when.question);
    if (when.operator === "exists") return (given !== null) === when.answer;
    if (given === null) return null;
    if (when.operator.startsWith("has")) {
      return given.some((code) => named.includes(code)) || (given.some((code) => silent.includes(code)) ? null : false);
    }
    return silent.includes(given) && !named.includes(given) ? null : compare[when.operator](given, named);
  }
  function answer(linkId) { // in the format of the API; null if not answered
    const { item, inputs } = items.get(linkId), text = inputs[0].value.trim();
    if (item.type === "string") return text || null;
    if (item.type === "integer") return /^-?\d+$/.test(text) ? Number(text) : text || null;
    const codes = inputs.filter((input) => input.checked).map((input) => input.value);
    if (codes.length === 0) return null;
    return item.type === "boolean" ? codes[0] === "true" : item.repeats ? codes : codes[0];
  }
  const must = (item) => item.required || (item.requiredWhen !== undefined && truth(item.requiredWhen) === true);
  const lacks = ({ linkId, item }) => open.has(linkId) && must(item) && !(item.mustBeTrue ? answer(linkId) : answer(linkId) !== null);
  function look(enough) { // from top to bottom: a condition refers to earlier questions only
    open = new Set();
    for (const { linkId, item, group } of items.values()) {
      if ([group, item].every((each) => !each.enableWhen || enough(truth(each.enableWhen)))) open.add(linkId);
    }
    return open;
  }
  function settle() {
    possible = look((told) => told !== false); // questions that are asked, or may still be
    look((told) => told === true);
    for (const { linkId, item, node, skip } of items.values()) {
      node.hidden = !open.has(linkId);
      if (skip) skip.hidden = must(item);
    }
  }

  // --- questions --------------------------------------------------------------------------------------------------
  function ask(item, group) {
    const linkId = item.linkId, kept = { linkId, item, group, inputs: [], silent: [] };
    items.set(linkId, kept);
    if (item.type === "display") return (kept.node = p("notice", item.text));
    kept.skip = el("span", {}, ` ${words.skip}`);
    kept.error = el("p", { className: "error", id: `${linkId}-error`, hidden: true });
    const hints = [p("hint", item.why, kept.skip), kept.error], described = { "aria-describedby": `${linkId}-error` };
    const input = (props) => { kept.inputs.push(el("input", { id: linkId, name: linkId, ...props })); return kept.inputs.at(-1); };
    if (item.type === "integer" || item.type === "string") {
      const type = { phone: "tel", email: "email" }[item.contact] || "text",
        autocomplete = { name: "name", phone: "tel", email: "email" }[item.contact] || "off";
      const field = input({ type, autocomplete, inputMode: item.type === "integer" ? "numeric" : type, ...described });
      return (kept.node = el("div", { className: "field" }, el("label", { htmlFor: linkId }, item.text), hints, field));
    }
    const options = item.answerOption || Object.entries(item.answerLabel).map(([code, label]) => ({ code, label }));
    kept.silent = options.filter(({ unknown }) => unknown).map(({ code }) => code);
    const rows = options.filter(({ code }) => !item.mustBeTrue || code === "true").map(({ code, label, exclusive }, place) => {
      const type = item.repeats || item.mustBeTrue ? "checkbox" : "radio";
      const box = input({ id: place ? `${linkId}-${place}` : linkId, type, value: code });
      box.onchange = () => { // an exclusive option clears the others, and they clear it
        for (const other of item.repeats ? kept.inputs : []) {
          if (other !== box && (exclusive || other.exclusive)) other.checked = false;
        }
      };
      box.exclusive = exclusive;
      return el("label", { className: "row" }, box, " ", label);
    });
    return (kept.node = el("fieldset", { className: "field", ...described }, el("legend", {}, item.text), hints, rows));
  }
  function section(group) {
    const onsubmit = (event) => { event.preventDefault(); guarded(goOn)(); };
    return el("form", { noValidate: true, onchange: settle, oninput: settle, onsubmit },
      group.item.map((item) => ask(item, group)), el("button", { type: "submit", className: "continue" }, words.go));
  }
  const having = (some) => sections.filter(({ group }) => group.item.some(({ linkId, type }) => type !== "display" && some.has(linkId)));
  const next = () => having(open).find((each) => sections.indexOf(each) > at);
  const before = () => having(open).findLast((each) => sections.indexOf(each) < at);
  function step(to, errors = []) { // show a section, or after the last one the send button
    at = to ? sections.indexOf(to) : sections.length;
    const back = before() && button(words.back, () => step(before()), "secondary");
    if (!to) return show(el("h1", {}, words.sure), p("", words.ready), button(words.send, guarded(finish)), back);
    const { language, languages, reviewed } = questionnaire, unreviewed = language !== languages[0] && !reviewed;
    show(p("part", words.part(having(possible).indexOf(to) + 1, having(possible).length)), el("h1", {}, to.group.text), mistakes(errors),
      unreviewed && p("notice", words.unreviewed), to.form, back);
    if (errors.length) stage.querySelector(".errors").focus();
  }
  const asked = (pointer) => { // the question that /answers/<linkId>… or /contact/<kind> refers to
    const [, where, name] = pointer.split("/");
    return where === "contact" ? [...items.values()].find(({ item }) => item.contact === name) : items.get(name);
  };
  function mistakes(errors) { // show each error beside its question and in a list at the top
    for (const { error, node } of items.values()) if (error) { error.hidden = true; node.classList.remove("wrong"); }
    const lines = errors.map(({ pointer, detail }) => {
      const found = asked(pointer);
      if (!found) return detail;
      Object.assign(found.error, { textContent: detail, hidden: false });
      found.node.classList.add("wrong");
      const onclick = (event) => { event.preventDefault(); found.inputs[0].focus(); };
      return el("a", { href: `#${found.linkId}`, onclick }, `${detail} (${found.item.text})`);
    });
    return lines.length > 0 && el("div", { className: "errors", role: "alert", tabIndex: -1 }, bullets(words.look, lines));
  }

  // --- from section to section, and to the summary ------------------------------------------------------------------
  async function goOn() {
    const from = sections[at], mine = from.group.item.map(({ linkId }) => items.get(linkId));
    const errors = mine.filter(lacks).map(({ linkId }) => ({ pointer: `/answers/${linkId}`, detail: words.required }));
    if (errors.length && !draft) return step(from, errors); // nothing is stored before the first section is complete
    const saved = await save().catch((problem) => {
      if (!problem.errors) throw problem;
      errors.push(...problem.errors); // save the valid answers without the invalid ones
      const faulty = problem.errors.map(({ pointer }) => asked(pointer)?.linkId);
      return draft && !faulty.includes(undefined) ? save(faulty) : { interruptions: raised };
    });
    interrupt(saved.interruptions, () => (errors.length ? step(from, errors) : step(next())));
  }
  async function finish() { // a repeat with the same ETag succeeds if the first response was lost
    const headers = { ...bearer(draft.access_token), "If-Match": etag };
    const sent = await call("POST", `/v1/submissions/${draft.id}/submit`, headers);
    draft = null;
    interrupt(sent.interruptions, () => letter(sent));
  }
  function interrupt(interruptions, onward) { // show new interruptions of kind `page` alone, with one button
    raised = interruptions;
    const fresh = raised.filter(({ kind, rule }) => kind === "page" && !shown.has(rule));
    if (fresh.length === 0) return onward();
    fresh.forEach(({ rule }) => shown.add(rule));
    const number = next() && fresh[0].resources.find((each) => each.call)?.call; // no instruction to call where the form ends
    alone(el("h1", {}, number ? words.call(number) : words.help), fresh.map((each) => block(each, "interruption")),
      button(words.go, onward));
  }
  function letter({ summary, retained_until }) {
    const day = (text) => new Date(text).toLocaleDateString(document.documentElement.lang, { dateStyle: "long" });
    const label = ({ answerOption, answerLabel }, code) =>
      answerOption?.find((option) => option.code === code)?.label ?? answerLabel?.[code] ?? String(code);
    const told = ({ link_id, answer }) => {
      const { item } = items.get(link_id);
      return el("li", {}, item.text, " ", el("strong", {}, [answer].flat().map((code) => label(item, code)).join(", ")));
    };
    const caution = ({ text }) => p("caution", el("strong", {}, words.caution), ": ", text);
    const quotation = (each) => el("figure", {}, // one unit: verbatim text, its source, its cautions
      el("blockquote", { lang: each.lang }, each.exact), each.gist && p("gist", el("em", {}, words.gist), ": ", each.gist),
      el("figcaption", {}, p("source", words.source(each.section), ` (${each.passage}, ${each.start}–${each.end})`), each.cautions.map(caution)));
    const topic = ({ text, because, quotations }) => el("section", { className: "topic" }, p("lead", text),
      because.length > 0 && [p("because", words.because, ":"), el("ul", {}, because.map(told))], quotations.map(quotation));
    show(el("h1", {}, summary.title), el("div", { className: "notice" }, summary.notice.map((line) => p("", line))),
      summary.topics.map(topic), summary.general_cautions.map(caution),
      bullets(words.ask, summary.questions), bullets(words.uncovered, summary.not_covered), p("lead", summary.who_to_talk_to),
      el("h2", {}, words.seen), p("", summary.who_can_see, " ", words.until(day(retained_until))),
      summary.general_cautions.length > 0 && summary.sources.map(({ note }) => p("source", note)),
      p("source", words.made(day(summary.made_at), summary.edition)));
  }

  // --- failures: shown on the page; what was entered stays in the form -------------------------------------------------
  const guarded = (work) => async () => { // one action at a time, however often a button is pressed
    if (stage.ariaBusy === "true") return;
    stage.ariaBusy = "true";
    try { await work(); } catch (problem) { trouble(problem, guarded(work)); }
    stage.ariaBusy = "false";
  };
  function trouble(problem, again) {
    const { status, title, detail, instance, errors } = problem;
    const amiss = errors && sections.find(({ group }) => group.item.includes(asked(errors[0].pointer)?.item));
    if (amiss) return step(amiss, errors);
    if (!status) console.error(problem);
    return show(el("h1", {}, status ? words.failed : words.down), p("", words.kept), button(words.retry, again),
      sections && button(words.back, () => step(sections[at] || before()), "secondary"),
      el("details", {}, el("summary", {}, words.operator), p("", status ? `${title}. ${detail} ${instance}` : words.origin)));
  }
  window.addEventListener("beforeunload", (event) => { if (draft) event.preventDefault(); }); // started and not sent
  guarded(async () => {
    questionnaire = await call("GET", `/v1/questionnaires/${here.questionnaire}`, { "Accept-Language": document.documentElement.lang });
    footer.textContent = questionnaire.footer;
    sections = questionnaire.item.map((group) => ({ group, form: section(group) }));
    settle();
    step(sections[0]);
  })();
})();
