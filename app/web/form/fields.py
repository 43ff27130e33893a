"""Form fields: questions as template data, and form values as answers.

Responsible for: converting items, texts and saved answers into template data, and submitted values back
into answers. Never: validates a value (the edition does), and never shows a saved contact detail in full.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.rules.engine.answers import Issue
from app.rules.engine.edition import Edition
from app.rules.engine.questionnaire import Item
from app.rules.engine.texts import ItemTexts
from app.services.submissions.form_sessions import FormPageInput
from app.web.form.navigation import Flow
from app.web.html.form_security import Fields, first
from app.web.html.summary_view import answer_text
from app.web.html.templates import translations

Json = dict[str, Any]
NUMBER = re.compile(r"-?[0-9]{1,6}")
CONTACT = {"name": ("text", "name", ""), "phone": ("tel", "tel", "tel"), "email": ("email", "email", "email")}


@dataclass(frozen=True, slots=True)
class SubmittedValues:
    """What a form shows again after it was sent: raw values and error messages by linkId."""

    values: Fields
    errors: Mapping[str, str] = field(default_factory=dict)


def questions(
    flow: Flow, group: Item, language: str, typed: SubmittedValues | None = None, *, begun: bool = False
) -> list[Json]:
    """The questions of one page, with the values of `typed` if given, otherwise the saved answers.

    If no answer of the page is saved yet, enabled questions start with their `initial`, unless `begun`.
    """
    edition, assessment = flow.assessment.edition, flow.assessment
    untouched = not begun and not any(item.link_id in flow.answers for item in group.item)
    made = []
    for item, when in flow.shown(group):
        begins = item.initial if untouched and item.link_id in assessment.enabled else None
        saved = _saved(flow.answers.get(item.link_id, begins))
        values = typed.values.get(item.link_id, []) if typed else saved
        shown = _field(group, item, edition, language, values, assessment.record.contact)
        shown["hidden"] = item.link_id not in assessment.enabled
        shown["when"] = json.dumps(when, separators=(",", ":")) if when else ""
        shown["error"] = typed.errors.get(item.link_id, "") if typed else ""
        made.append(shown)
    return made


def first_page_questions(
    edition: Edition, group: Item, language: str, typed: SubmittedValues | None = None
) -> list[Json]:
    """The questions of the first page, before a draft exists."""
    enabled = edition.enabled({})
    made = []
    for item in group.item:
        if item.link_id in enabled:
            values = typed.values.get(item.link_id, []) if typed else _saved(item.initial)
            shown = _field(group, item, edition, language, values, {})
            error = typed.errors.get(item.link_id, "") if typed else ""
            made.append(shown | {"hidden": False, "when": "", "error": error})
    return made


def _field(
    group: Item,
    item: Item,
    edition: Edition,
    language: str,
    values: Sequence[str],
    contact: Mapping[str, str],
) -> Json:
    words = edition.phrasebooks[language].items[item.link_id]
    _ = translations(language).gettext
    skippable = _("You can skip this question.") if item.repeats or item.type in ("integer", "string") else ""
    made: Json = {
        "id": anchor(group, item.link_id),
        "name": item.link_id,
        "kind": _kind(item),
        "text": words.text,
        "hints": [each for each in (words.why, "" if _must(item) else skippable) if each],
        "options": [],
        "value": values[0] if values else "",
        "kept": "",
    }
    if item.type == "display":
        made["hints"] = []
    if item.type == "integer":
        made |= {"type": "text", "autocomplete": "", "inputmode": "numeric"}
        made["hints"] = [*made["hints"][:1], _range(item, _), *made["hints"][1:]]
    elif item.contact:
        kind, autocomplete, inputmode = CONTACT[item.contact]
        made |= {"type": kind, "autocomplete": autocomplete, "inputmode": inputmode}
        if item.contact in contact:
            masked = mask(item.contact, contact[item.contact], language)
            made |= {"kept": masked, "remove": _("Take out what I gave before")}
            made["hints"] = [*made["hints"], _("We have: %s. Leave this empty to keep it.") % masked]
    elif item.type == "boolean" or item.answer_option:
        made["options"] = list(_options(item, words, values, _("Skip this question")))
    return made


def _kind(item: Item) -> str:
    if item.type == "boolean":
        return "checks" if item.must_be_true else "radios"
    kinds = {"display": "display", "integer": "number", "string": "text"}
    return kinds.get(item.type, "checks" if item.repeats else "radios")


def _must(item: Item) -> bool:
    return item.required or item.required_when is not None


def _range(item: Item, _: Any) -> str:
    if item.min_value is None or item.max_value is None:
        return str(_("Write a number."))
    return str(_("Write a number from %(min)s to %(max)s.")) % {"min": item.min_value, "max": item.max_value}


def _options(item: Item, words: ItemTexts, values: Sequence[str], skip: str) -> Iterator[Json]:
    if item.type == "boolean":
        named = [("true", words.yes)] if item.must_be_true else [("true", words.yes), ("false", words.no)]
        for code, label in named:
            yield _option(code, str(label), values)
        return
    for option in item.answer_option:
        marks = {"exclusive": option.exclusive, "unknown": option.unknown}
        yield _option(option.code, words.options[option.code], values) | marks
    if not item.repeats and not _must(item):
        yield _option("", skip, values)


def _option(code: str, label: str, values: Sequence[str]) -> Json:
    checked = code in values and bool(code)
    return {"code": code, "label": label, "checked": checked, "exclusive": False, "unknown": False}


def _saved(answer: Any) -> list[str]:
    if answer is None:
        return []
    if isinstance(answer, bool):
        return [str(answer).lower()]
    return [str(code) for code in answer] if isinstance(answer, list | tuple) else [str(answer)]


def mask(kind: str, value: str, language: str) -> str:
    """A contact detail, shortened, but enough for its owner to recognise it."""
    _ = translations(language).gettext
    if kind == "phone":
        digits = "".join(filter(str.isdigit, value))
        return str(_("a number that ends in %s")) % digits[-2:]
    if kind == "email":
        return f"{value[0]}…@{value.rpartition('@')[2]}"
    return f"{value[0]}…"


def parse_page(
    group: Item, given: Fields, contact: Mapping[str, str]
) -> tuple[FormPageInput, Fields, frozenset[str]]:
    """The content of a page's form: answers and contact details, the raw values, and the linkIds it asked."""
    asked = frozenset(given.get("asked", ()))
    answers: dict[str, object] = {}
    details: dict[str, object] = {}
    for item in group.item:
        if item.link_id not in asked or not item.is_question:
            continue
        if item.contact:
            value = first(given, item.link_id).strip()
            removed = item.link_id in given.get("remove", ())
            if value or removed or item.contact not in contact:
                details[item.contact] = value or None
        else:
            answers[item.link_id] = _value(item, [each for each in given.get(item.link_id, ()) if each])
    return FormPageInput(answers, details), given, asked


