"""Checks whether answers are valid for a questionnaire, and reports all issues at once.

Responsible for: types, options, ranges, lengths, and what is required.
Never: interprets answers (the rules do) or contains texts (they are in texts/).
Stable codes: unknown_question contact_item wrong_type not_an_option exclusive_option duplicate_option
too_small too_large too_long bad_format required must_be_true.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from app.rules.engine.condition import Answer, Answers
from app.rules.engine.questionnaire import Item, Questionnaire

CODES = (
    "unknown_question", "contact_item", "wrong_type", "not_an_option", "exclusive_option", "duplicate_option",
    "too_small", "too_large", "too_long", "bad_format", "required", "must_be_true",
)  # fmt: skip

FORMATS = {
    "name": re.compile(r"[^\x00-\x1f\x7f]*"),
    "phone": re.compile(r"(?=(?:\D*\d){7})\+?[0-9 ().x/-]+"),
    "email": re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f.]+"),
}
LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")  # JSON can contain one; UTF-8 and a digest can't


@dataclass(frozen=True, slots=True)
class Issue:
    """One error: RFC 6901 pointer from the root of the request body, stable code, values for the message."""

    pointer: str
    code: str
    figures: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """The valid answers in reading order, options in the questionnaire's order; errors are in `issues`."""

    answers: Answers
    contact: Mapping[str, str]
    enabled: frozenset[str]
    missing: tuple[str, ...]
    issues: tuple[Issue, ...]


def validate(
    questionnaire: Questionnaire,
    answers: Mapping[str, object],
    contact: Mapping[str, object],
    *,
    complete: bool,
) -> ValidationResult:
    """Return every issue of `answers` (linkId to JSON value) and `contact` (name, phone, email).

    `complete`: the answers are to be submitted, so everything required must be present. null and [] mean no
    answer.
    Contact details count only while their question is enabled; otherwise they are discarded.
    """
    accepted: dict[str, Answer] = {}
    issues: list[Issue] = []
    for name, value in answers.items():
        item = questionnaire.questions.get(name)
        if item and value in (None, [], ()):
            continue
        found_issues = (
            [] if item and accepts(item, value) else list(_answer_issues(questionnaire, name, value))
        )
        issues += found_issues
        if item and not found_issues:
            accepted[name] = _frozen(item, value)
    good = {name: accepted[name] for name in questionnaire.order(accepted)}
    faulty = {issue.pointer.split("/")[2] for issue in issues}
    enabled = questionnaire.enabled(good)
    missing = questionnaire.missing(good, enabled)
    if complete:
        issues += [
            Issue(f"/answers/{name}", "must_be_true" if name in good else "required")
            for name in missing
            if name not in faulty
        ]
    items = questionnaire.contact_items
    reachable = {kind: text for kind, text in contact.items() if kind not in items or text not in (None, "")}
    issues += [
        issue for kind, text in reachable.items() for issue in _contact_issues(questionnaire, kind, text)
    ]
    valid = {
        kind: str(text)
        for kind, text in reachable.items()
        if kind in items and items[kind].link_id in enabled
    }
    return ValidationResult(good, valid, enabled, missing, tuple(issues))


def accepts(item: Item, value: object) -> bool:
    """Return True if the value is clearly a valid answer to a choice question.

    False doesn't mean that it is invalid: `issues_of` decides.
    """
    if item.repeats:
        return (
            isinstance(value, list)
            and all(isinstance(code, str) and code in item.codes for code in value)
            and (len(value) == 1 or (len(set(value)) == len(value) and item.exclusive.isdisjoint(value)))
        )
    return item.type == "choice" and isinstance(value, str) and value in item.codes


def escape_pointer_token(name: str) -> str:
    """Return `name` as one token of a JSON pointer (RFC 6901 section 3).

    Characters that UTF-8 can't encode become backslash escapes.
    """
    return name.encode(errors="backslashreplace").decode().replace("~", "~0").replace("/", "~1")


def _answer_issues(questionnaire: Questionnaire, name: str, value: object) -> Iterator[Issue]:
    pointer = f"/answers/{escape_pointer_token(name)}"
    item = questionnaire.by_id.get(name)
    if item is None or not item.is_question:
        yield Issue(pointer, "unknown_question")
    elif item.contact:
        yield Issue(pointer, "contact_item", {"kind": item.contact})
    else:
        yield from validate_value(item, pointer, value)


def validate_value(item: Item, pointer: str, value: object) -> Iterator[Issue]:
    """Yield the issues of a value as the answer to a question."""
    return _CHECKS["repeats" if item.repeats else item.type](item, pointer, value)


def _boolean(item: Item, pointer: str, value: object) -> Iterator[Issue]:
    if not isinstance(value, bool):
        yield Issue(pointer, "wrong_type", {"wanted": "boolean"})


def _choice(item: Item, pointer: str, value: object) -> Iterator[Issue]:
    if not isinstance(value, str):
        yield Issue(pointer, "wrong_type", {"wanted": "string"})
    elif value not in item.codes:
        yield Issue(pointer, "not_an_option")


def _choices(item: Item, pointer: str, value: object) -> Iterator[Issue]:
    if not isinstance(value, list | tuple):
        yield Issue(pointer, "wrong_type", {"wanted": "array"})
        return
    for place, code in enumerate(value):
        yield from _choice(item, f"{pointer}/{place}", code)
    codes = [code for code in value if isinstance(code, str)]
    if len(set(codes)) < len(codes):
        yield Issue(pointer, "duplicate_option")
    alone = next((code for code in codes if code in item.exclusive), None)
    if alone and len(set(codes)) > 1:
        yield Issue(pointer, "exclusive_option", {"option": alone})


def _integer(item: Item, pointer: str, value: object) -> Iterator[Issue]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield Issue(pointer, "wrong_type", {"wanted": "integer"})
    elif item.min_value is not None and value < item.min_value:
        yield Issue(pointer, "too_small", {"min": item.min_value})
    elif item.max_value is not None and value > item.max_value:
        yield Issue(pointer, "too_large", {"max": item.max_value})


def _string(item: Item, pointer: str, value: object) -> Iterator[Issue]:
    if not isinstance(value, str):
        yield Issue(pointer, "wrong_type", {"wanted": "string"})
    elif item.max_length is not None and len(value) > item.max_length:
        yield Issue(pointer, "too_long", {"max": item.max_length})
    elif LONE_SURROGATE.search(value):
        yield Issue(pointer, "bad_format")


def _contact_issues(questionnaire: Questionnaire, kind: str, value: object) -> Iterator[Issue]:
    pointer = f"/contact/{escape_pointer_token(kind)}"
    item = questionnaire.contact_items.get(kind)
    if item is None:
        yield Issue(pointer, "unknown_question")
        return
    found_issues = list(_string(item, pointer, value))
    yield from found_issues
    if not found_issues and not FORMATS[kind].fullmatch(str(value)):
        yield Issue(pointer, "bad_format")


def _frozen(item: Item, value: object) -> Answer:
    if isinstance(value, list | tuple):
        return tuple(sorted(value, key=item.codes.__getitem__))
    assert isinstance(value, bool | int | str)  # noqa: S101 - the checks above accept nothing else
    return value


_CHECKS: dict[str, Callable[[Item, str, object], Iterator[Issue]]] = {
    "boolean": _boolean, "choice": _choice, "repeats": _choices, "integer": _integer, "string": _string,
}  # fmt: skip
