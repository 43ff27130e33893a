"""Saved views of the queue; each belongs to one staff user.

Responsible for: a name for a set of filters. Never: saves more than fit on a page, or names that are not
plain text.
"""

import datetime as dt
import unicodedata

from uuid_utils import uuid7

from app.errors import Error, NotFound, Unprocessable
from app.services.access import Staff, require_permission
from app.storage import audit, views
from app.storage.audit import Act, Actor
from app.storage.database import Session
from app.storage.submissions import ID
from app.storage.views import View

MOST, LONGEST = 20, 60


def save(session: Session, who: Staff, name: str, query: str, *, now: dt.datetime, actor: Actor) -> View:
    """Save these filters under a name. Raises Forbidden and Unprocessable."""
    require_permission(who, "queue")
    said = unicodedata.normalize("NFC", name).strip()
    if not said or len(said) > LONGEST or not said.isprintable():
        raise _refused("/name", f"Give the view a name of at most {LONGEST} characters.")
    if len(views.of(session, who.id)) >= MOST:
        raise _refused("/name", f"You have {MOST} views; take one away first.")
    view = View(str(uuid7()), who.id, said, query, now)
    views.insert(session, view)
    audit.record(session, actor, now, Act("view.saved", "view", view.id))
    return view


def forget(session: Session, who: Staff, view: str, *, now: dt.datetime, actor: Actor) -> None:
    """Delete one of the user's own views. Raises Forbidden and NotFound."""
    require_permission(who, "queue")
    if not ID.fullmatch(view) or not views.delete(session, view, who.id):
        raise NotFound("You have no such view.")
    audit.record(session, actor, now, Act("view.forgotten", "view", view))


def _refused(pointer: str, told: str) -> Unprocessable:
    return Unprocessable(told, errors=[Error(pointer, "invalid", told)])
