"""Lists of submissions for API clients: newest first, or oldest change first.

Responsible for: one scan along the index of the most selective filter. Never: pages by offset, or scans
without limit where few rows match all filters: after `MOST_LOOKED` rows a page ends and returns the place
to continue from.
"""

import datetime as dt
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.storage.db.database import Session
from app.storage.submissions.submissions import PLAIN, SubmissionRow
from app.storage.tables.submissions import submissions

MAX_SCANNED = 1000
INDEXED = ("booking_reference", "assignee_id", "priority", "status")  # the most selective first
Condition = sa.ColumnElement[bool]
Place = tuple[str, ...]  # the id of a row, preceded by the time of its last change where that is the order
_row = submissions.c


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which submissions a list asks for: exact filters, and the place to continue after."""

    limit: int
    test: bool
    status: str | None = None
    priority: int | None = None
    booking_reference: str | None = None
    review: str | None = None
    assignee_id: str | None = None
    updated_after: dt.datetime | None = None
    after: Place | None = None

    @property
    def order(self) -> tuple[sa.ColumnElement[Any], ...]:
        """The sort order. Ids sort by the time a submission was started."""
        if self.updated_after is None:
            return (_row.id.desc(),)
        return _row.updated_at, _row.id

    def place(self, updated_at: dt.datetime, name: str) -> Place:
        """Return the place of a row in that order."""
        return (name,) if self.updated_after is None else (updated_at.isoformat(), name)


@dataclass(frozen=True, slots=True)
class SubmissionPage:
    """Some rows, and the place the next ones come after, or None when these are the last."""

    rows: tuple[SubmissionRow, ...]
    next_cursor: Place | None


def list_page(session: Session, page: ListQuery) -> SubmissionPage:
    """Return one page: newest first, or oldest change first when `updated_after` is given.

    Where few rows match, the page may hold fewer rows than its limit, or none, and still have a next page.
    """
    along, beside = _asked(page)
    end = _end(session, page, along) if beside else None
    asked = sa.select(*(_row[name] for name in PLAIN)).where(*along, *beside)
    if end:
        asked = asked.where(_compared(page, end, operator.ge, operator.le))
    found = session.execute(asked.order_by(*page.order).limit(page.limit + 1)).mappings()
    rows = [SubmissionRow(**row) for row in found]
    if len(rows) <= page.limit:
        return SubmissionPage(tuple(rows), end)
    last = rows[page.limit - 1]
    return SubmissionPage(tuple(rows[: page.limit]), page.place(last.updated_at, last.id))


def _end(session: Session, page: ListQuery, along: tuple[Condition, ...]) -> Place | None:
    """Return the place at which the scan stops after `MOST_LOOKED` rows, or None when there are fewer."""
    names = (_row.id,) if page.updated_after is None else (_row.updated_at, _row.id)
    asked = sa.select(*names).where(*along).order_by(*page.order).offset(MAX_SCANNED - 1).limit(1)
    row = session.execute(asked).first()
    return None if row is None else page.place(row[0], row[-1])


def _asked(page: ListQuery) -> tuple[tuple[Condition, ...], tuple[Condition, ...]]:
    """Return the conditions that one index covers, and the others, written so that no other index is used
    for them.
    """
    values = {name: value for name in (*INDEXED, "review") if (value := getattr(page, name)) is not None}
    along = list(_along(page))
    first = next((name for name in INDEXED if name in values), None)
    if first and page.updated_after is None:
        along.append(_row[first] == values.pop(first))
    return tuple(along), tuple(_hidden(name) == value for name, value in values.items())


def _along(page: ListQuery) -> Iterator[Condition]:
    yield _row.is_test == page.test
    if page.updated_after is not None:
        yield _row.updated_at > page.updated_after
    if page.after:
        yield _compared(page, page.after, operator.lt, operator.gt)


def _compared(
    page: ListQuery, place: Place, falling: Callable[[Any, Any], Any], rising: Callable[[Any, Any], Any]
) -> Condition:
    """Return the condition for rows on one side of a place; which side depends on the sort order."""
    if page.updated_after is None:
        return sa.type_coerce(falling(_row.id, place[0]), sa.Boolean)
    at = dt.datetime.fromisoformat(place[0])
    return sa.type_coerce(rising(sa.tuple_(_row.updated_at, _row.id), (at, place[1])), sa.Boolean)


def _hidden(name: str) -> sa.ColumnElement[Any]:
    return sa.func.coalesce(_row[name], 0 if name == "priority" else "")
