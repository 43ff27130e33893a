"""The erasure ledger: what was ended stays ended, also when the database is put back to a backup.

Office: a file beside the database, a line for each erasure (`id time`), API key revoked and member of staff
disabled or enabled (`action id time`). It follows the audit trail: an erasure is written here after its
commit and before it is acknowledged, the rest within about a second, and at every start what a crash kept
from being written. Written before the commit, it could name what was never erased; some time after it, it
could lack what was. Replicas follow the one trail, each in a ledger of its own, so each is whole. At start
what the ledger says was ended and the database still has is ended again; nobody is enabled again. Refuses:
anything but ids and times.
"""

import datetime as dt
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.services import staff
from app.services import submissions as acts
from app.storage import audit, keys, ledger, submissions
from app.storage import staff as people
from app.storage.audit import Act, Actor
from app.storage.database import Database, Session

ACTOR = Actor("service", "ledger")
REVOKED, DISABLED, ENABLED = "api_key.revoked", "staff.disabled", "staff.enabled"
FOLLOWED = (audit.ERASED, REVOKED, DISABLED, ENABLED)
MARGIN = 5000  # events that may still be committed behind the newest: none takes that long
OVERLAP = dt.timedelta(hours=1)  # the same at a start, as time
BATCH = 500
KNOWN = 200  # so many in a row that the trail knows, and all before are known too


@dataclass(frozen=True, slots=True)
class Entry:
    """One act that has to outlive a restore: `action` of the audit trail, on the object `id`."""

    action: str
    id: str
    at: dt.datetime

    def line(self) -> str:
        kind = "" if self.action == audit.ERASED else f"{self.action} "
        return f"{kind}{self.id} {self.at.isoformat()}"


@dataclass(frozen=True, slots=True)
class Again:
    """How many were ended again."""

    erased: int
    revoked: int
    disabled: int


class Ledger:
    """The ledger of one process."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._alone = threading.Lock()
        self._newest: int | None = None
        self._noted: set[Entry] = set()

    def settle(self, database: Database) -> int:
        """Write down every such act that is committed and not written yet, durably; how many."""
        with self._alone:
            newest = database.read_now(audit.newest)
            if self._newest is None:
                known = entries(self.file)
                done = database.read_now(partial(_missed, known=known))
                self._noted = set(known)
            else:
                known = []
                done = database.read_now(partial(_done, past=self._newest - MARGIN))
            fresh = [each for each in dict.fromkeys(done) if each not in self._noted]
            if fresh:
                ledger.append(self.file, *(each.line() for each in fresh))
            self._newest, self._noted = newest, {*known, *done}
            return len(fresh)

    def replay(self, database: Database, *, now: dt.datetime) -> Again:
        """End again what was ended and the database still has, once it holds all that the trail knows."""
        self.settle(database)
        every = entries(self.file)
        erased = _erased_again(database, [each.id for each in every if each.action == audit.ERASED], now)
        words = _last_words(every)
        ended = database.write_now(partial(_end, words=words, now=now)) if words else (0, 0)
        return Again(erased, *ended)


def entries(file: Path) -> list[Entry]:
    """Every whole line of a ledger; one that a crash cut off names nothing that was acknowledged."""
    return [entry for line in ledger.lines(file) if (entry := _entry(line))]


def _entry(line: str) -> Entry | None:
    named, _, at = line.rpartition(" ")
    action, _, name = named.rpartition(" ")
    if (action or audit.ERASED) not in FOLLOWED or not (action or submissions.ID.fullmatch(name)):
        return None
    try:
        return Entry(action or audit.ERASED, name, dt.datetime.fromisoformat(at).astimezone(dt.UTC))
    except (ValueError, OverflowError):
        return None


def _done(session: Session, *, past: int) -> list[Entry]:
    return [Entry(*each) for each in audit.done(session, FOLLOWED, past)]


def _missed(session: Session, *, known: list[Entry]) -> list[Entry]:
    """What a ledger may lack at a start: all without one, else all since shortly before its last line."""
    past = audit.place(session, known[-1].at - OVERLAP) - 1 if known else 0
    return [*_done(session, past=past), *_ended(session)]


def _ended(session: Session) -> list[Entry]:
    """Whose key is revoked and who is disabled now: a ledger of an earlier release lacks them."""
    over = [Entry(REVOKED, each.id, each.revoked_at) for each in keys.every(session) if each.revoked_at]
    gone = [Entry(DISABLED, each.id, each.disabled_at) for each in people.every(session) if each.disabled_at]
    return over + gone


def _last_words(every: Iterable[Entry]) -> list[Entry]:
    """What the ledger says last of each key and each person that it says is ended.

    By the order of lines, since a clock may be set back; one that came twice counts where it came first.
    """
    last = {each.id: each for each in dict.fromkeys(every) if each.action != audit.ERASED}
    return [each for each in last.values() if each.action != ENABLED]


def _end(session: Session, *, words: Iterable[Entry], now: dt.datetime) -> tuple[int, int]:
    revoked = disabled = 0
    for each in words:
        if each.action == REVOKED and keys.revoke(session, each.id, now):
            audit.record(session, ACTOR, now, Act(REVOKED, "api_key", each.id))
            revoked += 1
        elif each.action == DISABLED and (person := people.fetch(session, each.id)) and person.active:
            staff.shut_out(session, each.id, now=now, actor=ACTOR)
            disabled += 1
    return revoked, disabled


def _erased_again(database: Database, pending: list[str], now: dt.datetime) -> int:
    """Those the trail has as erased are gone; it is walked back to where nothing else comes."""
    erased = known = 0
    while pending and known < KNOWN:
        batch, pending = pending[-BATCH:], pending[:-BATCH]
        gone = database.read_now(partial(audit.erased, ids=batch))
        left = [each for each in batch if each not in gone]
        erased += database.write_now(partial(_erase, ids=left, now=now)) if left else 0
        known = known + len(batch) if not left else 0
    return erased


def _erase(session: Session, *, ids: list[str], now: dt.datetime) -> int:
    """A hold that a backup brought back was released before it was erased."""
    erased = 0
    for each in ids:
        submissions.hold(session, each, held=False)
        erased += acts.forget(session, each, now=now, actor=ACTOR)
    return erased
