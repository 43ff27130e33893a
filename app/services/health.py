"""System status: database, audit chain, keys, upcoming erasures, unsent alerts, webhooks and backups.

Responsible for: reading all of it in one snapshot. Never: reads names or values, or repairs anything.
"""

import datetime as dt
from dataclasses import dataclass

from app.sealing import Keyring
from app.services import chain, holding
from app.services.chain import State
from app.services.holding import Going
from app.storage import alerts, audit, endpoints, keys
from app.storage.alerts import Alert, Waiting
from app.storage.audit import Act, Actor, Filters
from app.storage.database import Session
from app.storage.endpoints import Endpoint

BACKUP = Act("backup.made", "database", "backup")
OLD = dt.timedelta(days=2)  # a backup older than this is reported
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Health:
    """`sealing_keys`: ids of the proved keys, newest first; `backup_at`: None when there is no backup."""

    going: Going
    chain: State
    waiting: Waiting
    unsent: tuple[Alert, ...]
    refused: tuple[Alert, ...]
    sealing_keys: tuple[str, ...]
    backup_at: dt.datetime | None
    webhooks: tuple[Endpoint, ...]  # those not working although no user has paused them

    def backup_is_old(self, now: dt.datetime) -> bool:
        """Return whether there is no backup, or none within the last two days."""
        return self.backup_at is None or now - self.backup_at > OLD


def look(session: Session, keyring: Keyring, zone: str, *, now: dt.datetime) -> Health:
    """Return the current status."""
    proved, newest = keys.proofs(session), keyring.newest
    return Health(
        going=holding.going(session, zone, now=now),
        chain=chain.state(session, keyring),
        waiting=alerts.waiting(session, now),
        unsent=tuple(alerts.unsent(session, SHOWN)),
        refused=tuple(alerts.refused(session, SHOWN)),
        sealing_keys=(newest, *sorted(proved.keys() - {newest})),
        backup_at=_backup_at(session),
        webhooks=tuple(endpoints.trouble(session)),
    )


def backed_up(session: Session, *, now: dt.datetime, actor: Actor) -> None:
    """Record in the audit log that a backup was made."""
    audit.record(session, actor, now, BACKUP)


def _backup_at(session: Session) -> dt.datetime | None:
    made = Filters(action=BACKUP.action, object_id=BACKUP.object_id)
    found = audit.page(session, made, None, 1)
    return found[0].at if found else None
