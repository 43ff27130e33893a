"""Saved views: the filters of the queue that somebody of the staff comes back to.

Office: rows, each somebody's own. Refuses: more of them than fit on a page (services/queue.py counts).
"""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from app.storage.database import Session
from app.storage.tables import views


@dataclass(frozen=True, slots=True)
class View:
    """`query`: the filters as they stand in the address."""

    id: str
    staff_id: str
    name: str
    query: str
    created_at: dt.datetime


def insert(session: Session, view: View) -> None:
    """Keep a new one."""
    session.execute(sa.insert(views), {name: getattr(view, name) for name in View.__slots__})


def of(session: Session, staff_id: str) -> list[View]:
    """Somebody's own, the oldest first."""
    asked = sa.select(views).where(views.c.staff_id == staff_id).order_by(views.c.id)
    return [View(**row) for row in session.execute(asked).mappings()]


def delete(session: Session, view: str, staff_id: str) -> bool:
    """Forget one of somebody's own; False when there is no such one."""
    asked = sa.delete(views).where(views.c.id == view, views.c.staff_id == staff_id)
    return session.execute(asked).rowcount == 1
