"""The texts that people read: one file per language, keyed by the ids of the other files.

Responsible for: the models of texts/<lang>.yaml.
Never: contains quotations (article.py slices them) or logic.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from app.rules.engine.rule import Strict

PLAIN = (  # the parts that consist of plain strings
    "not_covered", "questions", "sections", "groups", "pages", "rules", "cautions", "gists", "issues",
    "flags",
)  # fmt: skip


CHECKED = "checked"  # key in the validation context: every regular expression is known to compile


class SummaryTexts(Strict):
    """The fixed texts of a summary.

    `{emergency}` and `{crisis}` are placeholders for the numbers of the edition's place.
    """

    title: str
    notice: tuple[str, ...]
    who_to_talk_to: str
    footer: str
    because: str
    quotation_source: str
    caution: str
    sources: str
    source: str
    who_can_see: str
    who_can_see_text: str
    kept_until: str
    made: str
    gist: str
    not_covered: str | None = None
    questions: str | None = None
    help: str
    call: str
    text: str
    chat: str


class ItemTexts(Strict):
    text: str
    why: str | None = None
    options: dict[str, str] = Field(default_factory=dict)
    yes: str | None = None
    no: str | None = None


class ResourceTexts(Strict):
    name: str
    note: str | None = None


def _regex(pattern: str, info: ValidationInfo) -> str:
    if info.context and info.context.get(CHECKED):
        return pattern  # these bytes were checked before publication; compiling takes 0.1 s
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"this regular expression can't be read ({error})") from error
    return pattern


class Banned(Strict):
    id: str
    bans: str
    regex: Annotated[str, AfterValidator(_regex)]


class Texts(Strict):
    """texts/<lang>.yaml. `reviewed_by`: who signed it off; null is shown as not yet reviewed.

    `not_covered`: what the article doesn't cover. `questions`: questions for a clinician, by group of topics.
    """

    language: str
    direction: Literal["ltr", "rtl"]
    reviewed_by: str | None
    title: str | None = None
    summary: SummaryTexts
    not_covered: tuple[str, ...] = ()
    questions: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    sections: dict[str, str]
    groups: dict[str, str]
    pages: dict[str, str]
    items: dict[str, ItemTexts]
    rules: dict[str, str]
    cautions: dict[str, str]
    gists: dict[str, str] = Field(default_factory=dict)
    crisis: dict[str, ResourceTexts]
    issues: dict[str, str]
    flags: dict[str, str]
    names_of_conditions: tuple[str, ...] = ()
    banned_phrases: tuple[Banned, ...]

    def authored_strings(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield every string that a person may read, with the path of keys that leads to it."""
        yield from _strings(("title",), self.title)
        yield from _strings(("summary",), self.summary.model_dump())
        for part in PLAIN:
            yield from _strings((part,), getattr(self, part))
        for part in ("items", "crisis"):
            for name, words in getattr(self, part).items():
                yield from _strings((part, name), words.model_dump())


def _strings(path: tuple[str, ...], value: object) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings((*path, str(key)), inner)
    elif isinstance(value, tuple):
        for place, inner in enumerate(value):
            yield from _strings((*path, str(place)), inner)
