"""Audit events: who did what to which object, and when. They hold ids only: no names, values or free text.

Responsible for: appending events in the same transaction as the action (without an audit event the action
is not committed), and reading the events of an object, an actor or a day, one page at a time. Never:
changes or deletes events.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from app.storage.db.compiled_insert import CompiledInsert
from app.storage.db.database import Session
from app.storage.tables.operations import audit_events
from app.storage.tables.submissions import flags


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts (`respondent`, `api_key`, `staff`, `command` or `service`) and in which request."""

    kind: str
    id: str | None = None
    request_id: str | None = None


class Event(NamedTuple):
    """A stored event. `chain_position` and `mac` are None until it is chained (audit_chain.py)."""

    id: int
    at: dt.datetime
    actor_kind: str
    actor_id: str | None
    action: str
    object_type: str
    object_id: str | None
    request_id: str | None
    chain_position: int | None = None
    mac: bytes | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events a page shows. An event must match every filter given, and its time is from `begin` up to
    but not including `end`.

    `actor` is an id, or a kind for actors that have no id.
    """

    actor: str | None = None
    action: str | None = None
    object_id: str | None = None
    begin: dt.datetime | None = None
    end: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class AccessSummary:
    """What one actor did with a submission: the first time, the last time, and the count of each action."""

    actor_kind: str
    actor_id: str | None
    first: dt.datetime
    last: dt.datetime
    acts: dict[str, int]


_INSERT = CompiledInsert(lambda _dialect: sa.insert(audit_events), "id", "chain_position", "mac")
_OF = audit_events.c
EVENT = tuple(_OF[name] for name in Event._fields)
ERASED, VIEWED, LISTED = "submission.erased", "submission.viewed", "submission.listed"
REFUSED = "access.refused"
KINDS = ("respondent", "api_key", "staff", "command", "service")
SLACK = dt.timedelta(minutes=1)  # how far the order of writing may differ from the order of times


@dataclass(frozen=True, slots=True)
class AuditAction:
    """What was done to which object: an action (`submission.submitted`), an object type (`submission`) and
    an id.
    """

    action: str
    object_type: str
    object_id: str | None


def record(session: Session, actor: Actor, at: dt.datetime, *acts: AuditAction) -> None:
    """Append one event for each action."""
    who = {"at": at, "actor_kind": actor.kind, "actor_id": actor.id, "request_id": actor.request_id}
    rows = [
        who | {"action": act.action, "object_type": act.object_type, "object_id": act.object_id}
        for act in acts
    ]
    _INSERT(session, rows)


def count(session: Session, action: str) -> int:
    """Return the number of events with this action."""
    asked = sa.select(sa.func.count()).where(_OF.action == action)
    return int(session.execute(asked).scalar_one())


def events_of(session: Session, object_id: str, after: int = 0, limit: int = 100) -> list[Event]:
    """Return the events of an object after event `after`, oldest first."""
    asked = sa.select(*EVENT).where(_OF.object_id == object_id, _OF.id > after)
    return [Event(*row) for row in session.execute(asked.order_by(_OF.id).limit(limit))]


def page(session: Session, filters: Filters, before: int | None, limit: int) -> list[Event]:
    """Return the events that match the filters, newest first, before event `before`."""
    asked = sa.select(*EVENT).where(*_fitting(session, filters))
    if before is not None:
        asked = asked.where(_OF.id < before)
    return [Event(*row) for row in session.execute(asked.order_by(_OF.id.desc()).limit(limit))]


def access_report(session: Session, submission: str) -> list[AccessSummary]:
    """Return the actors with events on a submission or, while it is stored, on its flags, ordered by their
    first event.
    """
    who, when = (_OF.actor_kind, _OF.actor_id), (sa.func.min(_OF.at), sa.func.max(_OF.at), sa.func.count())
    of_flags = session.execute(sa.select(flags.c.id).where(flags.c.submission_id == submission)).scalars()
    asked = sa.select(*who, _OF.action, *when).where(_OF.object_id.in_([submission, *of_flags]))
    found: dict[tuple[str, str | None], AccessSummary] = {}
    for kind, actor, action, first, last, number in session.execute(asked.group_by(*who, _OF.action)):
        seen = found.get((kind, actor), AccessSummary(kind, actor, first, last, {}))
        acts = seen.acts | {action: number}
        found[kind, actor] = AccessSummary(kind, actor, min(first, seen.first), max(last, seen.last), acts)
    return sorted(found.values(), key=lambda seen: seen.first)


def find_by_time(session: Session, at: dt.datetime) -> int:
    """Return the first event at about that time, by binary search: times have no index, and follow the
    order of ids.
    """
    ends = (sa.select(end(_OF.id)).scalar_subquery() for end in (sa.func.min, sa.func.max))
    first, last = session.execute(sa.select(*ends)).one()
    low, high = first or 0, (last or 0) + 1
    asked = sa.select(_OF.at).where(_OF.id >= sa.bindparam("middle")).order_by(_OF.id).limit(1)
    while low < high:
        middle = (low + high) // 2
        found = session.execute(asked, {"middle": middle}).scalar_one_or_none()
        low, high = (middle + 1, high) if found is not None and found < at else (low, middle)
    return low


def newest(session: Session) -> int:
    """Return the id of the newest event, or 0 when there is none."""
    return int(session.execute(sa.select(sa.func.max(_OF.id))).scalar_one() or 0)


def actions_after(session: Session, actions: Sequence[str], past: int) -> list[tuple[str, str, dt.datetime]]:
    """Return (action, object id, time) of the events with these actions after event `past`, in the order
    they were written.
    """
    asked = sa.select(_OF.action, _OF.object_id, _OF.at).where(_OF.id > past, _OF.action.in_(actions))
    return [tuple(row) for row in session.execute(asked.order_by(_OF.id))]


def erased_among(session: Session, ids: list[str]) -> set[str]:
    """Return which of these ids have an event that records their erasure."""
    asked = sa.select(_OF.object_id).where(_OF.object_id.in_(ids), _OF.action == ERASED)
    return set(session.execute(asked).scalars())


def listed_among(session: Session, actor: Actor, ids: Sequence[str], since: dt.datetime) -> set[str]:
    """Return which of these ids have an event since then that shows them in a list to this actor."""
    mine = (_OF.actor_id == actor.id, _OF.action == LISTED, _OF.at >= since)
    asked = sa.select(_OF.object_id).where(_OF.object_id.in_(ids), *mine)
    return set(session.execute(asked).scalars())


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
        wanted += [_OF.at >= filters.begin, _OF.id >= find_by_time(session, filters.begin - SLACK)]
    if filters.end is not None:
        wanted += [_OF.at < filters.end, _OF.id <= find_by_time(session, filters.end + SLACK)]
    return wanted
