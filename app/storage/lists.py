"""Lists of submissions for programs: the newest first, or the oldest change first.

Office: one walk along the index of the filter that narrows most. Refuses: pages by offset, and to walk on and
on where filters have little in common: after `MOST_LOOKED` rows a page ends, and says where to go on.
"""

import datetime as dt
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.storage.database import Session
from app.storage.submissions import PLAIN, Listed
from app.storage.tables import submissions

MOST_LOOKED = 1000
INDEXED = ("booking_reference", "assignee_id", "attention", "status")  # what narrows most comes first
Condition = sa.ColumnElement[bool]
Place = tuple[str, ...]  # the id of a row; the time of its change before it where the order goes by that
_row = submissions.c


@dataclass(frozen=True, slots=True)
class Page:
    """Which submissions a list asks for: exact filters, and the place it goes on after."""

    limit: int
    test: bool
    status: str | None = None
    attention: int | None = None
    booking_reference: str | None = None
    review: str | None = None
    assignee_id: str | None = None
    updated_after: dt.datetime | None = None
    after: Place | None = None

    @property
    def order(self) -> tuple[sa.ColumnElement[Any], ...]:
        """By what the list goes; an id tells when a submission was begun."""
        if self.updated_after is None:
            return (_row.id.desc(),)
        return _row.updated_at, _row.id

    def place(self, updated_at: dt.datetime, name: str) -> Place:
        """Where a row stands in that order."""
        return (name,) if self.updated_after is None else (updated_at.isoformat(), name)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some rows, and the place the next ones come after; None when these are the last."""

    rows: tuple[Listed, ...]
    following: Place | None


def list_page(session: Session, page: Page) -> Stretch:
    """One page: newest first, or oldest change first when `updated_after` is asked for.

    Where few rows are like that it holds fewer than its limit, or none, and goes on all the same.
    """
    along, beside = _asked(page)
    end = _end(session, page, along) if beside else None
    asked = sa.select(*(_row[name] for name in PLAIN)).where(*along, *beside)
    if end:
        asked = asked.where(_compared(page, end, operator.ge, operator.le))
    found = session.execute(asked.order_by(*page.order).limit(page.limit + 1)).mappings()
    rows = [Listed(**row) for row in found]
    if len(rows) <= page.limit:
        return Stretch(tuple(rows), end)
    last = rows[page.limit - 1]
    return Stretch(tuple(rows[: page.limit]), page.place(last.updated_at, last.id))


def _end(session: Session, page: Page, along: tuple[Condition, ...]) -> Place | None:
    """The place where enough was looked at, if the list goes on as far."""
    names = (_row.id,) if page.updated_after is None else (_row.updated_at, _row.id)
    asked = sa.select(*names).where(*along).order_by(*page.order).offset(MOST_LOOKED - 1).limit(1)
    row = session.execute(asked).first()
    return None if row is None else page.place(row[0], row[-1])


def _asked(page: Page) -> tuple[tuple[Condition, ...], tuple[Condition, ...]]:
    """Conditions that one index holds, and the others, told so that no other index is taken for them."""
    values = {name: value for name in (*INDEXED, "review") if (value := getattr(page, name)) is not None}
    along = list(_along(page))
    first = next((name for name in INDEXED if name in values), None)
    if first and page.updated_after is None:
        along.append(_row[first] == values.pop(first))
    return tuple(along), tuple(_hidden(name) == value for name, value in values.items())


def _along(page: Page) -> Iterator[Condition]:
    yield _row.test == page.test
    if page.updated_after is not None:
        yield _row.updated_at > page.updated_after
    if page.after:
        yield _compared(page, page.after, operator.lt, operator.gt)


def _compared(
    page: Page, place: Place, falling: Callable[[Any, Any], Any], rising: Callable[[Any, Any], Any]
) -> Condition:
    """Rows on one side of a place; which, depends on the way the order goes."""
    if page.updated_after is None:
        return sa.type_coerce(falling(_row.id, place[0]), sa.Boolean)
    at = dt.datetime.fromisoformat(place[0])
    return sa.type_coerce(rising(sa.tuple_(_row.updated_at, _row.id), (at, place[1])), sa.Boolean)


def _hidden(name: str) -> sa.ColumnElement[Any]:
    return sa.func.coalesce(_row[name], 0 if name == "attention" else "")
