"""The article and its passages: half-open code-point offsets into a text that is pinned by its SHA-256.

Responsible for: the models of article.yaml and verbatim slices of the text.
Never: retypes, joins, trims or normalises the text.
"""

import datetime as dt
from typing import Literal

from pydantic import Field

from app.rules.engine.condition import Condition
from app.rules.engine.rule import Mode, Strict

Policy = Literal["as_is", "with_caution", "never"]
CONTEXT = 32  # code points of prefix and suffix, as in the W3C TextQuoteSelector


class ArticleMeta(Strict):
    id: str
    title: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int
    code_points: int
    published: dt.date | None
    lang: str
    provenance: str


class Heading(Strict):
    id: str
    start: int
    end: int
    exact: str


class Passage(Strict):
    """A sentence or list item, and how it may be used.

    `only_with`: the passage is cited only together with one of these. `only_if`: the passage is shown only
    while this condition is true.
    """

    id: str
    start: int
    end: int
    section: str
    policy: Policy
    cautions: tuple[str, ...] = ()
    only_with: tuple[str, ...] = ()
    only_if: Condition | None = None
    tags: tuple[str, ...] = ()
    strength: str
    reason: str
    exact: str

    def may_be_cited(self, mode: Mode) -> bool:
        """Return True if respondents may see the passage in this mode; always False for `never` passages."""
        return self.policy in {"full": ("as_is", "with_caution"), "limited": ("as_is",), "none": ()}[mode]


class CautionMeta(Strict):
    basis: tuple[str, ...]
    review_by: dt.date


class Article(Strict):
    """article.yaml: the article, the offsets of its passages, who may see them, and with which cautions."""

    article: ArticleMeta
    sources: dict[str, str]
    headings: tuple[Heading, ...]
    passages: tuple[Passage, ...]
    cautions: dict[str, CautionMeta]
    general_cautions: tuple[str, ...]

    def context(self, text: str, passage: Passage) -> tuple[str, str]:
        """Return up to 32 code points before and after `passage` that belong to no other passage.

        The words of another passage, even a part of them, are never shown without that passage's own
        cautions.
        """
        before = max((other.end for other in self.passages if other.end <= passage.start), default=0)
        after = min((other.start for other in self.passages if other.start >= passage.end), default=len(text))
        prefix = text[max(before, passage.start - CONTEXT) : passage.start]
        return prefix, text[passage.end : min(after, passage.end + CONTEXT)]

    def place(self, passage: Passage) -> tuple[int, int]:
        """Return (section, sentence): section 0 is the introduction; sentences start at 1 in each section."""
        sections = [heading.id for heading in self.headings]
        number = sections.index(passage.section) if passage.section in sections else 0
        before = [other for other in self.passages if other.section == passage.section]
        return number, 1 + sum(other.start < passage.start for other in before)
