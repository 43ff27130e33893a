"""Throttles: rate limits for attempts, shared by all replicas.

Responsible for: the generic cell rate algorithm, with one row per bucket that holds its theoretical arrival
time. Never: knows what a bucket stands for (the caller gives an HMAC), or counts rejected attempts.
"""

import datetime as dt
import math
from dataclasses import dataclass

import sqlalchemy as sa

from app.storage.db.database import Session
from app.storage.db.upsert import insert as insert_into
from app.storage.tables.auth import throttles


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate limit: `burst` attempts at once, then one per `every`."""

    burst: int
    every: dt.timedelta


def retry_after(session: Session, bucket: bytes, rate: Rate, now: dt.datetime) -> int:
    """Return the seconds until this bucket allows another attempt, or 0. The row is locked until the
    transaction ends.
    """
    spaced = _arrival(session, bucket, now) + rate.every - now
    over = (spaced - rate.every * rate.burst).total_seconds()
    return max(0, math.ceil(over))


def hit(session: Session, bucket: bytes, rate: Rate, now: dt.datetime) -> None:
    """Count one attempt."""
    arrival = _arrival(session, bucket, now) + rate.every
    session.execute(
        sa.update(throttles).where(throttles.c.bucket_key == bucket), {"theoretical_arrival_at": arrival}
    )


def reset(session: Session, bucket: bytes) -> None:
    """Reset the bucket, as if there had been no attempts."""
    session.execute(sa.delete(throttles).where(throttles.c.bucket_key == bucket))


def delete_older(session: Session, now: dt.datetime) -> int:
    """Delete the buckets that are empty again. Returns how many."""
    return session.execute(sa.delete(throttles).where(throttles.c.theoretical_arrival_at <= now)).rowcount


def _arrival(session: Session, bucket: bytes, now: dt.datetime) -> dt.datetime:
    """Return the theoretical arrival time of the next attempt, never in the past."""
    row = insert_into(session.dialect, throttles).values(bucket_key=bucket, theoretical_arrival_at=now)
    held = row.on_conflict_do_update(
        index_elements=[throttles.c.bucket_key],
        set_={"theoretical_arrival_at": throttles.c.theoretical_arrival_at},
    ).returning(throttles.c.theoretical_arrival_at)
    arrival: dt.datetime = session.execute(held).scalar_one()
    return max(arrival, now)
