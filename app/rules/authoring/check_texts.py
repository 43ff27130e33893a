"""Checks the texts: every id has a text in every language, and every placeholder has a value.

Responsible for: checking texts/<lang>.yaml against the other files. Never: checks style (lint.py does).
"""

from collections.abc import Iterable, Iterator
from string import Formatter

from app.rules.authoring.edition_files import Draft, LintError
from app.rules.engine.answers import CODES

FILLED: dict[tuple[str, ...], set[str]] = {
    ("summary", "source"): {"title", "sha256"},
    ("summary", "quotation_source"): {"section"},
    ("summary", "made"): {"date", "edition"},
    ("summary", "kept_until"): {"retained_until"},
    ("summary", "call"): {"number"},
    ("summary", "text"): {"number"},
    ("issues", "exclusive_option"): {"option"},
    ("issues", "too_small"): {"min"},
    ("issues", "too_large"): {"max"},
    ("issues", "too_long"): {"max"},
    ("issues", "contact_item"): {"kind"},
    ("sections", "section"): {"n", "m"},
    ("sections", "intro"): {"m"},
}  # the placeholders allowed in each text


def check_words(draft: Draft) -> Iterator[LintError]:
    """Yield every finding about missing texts, unused texts and placeholders without a value."""
    for language in draft.meta.languages:
        if language not in draft.texts:
            yield draft.finding("edition", ("languages",), f"texts/{language}.yaml is missing.")
    for language, texts in draft.texts.items():
        if texts.language != language:
            message = f"This file is called {language} and says it is {texts.language}; make them agree."
            yield draft.finding(f"texts/{language}", ("language",), message)
        for part, wanted in _wanted(draft).items():
            yield from _compared(draft, language, part, wanted)
        yield from _options(draft, language)
        yield from _placeholders(draft, language)
        yield from _headed(draft, language)
        yield from _gists(draft, language)


def _wanted(draft: Draft) -> dict[str, Iterable[str]]:
    items = draft.questionnaire.by_id.values()
    return {
        "sections": ("section", "intro"),
        "groups": draft.book.groups,
        "pages": [item.link_id for item in items if item.type == "group"],
        "items": [item.link_id for item in items if item.type != "group"],
        "rules": [rule.id for rule in draft.book.rules],
        "cautions": draft.article.cautions,
        "crisis": [resource.id for resource in draft.crisis.resources],
        "issues": CODES,
        "flags": [flag.id for flag in draft.meta.flags],
    }


def _compared(draft: Draft, language: str, part: str, wanted: Iterable[str]) -> Iterator[LintError]:
    file, given, names = f"texts/{language}", getattr(draft.texts[language], part), set(wanted)
    for name in sorted(names - given.keys()):
        yield draft.finding(file, (part,), f"The words for {part}.{name} are missing; add them.")
    for name in sorted(given.keys() - names):
        yield draft.finding(
            file, (part, name), f"Nothing is called {name}; take the words out or correct the id."
        )


def _headed(draft: Draft, language: str) -> Iterator[LintError]:
    """Check the optional lines of the summary: they need a heading, and their groups must exist."""
    file, texts = f"texts/{language}", draft.texts[language]
    for part in ("not_covered", "questions"):
        if bool(getattr(texts, part)) is not bool(getattr(texts.summary, part)):
            yield draft.finding(file, ("summary",), f"{part} needs lines and, in summary, a heading.")
    for group in texts.questions:
        if group not in draft.book.groups:
            yield draft.finding(file, ("questions", group), f"There is no group {group} to ask about.")


def _gists(draft: Draft, language: str) -> Iterator[LintError]:
    """Check that gists belong to passages that may be quoted; a language has all of them or none."""
    file, given = f"texts/{language}", draft.texts[language].gists
    citable = {passage.id for passage in draft.article.passages if passage.policy != "never"}
    for name in sorted(given.keys() - citable):
        yield draft.finding(file, ("gists", name), f"{name} is no passage that may be quoted; take it out.")
    for name in sorted(citable - given.keys()) if given else ():
        yield draft.finding(file, ("gists",), f"The gist of {name} is missing; add it.")


def _options(draft: Draft, language: str) -> Iterator[LintError]:
    file = f"texts/{language}"
    for name, item in draft.questionnaire.by_id.items():
        words = draft.texts[language].items.get(name)
        if words is None:
            continue
        for code in sorted(item.codes.keys() ^ words.options.keys()):
            side = "has no words" if code in item.codes else "is no option"
            yield draft.finding(file, ("items", name), f"{name}: {code} {side}.")
        if item.type == "boolean" and not (words.yes and words.no):
            yield draft.finding(file, ("items", name), f"{name} needs words for yes and no.")


def _placeholders(draft: Draft, language: str) -> Iterator[LintError]:
    for path, words in draft.texts[language].authored_strings():
        try:
            names = {name for _, name, _, _ in Formatter().parse(words) if name is not None}
        except ValueError as error:
            names = {str(error)}
        strange = names - _allowed(path)
        if strange:
            what = ", ".join(sorted(strange))
            yield draft.finding(f"texts/{language}", path, f"Nothing fills the place {{{what}}} here.")


def _allowed(path: tuple[str, ...]) -> set[str]:
    numbers = (
        {"emergency", "crisis"}
        if path[0] in ("rules", "items") or path[:2] == ("summary", "footer")
        else set()
    )
    return FILLED.get(path[:2], set()) | numbers
