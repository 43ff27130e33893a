"""Saved views of the queue; each belongs to one staff user.

Responsible for: a name for a set of filters. Never: saves more than fit on a page, or names that are not
plain text.
"""

import datetime as dt
import unicodedata

from uuid_utils import uuid7

from app.errors import FieldError, InvalidRequest, NotFound
from app.services.auth.authorization import StaffPrincipal, require_permission
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.review import saved_views
from app.storage.review.saved_views import View
from app.storage.submissions.submissions import ID

MAX_VIEWS, MAX_NAME_LENGTH = 20, 60


def save_view(
    session: Session, who: StaffPrincipal, name: str, query: str, *, now: dt.datetime, actor: Actor
) -> View:
    """Save these filters under a name. Raises Forbidden and Unprocessable."""
    require_permission(who, "queue")
    normalized = unicodedata.normalize("NFC", name).strip()
    if not normalized or len(normalized) > MAX_NAME_LENGTH or not normalized.isprintable():
        raise _invalid("/name", f"Give the view a name of at most {MAX_NAME_LENGTH} characters.")
    if len(saved_views.list_for(session, who.id)) >= MAX_VIEWS:
        raise _invalid("/name", f"You have {MAX_VIEWS} views; take one away first.")
    view = View(str(uuid7()), who.id, normalized, query, now)
    saved_views.insert(session, view)
    audit_log.record(session, actor, now, AuditAction("view.saved", "view", view.id))
    return view


def delete_view(session: Session, who: StaffPrincipal, view: str, *, now: dt.datetime, actor: Actor) -> None:
    """Delete one of the user's own views. Raises Forbidden and NotFound."""
    require_permission(who, "queue")
    if not ID.fullmatch(view) or not saved_views.delete(session, view, who.id):
        raise NotFound("You have no such view.")
    audit_log.record(session, actor, now, AuditAction("view.forgotten", "view", view))


def _invalid(pointer: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, errors=[FieldError(pointer, "invalid", message)])
