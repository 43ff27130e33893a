"""Audit events: who did what to which object, and when. Ids only: no names, values or free text.

Office: appends beside the act, in the same transaction; no audit, no act. Gives what is on record of an
object, an actor or a day, a page at a time. Refuses: changes and deletions.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from app.storage.database import Session
from app.storage.prepared import Prepared
from app.storage.tables import audit_events, flags


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `respondent`, `api_key`, `staff`, `command` or `service`; and in which request."""

    kind: str
    id: str | None = None
    request_id: str | None = None


class Event(NamedTuple):
    """One event on record; `position` and `mac` are None until it is linked (storage/chain.py)."""

    seq: int
    at: dt.datetime
    actor_kind: str
    actor_id: str | None
    action: str
    object_type: str
    object_id: str | None
    request_id: str | None
    position: int | None = None
    mac: bytes | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events a page shows: all that is given has to fit. From `begin` until before `end`.

    `actor` is an id, or a kind for those that have none.
    """

    actor: str | None = None
    action: str | None = None
    object_id: str | None = None
    begin: dt.datetime | None = None
    end: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What one actor did with a submission: when first, when last, and how often each act."""

    actor_kind: str
    actor_id: str | None
    first: dt.datetime
    last: dt.datetime
    acts: dict[str, int]


_INSERT = Prepared(lambda _dialect: sa.insert(audit_events), "seq", "position", "mac")
_OF = audit_events.c
EVENT = tuple(_OF[name] for name in Event._fields)
ERASED, VIEWED, LISTED = "submission.erased", "submission.viewed", "submission.listed"
REFUSED = "access.refused"
KINDS = ("respondent", "api_key", "staff", "command", "service")
SLACK = dt.timedelta(minutes=1)  # how much the order of writing may differ from the order of times


@dataclass(frozen=True, slots=True)
class Act:
    """What was done to which object, as `submission.submitted`, `submission`, its id."""

    action: str
    object_type: str
    object_id: str | None


def record(session: Session, actor: Actor, at: dt.datetime, *acts: Act) -> None:
    """Append one event for each act."""
    who = {"at": at, "actor_kind": actor.kind, "actor_id": actor.id, "request_id": actor.request_id}
    rows = [
        who | {"action": act.action, "object_type": act.object_type, "object_id": act.object_id}
        for act in acts
    ]
    _INSERT(session, rows)


def count(session: Session, action: str) -> int:
    """How many events of one action there are."""
    asked = sa.select(sa.func.count()).where(_OF.action == action)
    return int(session.execute(asked).scalar_one())


def events_of(session: Session, object_id: str, after: int = 0, limit: int = 100) -> list[Event]:
    """What was done to an object, the oldest first, past the event `after`."""
    return _events(session, _OF.object_id == object_id, after, limit)


def events_by(session: Session, actor_id: str, after: int = 0, limit: int = 100) -> list[Event]:
    """What somebody did, the oldest first, past the event `after`."""
    return _events(session, _OF.actor_id == actor_id, after, limit)


def page(session: Session, filters: Filters, before: int | None, limit: int) -> list[Event]:
    """Events that fit, the newest first, from below the event `before`."""
    asked = sa.select(*EVENT).where(*_fitting(session, filters))
    if before is not None:
        asked = asked.where(_OF.seq < before)
    return [Event(*row) for row in session.execute(asked.order_by(_OF.seq.desc()).limit(limit))]


def who_saw(session: Session, submission: str) -> list[Seen]:
    """Who had to do with a submission or, while it is kept, with its flags; whoever came first on top."""
    who, when = (_OF.actor_kind, _OF.actor_id), (sa.func.min(_OF.at), sa.func.max(_OF.at), sa.func.count())
    of_flags = session.execute(sa.select(flags.c.id).where(flags.c.submission_id == submission)).scalars()
    asked = sa.select(*who, _OF.action, *when).where(_OF.object_id.in_([submission, *of_flags]))
    found: dict[tuple[str, str | None], Seen] = {}
    for kind, actor, action, first, last, number in session.execute(asked.group_by(*who, _OF.action)):
        seen = found.get((kind, actor), Seen(kind, actor, first, last, {}))
        acts = seen.acts | {action: number}
        found[kind, actor] = Seen(kind, actor, min(first, seen.first), max(last, seen.last), acts)
    return sorted(found.values(), key=lambda seen: seen.first)


def place(session: Session, at: dt.datetime) -> int:
    """The first event of about that time, by halves: times have no index, and follow the order of `seq`."""
    ends = (sa.select(end(_OF.seq)).scalar_subquery() for end in (sa.func.min, sa.func.max))
    first, last = session.execute(sa.select(*ends)).one()
    low, high = first or 0, (last or 0) + 1
    asked = sa.select(_OF.at).where(_OF.seq >= sa.bindparam("middle")).order_by(_OF.seq).limit(1)
    while low < high:
        middle = (low + high) // 2
        found = session.execute(asked, {"middle": middle}).scalar_one_or_none()
        low, high = (middle + 1, high) if found is not None and found < at else (low, middle)
    return low


def newest(session: Session) -> int:
    """The last event there is, by its place in the order of writing."""
    return int(session.execute(sa.select(sa.func.max(_OF.seq))).scalar_one() or 0)


def done(session: Session, actions: Sequence[str], past: int) -> list[tuple[str, str, dt.datetime]]:
    """(action, object, time) of such acts past that event, in the order they were written."""
    asked = sa.select(_OF.action, _OF.object_id, _OF.at).where(_OF.seq > past, _OF.action.in_(actions))
    return [tuple(row) for row in session.execute(asked.order_by(_OF.seq))]


def erased(session: Session, ids: list[str]) -> set[str]:
    """Which of these are on record as erased."""
    asked = sa.select(_OF.object_id).where(_OF.object_id.in_(ids), _OF.action == ERASED)
    return set(session.execute(asked).scalars())


def listed(session: Session, actor: Actor, ids: Sequence[str], since: dt.datetime) -> set[str]:
    """Which of these are on record as shown to somebody in a list since then."""
    mine = (_OF.actor_id == actor.id, _OF.action == LISTED, _OF.at >= since)
    asked = sa.select(_OF.object_id).where(_OF.object_id.in_(ids), *mine)
    return set(session.execute(asked).scalars())


def _events(session: Session, wanted: sa.ColumnElement[bool], after: int, limit: int) -> list[Event]:
    asked = sa.select(*EVENT).where(wanted, _OF.seq > after).order_by(_OF.seq).limit(limit)
    return [Event(*row) for row in session.execute(asked)]


def _fitting(session: Session, filters: Filters) -> list[sa.ColumnElement[bool]]:
    wanted = []
    if filters.actor in KINDS:
        wanted += [_OF.actor_kind == filters.actor]
    elif filters.actor is not None:
        wanted += [_OF.actor_id == filters.actor]
    if filters.action is not None:
        wanted += [_OF.action == filters.action]
    if filters.object_id is not None:
        wanted += [_OF.object_id == filters.object_id]
    if filters.begin is not None:
        wanted += [_OF.at >= filters.begin, _OF.seq >= place(session, filters.begin - SLACK)]
    if filters.end is not None:
        wanted += [_OF.at < filters.end, _OF.seq <= place(session, filters.end + SLACK)]
    return wanted
