"""Erasure ledger: erasures and revocations stay in effect when the database is restored from a backup.

Responsible for: a file beside the database with one line for each erasure (`id time`), revoked API key and
disabled or enabled staff user (`action id time`). It follows the audit log: an erasure is written here after
its commit and before it is acknowledged, the other actions within about a second; at every start, whatever a
crash left unwritten is added. Written before the commit, the ledger could name a submission that was never
erased; written much later, it could lack one that was. Replicas follow the same audit log, each with a ledger
of its own, so each ledger is complete. At start, everything that the ledger says was ended and that the
database still has is ended again; no one is enabled again. Never: contains anything but actions, ids and
times.
"""

import datetime as dt
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.services.auth import users
from app.services.submissions import lifecycle as acts
from app.storage.auth import api_keys
from app.storage.auth import users as people
from app.storage.db.database import Database, Session
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.operations import append_only_file
from app.storage.submissions import submissions

ACTOR = Actor("service", "ledger")
REVOKED, DISABLED, ENABLED = "api_key.revoked", "staff.disabled", "staff.enabled"
REPLAYED_ACTIONS = (audit_log.ERASED, REVOKED, DISABLED, ENABLED)
MARGIN = 5000  # events with a lower number that may still be committed: no transaction takes that long
OVERLAP = dt.timedelta(hours=1)  # the same at start, as a time
BATCH = 500
MAX_CONSECUTIVE_KNOWN = 200  # after this many known entries in a row, all earlier ones are known too


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One action that has to survive a restore: `action` of the audit log, on the object `id`."""

    action: str
    id: str
    at: dt.datetime

    def line(self) -> str:
        kind = "" if self.action == audit_log.ERASED else f"{self.action} "
        return f"{kind}{self.id} {self.at.isoformat()}"


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """How many submissions, keys and staff users were ended again."""

    erased: int
    revoked: int
    disabled: int


class Ledger:
    """The ledger of one process."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._alone = threading.Lock()
        self._newest: int | None = None
        self._noted: set[LedgerEntry] = set()

    def sync(self, database: Database) -> int:
        """Write every committed action that is not in the ledger yet, durably; return how many."""
        with self._alone:
            newest = database.read_blocking(audit_log.newest)
            if self._newest is None:
                known = entries(self.file)
                done = database.read_blocking(partial(_missed, known=known))
                self._noted = set(known)
            else:
                known = []
                done = database.read_blocking(partial(_done, past=self._newest - MARGIN))
            fresh = [each for each in dict.fromkeys(done) if each not in self._noted]
            if fresh:
                append_only_file.append(self.file, *(each.line() for each in fresh))
            self._newest, self._noted = newest, {*known, *done}
            return len(fresh)

    def replay(self, database: Database, *, now: dt.datetime) -> ReplayReport:
        """End again whatever the ledger says was ended and the database still has.

        The ledger is first completed from the audit log.
        """
        self.sync(database)
        every = entries(self.file)
        erased = _erased_again(database, [each.id for each in every if each.action == audit_log.ERASED], now)
        words = _last_words(every)
        ended = database.write_blocking(partial(_end, words=words, now=now)) if words else (0, 0)
        return ReplayReport(erased, *ended)


def entries(file: Path) -> list[LedgerEntry]:
    """Return every complete line of a ledger; one cut off by a crash names nothing that was acknowledged."""
    return [entry for line in append_only_file.lines(file) if (entry := _entry(line))]


def _entry(line: str) -> LedgerEntry | None:
    named, _, at = line.rpartition(" ")
    action, _, name = named.rpartition(" ")
    if (action or audit_log.ERASED) not in REPLAYED_ACTIONS or not (action or submissions.ID.fullmatch(name)):
        return None
    try:
        return LedgerEntry(action or audit_log.ERASED, name, dt.datetime.fromisoformat(at).astimezone(dt.UTC))
    except (ValueError, OverflowError):
        return None


def _done(session: Session, *, past: int) -> list[LedgerEntry]:
    return [LedgerEntry(*each) for each in audit_log.actions_after(session, REPLAYED_ACTIONS, past)]


def _missed(session: Session, *, known: list[LedgerEntry]) -> list[LedgerEntry]:
    """Return the entries a ledger may lack at start.

    These are all when the ledger is empty, otherwise those since shortly before its last line.
    """
    past = audit_log.find_by_time(session, known[-1].at - OVERLAP) - 1 if known else 0
    return [*_done(session, past=past), *_ended(session)]


def _ended(session: Session) -> list[LedgerEntry]:
    """Return the revoked keys and the disabled staff; a ledger of an earlier release lacks them."""
    over = [
        LedgerEntry(REVOKED, each.id, each.revoked_at)
        for each in api_keys.list_all(session)
        if each.revoked_at
    ]
    gone = [
        LedgerEntry(DISABLED, each.id, each.disabled_at)
        for each in people.list_all(session)
        if each.disabled_at
    ]
    return over + gone


def _last_words(every: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """Return the last entry of each key and each staff user, unless it is `staff.enabled`.

    The order is that of the lines, because a clock may be set back; of identical lines the first one counts.
    """
    last = {each.id: each for each in dict.fromkeys(every) if each.action != audit_log.ERASED}
    return [each for each in last.values() if each.action != ENABLED]


def _end(session: Session, *, words: Iterable[LedgerEntry], now: dt.datetime) -> tuple[int, int]:
    revoked = disabled = 0
    for each in words:
        if each.action == REVOKED and api_keys.revoke(session, each.id, now):
            audit_log.record(session, ACTOR, now, AuditAction(REVOKED, "api_key", each.id))
            revoked += 1
        elif each.action == DISABLED and (person := people.fetch(session, each.id)) and person.active:
            users.force_disable(session, each.id, now=now, actor=ACTOR)
            disabled += 1
    return revoked, disabled


def _erased_again(database: Database, pending: list[str], now: dt.datetime) -> int:
    """Erase the submissions the audit log does not have as erased; return how many.

    The ledger is read backwards, until `KNOWN` entries in a row are known to the audit log.
    """
    erased = known = 0
    while pending and known < MAX_CONSECUTIVE_KNOWN:
        batch, pending = pending[-BATCH:], pending[:-BATCH]
        gone = database.read_blocking(partial(audit_log.erased_among, ids=batch))
        left = [each for each in batch if each not in gone]
        erased += database.write_blocking(partial(_erase, ids=left, now=now)) if left else 0
        known = known + len(batch) if not left else 0
    return erased


def _erase(session: Session, *, ids: list[str], now: dt.datetime) -> int:
    """Erase these submissions; a legal hold restored from a backup was released before the erasure."""
    erased = 0
    for each in ids:
        submissions.set_legal_hold(session, each, held=False)
        erased += acts.erase(session, each, now=now, actor=ACTOR)
    return erased
