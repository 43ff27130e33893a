"""The article as staff see it: every passage with its policy.

Responsible for: the passages in order, under their headings. Never: shows a passage that is not for patients
without saying so.
"""

from typing import Any

from fastapi import APIRouter, Request, Response

from app.errors import NotFound
from app.rules.engine.edition import Edition
from app.web.dependencies import get_services
from app.web.staff.access_control import StaffRoute, permission
from app.web.staff.case_view import POLICIES
from app.web.staff.layout import show

router = APIRouter(include_in_schema=False, route_class=StaffRoute)
Json = dict[str, Any]


@router.get("/staff/articles/{article}")
@permission("case")
async def read(request: Request, article: str) -> Response:
    """The article's passages with their policies, cautions and reasons."""
    edition = get_services(request).library.article(article)
    if edition is None:
        raise NotFound("There is no such article.")
    return show(
        request,
        "staff/article.html",
        article=edition.article.article,
        edition=f"{edition.id} {edition.version}",
        reviewed=bool(edition.meta.reviewed_by),
        sections=_sections(edition),
        general=[each["text"] for each in _words(edition).general_cautions],
    )


def _words(edition: Edition) -> Any:
    return edition.phrasebooks[edition.languages[0]]


def _sections(edition: Edition) -> list[tuple[str, list[Json]]]:
    """Headings with their passages, in the order of the article."""
    headings = {each.id: each.exact for each in edition.article.headings}
    cited = {name: [rule.id for rule in edition.book.rules if name in rule.cites] for name in _names(edition)}
    found: dict[str, list[Json]] = {}
    for passage in sorted(edition.article.passages, key=lambda each: each.start):
        words = _words(edition).quotations[passage.id]
        found.setdefault(headings.get(passage.section, "Introduction"), []).append(
            words
            | {
                "policy": passage.policy,
                "label": POLICIES[passage.policy],
                "strength": passage.strength,
                "reason": passage.reason,
                "rules": cited[passage.id],
            }
        )
    return list(found.items())


def _names(edition: Edition) -> list[str]:
    return [each.id for each in edition.article.passages]
