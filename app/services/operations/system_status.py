"""System status: database, audit chain, keys, upcoming erasures, unsent alerts, webhooks and backups.

Responsible for: reading all of it in one snapshot. Never: reads names or values, or repairs anything.
"""

import datetime as dt
from dataclasses import dataclass

from app.encryption import Keyring
from app.services.events import audit_chain
from app.services.events.audit_chain import ChainStatus
from app.services.operations import legal_holds
from app.services.operations.legal_holds import ErasureForecast
from app.storage.auth import api_keys
from app.storage.db.database import Session
from app.storage.events import audit_log, webhook_endpoints
from app.storage.events.audit_log import Actor, AuditAction, Filters
from app.storage.events.webhook_endpoints import Endpoint
from app.storage.submissions import alerts
from app.storage.submissions.alerts import Alert, AlertBacklog

BACKUP = AuditAction("backup.made", "database", "backup")
OLD = dt.timedelta(days=2)  # a backup older than this is reported
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Health:
    """`sealing_keys`: ids of the proved keys, newest first; `backup_at`: None when there is no backup."""

    upcoming_erasures: ErasureForecast
    chain: ChainStatus
    waiting: AlertBacklog
    unsent_alerts: tuple[Alert, ...]
    rejected_alerts: tuple[Alert, ...]
    sealing_keys: tuple[str, ...]
    backup_at: dt.datetime | None
    webhooks: tuple[Endpoint, ...]  # those not working although no user has paused them

    def backup_is_old(self, now: dt.datetime) -> bool:
        """Return whether there is no backup, or none within the last two days."""
        return self.backup_at is None or now - self.backup_at > OLD


def get_status(session: Session, keyring: Keyring, zone: str, *, now: dt.datetime) -> Health:
    """Return the current status."""
    proved, newest = api_keys.key_checks(session), keyring.newest
    return Health(
        upcoming_erasures=legal_holds.forecast(session, zone, now=now),
        chain=audit_chain.state(session, keyring),
        waiting=alerts.waiting(session, now),
        unsent_alerts=tuple(alerts.unsent(session, SHOWN)),
        rejected_alerts=tuple(alerts.rejected(session, SHOWN)),
        sealing_keys=(newest, *sorted(proved.keys() - {newest})),
        backup_at=_backup_at(session),
        webhooks=tuple(webhook_endpoints.stalled(session)),
    )


def record_backup(session: Session, *, now: dt.datetime, actor: Actor) -> None:
    """Record in the audit log that a backup was made."""
    audit_log.record(session, actor, now, BACKUP)


def _backup_at(session: Session) -> dt.datetime | None:
    made = Filters(action=BACKUP.action, object_id=BACKUP.object_id)
    found = audit_log.page(session, made, None, 1)
    return found[0].at if found else None
