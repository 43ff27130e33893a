"""Checks the quotations: every passage matches the article, overlaps no other and has its cautions.

Responsible for: checking article.yaml against article.txt.
Never: corrects anything; a changed article needs a new edition.
"""

import hashlib
from collections.abc import Iterator
from itertools import pairwise

from app.rules.authoring.edition_files import Draft, LintError
from app.rules.engine.article import Heading, Passage


def check_article(draft: Draft) -> Iterator[LintError]:
    """Yield every finding about bytes, offsets, passages and cautions."""
    for check in (_quotes, _passages, _cautions):
        yield from check(draft)


def _quotes(draft: Draft) -> Iterator[LintError]:
    meta, text = draft.article.article, draft.article_text
    say = draft.location("article", ("article",))
    if hashlib.sha256(draft.article_bytes).hexdigest() != meta.sha256:
        yield say("The article's SHA-256 disagrees; a changed article needs a new edition with new offsets.")
    if (len(draft.article_bytes), len(text)) != (meta.bytes, meta.code_points):
        yield say(f"The article has {len(draft.article_bytes)} bytes and {len(text)} code points.")
    pieces_of: tuple[tuple[str, tuple[Passage | Heading, ...]], ...] = (
        ("passages", draft.article.passages),
        ("headings", draft.article.headings),
    )
    for kind, pieces in pieces_of:
        for index, piece in enumerate(pieces):
            found = text[piece.start : piece.end]
            if found != piece.exact:
                at = (kind, index)
                yield draft.finding(
                    "article", at, f"{piece.id} does not match the article, which reads {found!r}."
                )


def _passages(draft: Draft) -> Iterator[LintError]:
    article = draft.article
    sections = {"intro"} | {heading.id for heading in article.headings}
    ids = {passage.id for passage in article.passages}
    for index, passage in enumerate(article.passages):
        say = draft.location("article", ("passages", index))
        if passage.section not in sections:
            yield say(f"{passage.id} stands in {passage.section}, which is neither intro nor a heading.")
        if not set(passage.only_with) <= ids:
            yield say(f"{passage.id} goes only with a passage that is not there.")
    for one, other in pairwise(sorted(article.passages, key=lambda each: each.start)):
        if one.end > other.start:
            yield draft.finding("article", ("passages",), f"{one.id} and {other.id} overlap.")


def _cautions(draft: Draft) -> Iterator[LintError]:
    article = draft.article
    for index, passage in enumerate(article.passages):
        say = draft.location("article", ("passages", index))
        if passage.policy == "with_caution" and not passage.cautions:
            yield say(f"{passage.id} may be quoted only with a caution, and names none.")
        for name in passage.cautions:
            if name not in article.cautions:
                yield say(f"{passage.id} names the caution {name}, which `cautions` does not list.")
    for name, caution in article.cautions.items():
        for source in caution.basis:
            if source not in article.sources:
                yield draft.finding(
                    "article", ("cautions", name), f"{name} rests on {source}, which is not listed."
                )
    for name in article.general_cautions:
        if name not in article.cautions:
            yield draft.finding("article", ("general_cautions",), f"There is no caution {name}.")