def _value(item: Item, values: Sequence[str]) -> object:
    """The submitted value as JSON; a value that can't be parsed stays text, so that validation reports it."""
    if not values:
        return None
    if item.repeats:
        return list(values)
    text = values[0].strip()
    if item.type == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if item.type == "integer":
        return int(text) if NUMBER.fullmatch(text) else text or None
    return text


def error_messages(
    edition: Edition, group: Item, issues: Sequence[Issue], missing: Sequence[str], language: str
) -> dict[str, str]:
    """The error message for each invalid or missing answer, by linkId, in page order."""
    contacts: dict[str, str] = {item.contact: item.link_id for item in group.item if item.contact}
    found: dict[str, str] = {}
    for issue in issues:
        _, part, name, *_rest = issue.pointer.split("/")
        link_id = contacts.get(name, name) if part == "contact" else name
        found.setdefault(link_id, edition.message_for(issue, language))
    found = unanswered(edition, missing, language) | found
    return {item.link_id: found[item.link_id] for item in group.item if item.link_id in found}


def anchor(group: Item, name: str) -> str:
    """The element id of a question on its page; it appears in the address bar, and reveals no content."""
    return f"q{1 + next(place for place, item in enumerate(group.item) if item.link_id == name)}"


def error_summary(edition: Edition, group: Item, errors: Mapping[str, str], language: str) -> list[Json]:
    """The errors for the error summary at the top of the page, each with a link to its question."""
    items = edition.phrasebooks[language].items
    return [
        {"target": anchor(group, name), "words": f"{shorten(items[name].text)}: {words}"}
        for name, words in errors.items()
    ]


def shorten(text: str) -> str:
    """A question shortened for a list: its first sentence without final punctuation, about 60 characters."""
    first = re.split(r"(?<=[.?!])\s", text)[0].rstrip(".?!:")
    return first if len(first) <= 60 else f"{first[:57].rsplit(' ', 1)[0]} …"


def unanswered(edition: Edition, missing: Sequence[str], language: str) -> dict[str, str]:
    """The error message for each required question without an answer, by linkId."""
    return {
        name: edition.message_for(Issue(f"/answers/{name}", _missing_code(edition, name)), language)
        for name in missing
    }


def _missing_code(edition: Edition, name: str) -> str:
    return "must_be_true" if edition.asked.by_id[name].must_be_true else "required"


def rows(flow: Flow, group: Item, language: str) -> Iterator[tuple[str, str, str]]:
    """(linkId, question, answer as text or "") of each enabled question of a page."""
    edition, contact = flow.assessment.edition, flow.assessment.record.contact
    for item in group.item:
        if not item.is_question or item.link_id not in flow.assessment.enabled:
            continue
        answer = ""
        if item.contact in contact and item.contact:
            answer = mask(item.contact, contact[item.contact], language)
        elif item.link_id in flow.answers:
            answer = answer_text(edition, language, link_id=item.link_id, answer=flow.answers[item.link_id])
        yield item.link_id, edition.phrasebooks[language].items[item.link_id].text, answer
