"""The queue: cases that wait for somebody, what is due first on top.

Office: one walk along an index for each state that is asked for, put together here; counts that stop at a
thousand. Refuses: pages by offset, a sort of everything, contact details, and to walk on and on where filters
have little in common: after `MOST_LOOKED` cases a page ends, shows what it has, and says where to go on.

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
MOST_COUNTED, MOST_FOUND, MOST_LOOKED = 1000, 100, 1000
KEPT = ("id", "data_key", "answers")
_row = submissions.c
Condition = sa.ColumnElement[bool]
Conditions = tuple[Condition, ...]
ALWAYS = 2  # conditions that nearly every case meets: it is shown, and kept still


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


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some cases in order, and the place the next ones come after; None when these are the last."""

    rows: tuple[Queued, ...]
    following: Place | None


_COLUMNS = [_row[name] for name in Queued.__match_args__]


def list_cases(
    session: Session, filters: Filters, limit: int, after: Place | None = None, *, now: dt.datetime
) -> Stretch:
    """The next cases after a place in the order: `limit` of them, or fewer where few are like that."""
    found: list[Queued] = []
    ends: list[Place] = []
    for state in filters.states:
        for part in _parts(filters, state, after, now):
            rows, end = _walk(session, part, limit, MOST_LOOKED // len(filters.states))
            found += rows
            if end:
                ends.append(end)
                break
    upto = min(ends, key=_order, default=None)  # past it another state may hold cases nobody has looked at
    near = sorted((row for row in found if _is_near(row.place, upto)), key=lambda row: _order(row.place))
    shown = tuple(near[:limit])
    return Stretch(shown, shown[-1].place if len(near) > limit else upto)


def _is_near(place: Place, upto: Place | None) -> bool:
    return upto is None or _order(place) <= _order(upto)


def _order(place: Place) -> tuple[bool, dt.datetime, str]:
    due, name = place
    return due is None, due or dt.datetime.min.replace(tzinfo=dt.UTC), name


# --- a walk along an index -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """Cases that stand side by side in one index (`along`), and what else they have to be (`beside`)."""

    along: Conditions
    beside: Conditions
    narrow: bool

    def rows(self, limit: int, upto: Place | None = None) -> sa.Select[Any]:
        """Those that are all of it, as far as a place."""
        asked = sa.select(*_COLUMNS).where(*self.along, *self.beside).order_by(_row.due_at, _row.id)
        return asked.limit(limit) if upto is None else asked.where(_until(upto)).limit(limit)

    def end(self, most: int) -> sa.Select[Any]:
        """The place where so many were looked at, if it goes on as far."""
        asked = sa.select(_row.due_at, _row.id).where(*self.along).order_by(_row.due_at, _row.id)
        return asked.offset(most - 1).limit(1)


def _walk(session: Session, part: Part, limit: int, most: int) -> tuple[list[Queued], Place | None]:
    """Cases of one part, and the place it is to be gone on from; None when there are no more."""
    end = None
    if part.narrow:
        last = session.execute(part.end(most)).first()
        end = (last.due_at, last.id) if last else None
    more = session.execute(part.rows(limit + 1, end)).mappings().all()
    rows = [Queued(**row) for row in more[:limit]]
    return rows, rows[-1].place if len(more) > limit else end


def _until(place: Place) -> Condition:
    due, name = place
    return _row.id <= name if due is None else sa.tuple_(_row.due_at, _row.id) <= (due, name)


def _parts(filters: Filters, state: str, after: Place | None, now: dt.datetime) -> Iterator[Part]:
    """The cases of one state: those with a time to act by, then those without; each along an index."""
    along, beside = _asked(filters, state, now)
    narrow = filters.ids is None and len(beside) > ALWAYS
    due, name = after or (None, "")
    if after is None or due is not None:
        place = (sa.tuple_(_row.due_at, _row.id) > (due, name),) if due else (_row.due_at.is_not(None),)
        yield Part((*along, *place), beside, narrow)
    if not filters.overdue:
        place = (_row.due_at.is_(None), *((_row.id > name,) if after and due is None else ()))
        yield Part((*along, *place), beside, narrow)


def _asked(filters: Filters, state: str, now: dt.datetime) -> tuple[Conditions, Conditions]:
    """Conditions that one index holds, and the others, told so that no other index is taken for them."""
    review, narrowing = _row.review == state, dict(_narrowing(filters))
    chosen = next((name for name, (held, _) in narrowing.items() if held is not None), "")
    held, late = narrowing[chosen][0] if chosen else None, _row.due_at < now if filters.overdue else None
    along: list[Condition | None] = [review, held, late]
    beside = [_is_shown(filters), _is_kept(now)]
    if filters.ids is not None:
        along, chosen = [review, _row.id.in_(filters.ids), late], ""
    elif chosen == "quarantine":  # few enough to look at tests among them
        beside.append(sa.func.coalesce(_row.test, sa.false()) == filters.test)
    else:
        along.append(_row.test == filters.test)
    beside += [hidden for name, (_, hidden) in narrowing.items() if name != chosen]
    return tuple(each for each in along if each is not None), tuple(beside)


def _narrowing(filters: Filters) -> Iterator[tuple[str, tuple[Condition | None, Condition]]]:
    """Each filter that is set, as an index holds it and hidden from indexes; what narrows most first."""
    if filters.quarantine:
        yield "quarantine", (_row.quarantine.is_not(None), _told("quarantine") != "")
    wanted = {"booking_reference": filters.booking_reference, "assignee_id": filters.assignee}
    wanted |= {"language": filters.language}
    if filters.attention is not None:
        hidden = sa.func.coalesce(_row.attention, 0) == filters.attention
        yield "attention", (_row.attention == filters.attention, hidden)
    for name, value in wanted.items():
        if value is not None:
            yield name, (_row[name] == value, _told(name) == value)
    if filters.nobody:
        yield "nobody", (None, _told("assignee_id") == "")


def _told(name: str) -> sa.ColumnElement[str]:
    """A column that no index is taken for: it is looked at in the rows of another."""
    return sa.func.coalesce(_row[name], "")


def _is_shown(filters: Filters) -> Condition:
    """A search finds drafts too; elsewhere only those that told something urgent."""
    sent = sa.or_(_row.status == "submitted", _row.attention.is_not(None))
    return sent if filters.ids is None else sa.true()


def _is_kept(now: dt.datetime) -> Condition:
    return sa.or_(_row.retained_until > now, _row.held)


# --- counts ----------------------------------------------------------------------------------------


def counts(session: Session, now: dt.datetime, *, test: bool = False) -> dict[str, int]:
    """How many cases there are in each state; more than `MOST_COUNTED` are counted no further."""
    most = MOST_COUNTED + 1
    return {state: _count(session, Filters((state,), test=test), now, most) for state in STATES}


def overdue(session: Session, now: dt.datetime, *, test: bool = False) -> int:
    """How many cases are past their time, counted as far as `counts` does."""
    number = 0
    for state in WAITING:
        asked = Filters((state,), overdue=True, test=test)
        number += _count(session, asked, now, MOST_COUNTED + 1 - number)
    return number


def _count(session: Session, filters: Filters, now: dt.datetime, most: int) -> int:
    """By an index alone: asked for in its order, so that no planner takes the table instead."""
    along, beside = _asked(filters, filters.states[0], now)
    one = sa.select(sa.literal(1)).where(*along, *beside).order_by(_row.due_at, _row.id).limit(most)
    return int(session.execute(sa.select(sa.func.count()).select_from(one.subquery())).scalar_one())


# --- searches and what is sealed -------------------------------------------------------------------


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
