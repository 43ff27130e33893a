"""The queue: cases that wait for somebody, what is due first on top.

Office: one walk along an index for each state that is asked for, put together here; counts that stop at a
thousand. Refuses: offsets, a sort of everything, and contact details.

The order is (due_at, id), those without a time to act by last: whoever waits longest comes first. A case with
such a time is never closed, and the closed ones are left out unless they are asked for; so are drafts, but
for those with an open flag: people drop out after they have told something.
"""

import datetime as dt
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.sealing import Unopenable
from app.storage.database import Session
from app.storage.submissions import Listed, Vault
from app.storage.tables import flags, submissions

Json = dict[str, Any]
Place = tuple[dt.datetime | None, str]
STATES = ("new", "in_review", "needs_contact", "ready", "closed")
WAITING = STATES[:-1]
MOST_COUNTED, MOST_FOUND = 1000, 100
KEPT = ("id", "data_key", "answers")
_row = submissions.c
_SHOWN = sa.or_(_row.status == "submitted", _row.attention.is_not(None))


@dataclass(frozen=True, slots=True)
class Filters:
    """Which cases. `assignee`: of one of the staff; `nobody`: of none. `ids`: found by a
    search, tests and drafts among them.
    """

    states: tuple[str, ...] = WAITING
    attention: int | None = None
    assignee: str | None = None
    nobody: bool = False
    language: str | None = None
    booking_reference: str | None = None
    overdue: bool = False
    quarantine: bool = False
    test: bool = False
    ids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Queued(Listed):
    """A line of the queue, nothing sealed in it."""

    version: int

    @property
    def place(self) -> Place:
        """Where it stands in the order."""
        return self.due_at, self.id


@dataclass(frozen=True, slots=True)
class Opened:
    """What a line of the queue tells of what is sealed. `flags`: (kind, priority) of those nobody closed."""

    answers: Json
    flags: tuple[tuple[str, int], ...]


_COLUMNS = [_row[name] for name in Queued.__match_args__]


def list_cases(
    session: Session, filters: Filters, limit: int, after: Place | None = None, *, now: dt.datetime
) -> list[Queued]:
    """The next cases after a place in the order."""
    found: list[Queued] = []
    for state in filters.states:
        for part in _parts(filters, state, after, now):
            more = session.execute(part.limit(limit)).mappings().all()
            found += [Queued(**row) for row in more]
            if len(more) == limit:
                break
    return sorted(found, key=lambda row: _order(row.place))[:limit]


def _order(place: Place) -> tuple[bool, dt.datetime, str]:
    due, name = place
    return due is None, due or dt.datetime.min.replace(tzinfo=dt.UTC), name


def _parts(filters: Filters, state: str, after: Place | None, now: dt.datetime) -> Iterator[sa.Select[Any]]:
    """The cases of one state: those with a time to act by, then those without; each along an index."""
    asked = sa.select(*_COLUMNS).where(*_asked(filters, state, now)).order_by(_row.due_at, _row.id)
    due, name = after or (None, "")
    if after is None or due is not None:
        part = asked.where(_row.due_at.is_not(None))
        yield part.where(sa.tuple_(_row.due_at, _row.id) > (due, name)) if due else part
    if not filters.overdue:
        part = asked.where(_row.due_at.is_(None))  # in that order all the same: it is how the index stands
        yield part.where(_row.id > name) if after and due is None else part


def _asked(filters: Filters, state: str, now: dt.datetime) -> Iterator[sa.ColumnElement[bool]]:
    yield _row.review == state
    yield _is_kept(now)
    if filters.ids is None:
        yield _row.test == filters.test
        yield _SHOWN
    else:
        yield _row.id.in_(filters.ids)
    named = {"attention": filters.attention, "language": filters.language, "assignee_id": filters.assignee}
    named |= {"booking_reference": filters.booking_reference}
    for name, value in named.items():
        if value is not None:
            yield _row[name] == value
    if filters.nobody:
        yield _row.assignee_id.is_(None)
    if filters.overdue:
        yield _row.due_at < now
    if filters.quarantine:
        yield _row.quarantine.is_not(None)


def _is_kept(now: dt.datetime) -> sa.ColumnElement[bool]:
    return sa.or_(_row.retained_until > now, _row.held)


def counts(session: Session, now: dt.datetime, *, test: bool = False) -> dict[str, int]:
    """How many cases there are in each state; more than `MOST_COUNTED` are counted no further."""
    return {state: _count(session, Filters((state,), test=test), now) for state in STATES}


def overdue(session: Session, now: dt.datetime, *, test: bool = False) -> int:
    """How many cases are past their time, counted as far as `counts` does."""
    return sum(_count(session, Filters((state,), overdue=True, test=test), now) for state in WAITING)


def _count(session: Session, filters: Filters, now: dt.datetime) -> int:
    one = sa.select(sa.literal(1)).where(*_asked(filters, filters.states[0], now)).limit(MOST_COUNTED + 1)
    return int(session.execute(sa.select(sa.func.count()).select_from(one.subquery())).scalar_one())


def named(session: Session, text: str) -> list[str]:
    """Ids of the cases of a booking reference, the newest first, or the one case of that id."""
    asked = sa.select(_row.id).where(_row.booking_reference == text).order_by(_row.id.desc())
    ids = list(session.execute(asked.limit(MOST_FOUND)).scalars())
    return ids or list(session.execute(sa.select(_row.id).where(_row.id == text.lower())).scalars())


def opened(session: Session, vault: Vault, ids: Collection[str]) -> dict[str, Opened]:
    """What lines of the queue tell of what is sealed; one that can't be opened is left out."""
    asked = sa.select(*(_row[name] for name in KEPT)).where(_row.id.in_(list(ids)))
    raised = _flags(session, ids)
    found = {}
    for row in session.execute(asked).mappings():
        try:
            found[row["id"]] = _opened(row, raised.get(row["id"], ()), vault)
        except Unopenable:  # nobody else is kept from the queue for it
            continue
    return found


def _flags(session: Session, ids: Collection[str]) -> Mapping[str, Sequence[sa.RowMapping]]:
    asked = sa.select(flags.c.id, flags.c.submission_id, flags.c.kind, flags.c.priority)
    asked = asked.where(flags.c.submission_id.in_(list(ids)), flags.c.closed_at.is_(None))
    found: dict[str, list[sa.RowMapping]] = {}
    for row in session.execute(asked.order_by(flags.c.priority, flags.c.id)).mappings():
        found.setdefault(row["submission_id"], []).append(row)
    return found


def _opened(row: sa.RowMapping, raised: Sequence[sa.RowMapping], vault: Vault) -> Opened:
    key = vault.keyring.unwrap(row["data_key"], row["id"])
    answers = json.loads(key.open(row["answers"], "submissions", "answers", row["id"]))
    kinds = ((key.open(each["kind"], "flags", "kind", each["id"]), each["priority"]) for each in raised)
    return Opened(answers, tuple((kind.decode().rstrip(), priority) for kind, priority in kinds))
