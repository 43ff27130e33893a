"""The queue: cases that wait for staff, ordered by due date.

Responsible for: one scan along an index for each state asked for, merged here, and counts that stop at a
thousand. Never: pages by offset, sorts everything, reads contact details, or scans without limit where few
cases match all filters: after `MOST_LOOKED` cases a page ends, shows what it has, and returns the place to
continue from.

The order is (due_at, id), with cases without a due date last: the one that has waited longest comes first.
A case with a due date is never closed, and closed cases are left out unless they are asked for. Drafts are
left out too, except those with an open flag: respondents may drop out after they have reported something
urgent.
"""

import datetime as dt
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.encryption import DecryptionError
from app.storage.db.database import Session
from app.storage.submissions.submissions import FLAG_CODE_PLACE, PLACES, SubmissionRow, Vault
from app.storage.tables.submissions import flags, submissions

Json = dict[str, Any]
Place = tuple[dt.datetime | None, str]
STATES = ("new", "in_review", "needs_contact", "ready", "closed")
WAITING = STATES[:-1]
MAX_COUNTED, MAX_FOUND, MAX_SCANNED = 1000, 100, 1000
EXPORT_COLUMNS = ("id", "wrapped_data_key", "answers")
_row = submissions.c
Condition = sa.ColumnElement[bool]
Conditions = tuple[Condition, ...]
ALWAYS = 2  # conditions that nearly every case meets: it is shown, and still retained


@dataclass(frozen=True, slots=True)
class Filters:
    """Which cases to return. `assignee`: of this staff user; `unassigned`: not assigned. `ids`: found
    by a search, including tests and drafts.
    """

    states: tuple[str, ...] = WAITING
    priority: int | None = None
    assignee: str | None = None
    unassigned: bool = False
    language: str | None = None
    booking_reference: str | None = None
    overdue: bool = False
    suspected_spam: bool = False
    test: bool = False
    ids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class QueueRow(SubmissionRow):
    """A row of the queue, without encrypted fields."""

    version: int

    @property
    def place(self) -> Place:
        """Its place in the order."""
        return self.due_at, self.id


