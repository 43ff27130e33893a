"""Partial indexes, for migrations and for code that compares the schema.

Responsible for: indexes that leave out the rows without a value in a rarely filled column. Never: imported
by a service, which does not need them: to describe a partial index, SQLAlchemy loads the PostgreSQL
dialect, even with SQLite.
"""

from typing import Any

import sqlalchemy as sa

from app.storage.tables import auth, operations, review
from app.storage.tables.events import metadata, webhook_deliveries
from app.storage.tables.submissions import ORDER, QUEUED, alerts, flags, submissions

__all__ = ["auth", "metadata", "operations", "review"]  # importing these modules registers every table


def _index(name: str | None, *columns: sa.Column[Any], where: sa.ColumnElement[bool]) -> None:
    sa.Index(name, *columns, sqlite_where=where, postgresql_where=where)


_OF = submissions.c
for _names in (("is_test", "priority"), ("booking_reference",), ("is_test", "assignee_id")):
    _index(None, *(_OF[name] for name in _names), _OF.id, where=_OF[_names[-1]].is_not(None))
for _name in ("priority", "assignee_id"):
    _index(f"ix_submissions_queue_{_name}", *QUEUED, _OF[_name], *ORDER, where=_OF[_name].is_not(None))
_index("ix_submissions_queue_spam_reasons", _OF.review, *ORDER, where=_OF.spam_reasons.is_not(None))
_index("ix_submissions_merged", _OF.merged_into_id, where=_OF.merged_into_id.is_not(None))

_open = sa.and_(flags.c.closed_at.is_(None), flags.c.escalated_at.is_(None))
_index("ix_flags_to_escalate", flags.c.due_at, where=_open)

_unsent = alerts.c.sent_at.is_(None)
_index("ix_alerts_unsent", alerts.c.next_attempt_at, where=_unsent)
_failing = sa.and_(_unsent, alerts.c.last_error.is_not(None))
_index("ix_alerts_failing", alerts.c.created_at, where=_failing)

_pending = webhook_deliveries.c.state == "pending"
_to = webhook_deliveries.c.endpoint_id
_index("ix_webhook_deliveries_due", _to, webhook_deliveries.c.next_attempt_at, where=_pending)
_index(
    "ix_webhook_deliveries_order",
    _to,
    webhook_deliveries.c.ordering_key,
    webhook_deliveries.c.position,
    where=_pending,
)
