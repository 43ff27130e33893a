"""Throttles: how often somebody may still try, shared by all replicas.

Office: the generic cell rate algorithm, a row a bucket: its theoretical arrival time. Refuses: to know what a
bucket stands for (the caller gives an HMAC), and to count what it turns away.
"""

import datetime as dt
import math
from dataclasses import dataclass

import sqlalchemy as sa

from app.storage.database import Session
from app.storage.tables import throttles
from app.storage.upsert import insert as insert_into


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, then one `every` so long."""

    burst: int
    every: dt.timedelta


def wait(session: Session, bucket: bytes, rate: Rate, now: dt.datetime) -> int:
    """Seconds until this bucket has room again, 0 when it has. The row is held until the work is done."""
    spaced = _arrival(session, bucket, now) + rate.every - now
    over = (spaced - rate.every * rate.burst).total_seconds()
    return max(0, math.ceil(over))


def count(session: Session, bucket: bytes, rate: Rate, now: dt.datetime) -> None:
    """One more."""
    arrival = _arrival(session, bucket, now) + rate.every
    session.execute(sa.update(throttles).where(throttles.c.bucket == bucket), {"arrival": arrival})


def clear(session: Session, bucket: bytes) -> None:
    """As if nobody had tried."""
    session.execute(sa.delete(throttles).where(throttles.c.bucket == bucket))


def delete_older(session: Session, now: dt.datetime) -> int:
    """Forget buckets that are empty again; how many."""
    return session.execute(sa.delete(throttles).where(throttles.c.arrival <= now)).rowcount


def _arrival(session: Session, bucket: bytes, now: dt.datetime) -> dt.datetime:
    """When the next one may arrive, if all were spaced evenly; never in the past."""
    row = insert_into(session.dialect, throttles).values(bucket=bucket, arrival=now)
    held = row.on_conflict_do_update(
        index_elements=[throttles.c.bucket], set_={"arrival": throttles.c.arrival}
    ).returning(throttles.c.arrival)
    arrival: dt.datetime = session.execute(held).scalar_one()
    return max(arrival, now)
