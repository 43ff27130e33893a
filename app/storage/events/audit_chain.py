"""The audit chain: events in the order of their positions, and the head of the chain.

Responsible for: the rows: which events have no position yet, which have one, and where the chain ends.
Never: uses keys or verifies the chain (services/events/audit_chain.py).
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from app.storage.db.database import Session
from app.storage.events.audit_log import EVENT, Event
from app.storage.tables.operations import audit_chain_head, audit_events

LOCK = 0x61756469  # "audi": only one process at a time chains events
PAGE = 5000


class Link(NamedTuple):
    """The position and MAC that the event `event_id` gets."""

    event_id: int
    position: int
    mac: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain. `mac` covers the position, the time and the MAC of the last event."""

    position: int
    mac: bytes
    at: dt.datetime


_WAITING = (
    sa.select(*EVENT)
    .where(audit_events.c.chain_position.is_(None))
    .order_by(audit_events.c.id)
    .limit(sa.bindparam("most"))
)
_LINK = (
    sa.update(audit_events)
    .where(audit_events.c.id == sa.bindparam("linked"), audit_events.c.chain_position.is_(None))
    .values(chain_position=sa.bindparam("place"), mac=sa.bindparam("sealed"))
)
_FOLLOWING = (
    sa.select(*EVENT)
    .where(audit_events.c.chain_position > sa.bindparam("after"))
    .order_by(audit_events.c.chain_position)
    .limit(PAGE)
)


def lock_chain(session: Session) -> None:
    """Take a lock so that no other process chains events until this transaction ends (SQLite has one writer
    anyway).
    """
    if session.dialect.name != "sqlite":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))


def begin_snapshot(session: Session) -> None:
    """Read from one snapshot for the rest of this transaction. Call it before the first read."""
    if session.dialect.name != "sqlite":
        session.execution_options(isolation_level="REPEATABLE READ")


def head(session: Session) -> Head | None:
    """Return the head of the chain, or None when the chain has not been started."""
    row = session.execute(sa.select(audit_chain_head)).first()
    return None if row is None else Head(row.position, row.mac, row.at)


def move_head(session: Session, to: Head) -> None:
    """Set the head of the chain."""
    moved = {"position": to.position, "mac": to.mac, "at": to.at}
    if session.execute(sa.update(audit_chain_head).values(moved)).rowcount == 0:
        session.execute(sa.insert(audit_chain_head), moved | {"id": 1})


def waiting(session: Session, limit: int) -> list[Event]:
    """Return the next events without a position, in the order they were written."""
    return [Event(*row) for row in session.execute(_WAITING, {"most": limit})]


def has_pending(session: Session) -> bool:
    """Return whether an event has no position yet, or the chain has not been started."""
    waits = sa.exists().where(audit_events.c.chain_position.is_(None))
    begun = sa.exists().where(audit_chain_head.c.id == 1)
    return bool(session.execute(sa.select(sa.or_(waits, sa.not_(begun)))).scalar_one())


def link(session: Session, links: Sequence[Link]) -> None:
    """Store the positions and MACs of events. An event that already has a position stays unchanged."""
    rows = [{"linked": each.event_id, "place": each.position, "sealed": each.mac} for each in links]
    if rows:
        session.execute(_LINK, rows)


def mac_at(session: Session, position: int) -> bytes | None:
    """Return the MAC of the event at a position, or None when there is none."""
    asked = sa.select(audit_events.c.mac).where(audit_events.c.chain_position == position)
    return session.execute(asked).scalar_one_or_none()


def linked_count(session: Session) -> int:
    """Return how many events have a position."""
    asked = sa.select(sa.func.count()).where(audit_events.c.chain_position.is_not(None))
    return int(session.execute(asked).scalar_one())


def backlog(session: Session) -> tuple[int, dt.datetime | None]:
    """Return how many events have no position yet, and the time of the oldest of them."""
    asked = sa.select(sa.func.count(), sa.func.min(audit_events.c.at))
    count, oldest = session.execute(asked.where(audit_events.c.chain_position.is_(None))).one()
    return count, oldest


def iter_linked(session: Session) -> Iterator[Event]:
    """Yield every chained event in the order of positions, reading one page at a time."""
    after = -(2**62)
    while page := session.execute(_FOLLOWING, {"after": after}).all():
        yield from (Event(*row) for row in page)
        after = page[-1].chain_position
