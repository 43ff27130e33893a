"""Audit events: who did what to which object, and when. Ids only: no names, values or free text.

Office: appends beside the act, in the same transaction; no audit, no act. Refuses: changes and deletions.
"""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from app.storage.database import Session
from app.storage.prepared import Prepared
from app.storage.tables import audit_events


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `respondent`, `api_key`, `command` or `service`; and in which request."""

    kind: str
    id: str | None = None
    request_id: str | None = None


_INSERT = Prepared(lambda _dialect: sa.insert(audit_events), "seq")


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
    asked = sa.select(sa.func.count()).where(audit_events.c.action == action)
    return int(session.execute(asked).scalar_one())
