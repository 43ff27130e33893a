"""Saved views: filters of the queue that a staff user has saved.

Responsible for: the rows; each belongs to one staff user. Never: limits how many there are
(services/review/saved_views.py does).
"""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from app.storage.db.database import Session
from app.storage.tables.review import saved_views


@dataclass(frozen=True, slots=True)
class View:
    """A saved view. `query`: the filters as they are in the URL."""

    id: str
    staff_id: str
    name: str
    query: str
    created_at: dt.datetime


def insert(session: Session, view: View) -> None:
    """Insert a new saved view."""
    session.execute(sa.insert(saved_views), {name: getattr(view, name) for name in View.__slots__})


def list_for(session: Session, staff_id: str) -> list[View]:
    """Return the saved views of a staff user, oldest first."""
    asked = sa.select(saved_views).where(saved_views.c.staff_id == staff_id).order_by(saved_views.c.id)
    return [View(**row) for row in session.execute(asked).mappings()]


def delete(session: Session, view: str, staff_id: str) -> bool:
    """Delete a saved view of a staff user. Returns False when there is none with that id."""
    asked = sa.delete(saved_views).where(saved_views.c.id == view, saved_views.c.staff_id == staff_id)
    return session.execute(asked).rowcount == 1
