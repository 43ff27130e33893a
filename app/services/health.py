"""How the service is: its database, its audit chain, its keys, what will go, what waits to be told, backups.

Office: one look at all of it, in one moment. Refuses: names, values, and to mend anything.
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
OLD = dt.timedelta(days=2)  # a backup older than that is told
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Health:
    """`sealing_keys`: ids of those proved, the newest first; `backup_at`: None when none was made."""

    going: Going
    chain: State
    waiting: Waiting
    unsent: tuple[Alert, ...]
    refused: tuple[Alert, ...]
    sealing_keys: tuple[str, ...]
    backup_at: dt.datetime | None
    webhooks: tuple[Endpoint, ...]  # those that stand still, though nobody has paused them

    def backup_is_old(self, now: dt.datetime) -> bool:
        """Never made, or a while ago."""
        return self.backup_at is None or now - self.backup_at > OLD


def look(session: Session, keyring: Keyring, zone: str, *, now: dt.datetime) -> Health:
    """How everything is now."""
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
    """A backup was made: it goes on record."""
    audit.record(session, actor, now, BACKUP)


def _backup_at(session: Session) -> dt.datetime | None:
    made = Filters(action=BACKUP.action, object_id=BACKUP.object_id)
    found = audit.page(session, made, None, 1)
    return found[0].at if found else None