@dataclass(frozen=True, slots=True)
class DecryptedRow:
    """The decrypted fields of a row of the queue. `flags`: (flag code, priority) of the flags that are not
    closed.
    """

    answers: Json
    flags: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Some cases in order, and the place the next ones come after, or None when these are the last."""

    rows: tuple[QueueRow, ...]
    following: Place | None


_COLUMNS = [_row[name] for name in QueueRow.__match_args__]


def list_cases(
    session: Session, filters: Filters, limit: int, after: Place | None = None, *, now: dt.datetime
) -> QueuePage:
    """Return the next cases after a place in the order: `limit` of them, or fewer where few match."""
    found: list[QueueRow] = []
    ends: list[Place] = []
    for state in filters.states:
        for part in _parts(filters, state, after, now):
            rows, end = _walk(session, part, limit, MAX_SCANNED // len(filters.states))
            found += rows
            if end:
                ends.append(end)
                break
    upto = min(ends, key=_order, default=None)  # past it another state may hold cases that were not scanned
    near = sorted((row for row in found if _is_near(row.place, upto)), key=lambda row: _order(row.place))
    shown = tuple(near[:limit])
    return QueuePage(shown, shown[-1].place if len(near) > limit else upto)


def _is_near(place: Place, upto: Place | None) -> bool:
    return upto is None or _order(place) <= _order(upto)


def _order(place: Place) -> tuple[bool, dt.datetime, str]:
    due, name = place
    return due is None, due or dt.datetime.min.replace(tzinfo=dt.UTC), name


# --- a scan along an index -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IndexScan:
    """Cases that are adjacent in one index (`along`), and the other conditions they have to meet
    (`beside`).
    """

    index_terms: Conditions
    filters: Conditions
    is_selective: bool

    def rows(self, limit: int, upto: Place | None = None) -> sa.Select[Any]:
        """Select the cases that meet all conditions, up to a place."""
        asked = sa.select(*_COLUMNS).where(*self.index_terms, *self.filters).order_by(_row.due_at, _row.id)
        return asked.limit(limit) if upto is None else asked.where(_until(upto)).limit(limit)

    def end(self, most: int) -> sa.Select[Any]:
        """Select the place of the case at which the scan stops after `most` cases, if there are that many."""
        asked = sa.select(_row.due_at, _row.id).where(*self.index_terms).order_by(_row.due_at, _row.id)
        return asked.offset(most - 1).limit(1)


def _walk(session: Session, part: IndexScan, limit: int, most: int) -> tuple[list[QueueRow], Place | None]:
    """Return cases of one part, and the place to continue from, or None when there are no more."""
    end = None
    if part.is_selective:
        last = session.execute(part.end(most)).first()
        end = (last.due_at, last.id) if last else None
    more = session.execute(part.rows(limit + 1, end)).mappings().all()
    rows = [QueueRow(**row) for row in more[:limit]]
    return rows, rows[-1].place if len(more) > limit else end


def _until(place: Place) -> Condition:
    due, name = place
    return _row.id <= name if due is None else sa.tuple_(_row.due_at, _row.id) <= (due, name)


def _parts(filters: Filters, state: str, after: Place | None, now: dt.datetime) -> Iterator[IndexScan]:
    """Yield the cases of one state: those with a due date, then those without, each along an index."""
    along, beside = _asked(filters, state, now)
    narrow = filters.ids is None and len(beside) > ALWAYS
    due, name = after or (None, "")
    if after is None or due is not None:
        place = (sa.tuple_(_row.due_at, _row.id) > (due, name),) if due else (_row.due_at.is_not(None),)
        yield IndexScan((*along, *place), beside, narrow)
    if not filters.overdue:
        place = (_row.due_at.is_(None), *((_row.id > name,) if after and due is None else ()))
        yield IndexScan((*along, *place), beside, narrow)


def _asked(filters: Filters, state: str, now: dt.datetime) -> tuple[Conditions, Conditions]:
    """Return the conditions that one index covers, and the others, written so that no other index is used
    for them.
    """
    review, narrowing = _row.review == state, dict(_narrowing(filters))
    chosen = next((name for name, (held, _) in narrowing.items() if held is not None), "")
    held, late = narrowing[chosen][0] if chosen else None, _row.due_at < now if filters.overdue else None
    along: list[Condition | None] = [review, held, late]
    beside = [_is_shown(filters), _is_retained(now)]
    if filters.ids is not None:
        along, chosen = [review, _row.id.in_(filters.ids), late], ""
    elif chosen == "spam_reasons":  # few enough to filter out tests by reading the rows
        beside.append(sa.func.coalesce(_row.is_test, sa.false()) == filters.test)
    else:
        along.append(_row.is_test == filters.test)
    beside += [hidden for name, (_, hidden) in narrowing.items() if name != chosen]
    return tuple(each for each in along if each is not None), tuple(beside)


def _narrowing(filters: Filters) -> Iterator[tuple[str, tuple[Condition | None, Condition]]]:
    """Yield each filter that is set, as an index covers it and hidden from indexes; the most selective
    first.
    """
    if filters.suspected_spam:
        yield "spam_reasons", (_row.spam_reasons.is_not(None), _column("spam_reasons") != "")
    wanted = {"booking_reference": filters.booking_reference, "assignee_id": filters.assignee}
    wanted |= {"language": filters.language}
    if filters.priority is not None:
        hidden = sa.func.coalesce(_row.priority, 0) == filters.priority
        yield "priority", (_row.priority == filters.priority, hidden)
    for name, value in wanted.items():
        if value is not None:
            yield name, (_row[name] == value, _column(name) == value)
    if filters.unassigned:
        yield "unassigned", (None, _column("assignee_id") == "")


def _column(name: str) -> sa.ColumnElement[str]:
    """Return a column expression that no index is used for: it is read from the rows found by another
    index.
    """
    return sa.func.coalesce(_row[name], "")


def _is_shown(filters: Filters) -> Condition:
    """Return the condition for cases that are shown: a search finds all drafts; elsewhere only drafts with
    an open flag are shown.
    """
    sent = sa.or_(_row.status == "submitted", _row.priority.is_not(None))
    return sent if filters.ids is None else sa.true()


def _is_retained(now: dt.datetime) -> Condition:
    return sa.or_(_row.retained_until > now, _row.legal_hold)


# --- counts ----------------------------------------------------------------------------------------


def counts(session: Session, now: dt.datetime, *, test: bool = False) -> dict[str, int]:
    """Return how many cases are in each state. Counting stops at `MOST_COUNTED` + 1."""
    most = MAX_COUNTED + 1
    return {state: _count(session, Filters((state,), test=test), now, most) for state in STATES}


def overdue(session: Session, now: dt.datetime, *, test: bool = False) -> int:
    """Return how many cases are past their due date. Counting stops at `MOST_COUNTED` + 1."""
    number = 0
    for state in WAITING:
        asked = Filters((state,), overdue=True, test=test)
        number += _count(session, asked, now, MAX_COUNTED + 1 - number)
    return number


def _count(session: Session, filters: Filters, now: dt.datetime, most: int) -> int:
    """Count by an index alone, in its order, so that no query planner scans the table instead."""
    along, beside = _asked(filters, filters.states[0], now)
    one = sa.select(sa.literal(1)).where(*along, *beside).order_by(_row.due_at, _row.id).limit(most)
    return int(session.execute(sa.select(sa.func.count()).select_from(one.subquery())).scalar_one())


# --- searches and encrypted fields -----------------------------------------------------------------


def find_by_reference(session: Session, text: str) -> list[str]:
    """Return the ids of the cases with a booking reference, newest first, or else the one case with that
    id.
    """
    asked = sa.select(_row.id).where(_row.booking_reference == text).order_by(_row.id.desc())
    ids = list(session.execute(asked.limit(MAX_FOUND)).scalars())
    return ids or list(session.execute(sa.select(_row.id).where(_row.id == text.lower())).scalars())


def decrypt_rows(session: Session, vault: Vault, ids: Collection[str]) -> dict[str, DecryptedRow]:
    """Map ids to the decrypted fields of their rows of the queue. Rows that can't be decrypted are left
    out.
    """
    asked = sa.select(*(_row[name] for name in EXPORT_COLUMNS)).where(_row.id.in_(list(ids)))
    raised = _flags(session, ids)
    found = {}
    for row in session.execute(asked).mappings():
        try:
            found[row["id"]] = _opened(row, raised.get(row["id"], ()), vault)
        except DecryptionError:  # one such row does not block the queue
            continue
    return found


def _flags(session: Session, ids: Collection[str]) -> Mapping[str, Sequence[sa.RowMapping]]:
    asked = sa.select(flags.c.id, flags.c.submission_id, flags.c.flag_code, flags.c.priority)
    asked = asked.where(flags.c.submission_id.in_(list(ids)), flags.c.closed_at.is_(None))
    found: dict[str, list[sa.RowMapping]] = {}
    for row in session.execute(asked.order_by(flags.c.priority, flags.c.id)).mappings():
        found.setdefault(row["submission_id"], []).append(row)
    return found


def _opened(row: sa.RowMapping, raised: Sequence[sa.RowMapping], vault: Vault) -> DecryptedRow:
    key = vault.keyring.unwrap(row["wrapped_data_key"], row["id"])
    answers = json.loads(key.decrypt(row["answers"], *PLACES["answers"], row["id"]))
    opened = (
        (key.decrypt(each["flag_code"], *FLAG_CODE_PLACE, each["id"]), each["priority"]) for each in raised
    )
    return DecryptedRow(answers, tuple((code.decode().rstrip(), priority) for code, priority in opened))
