"""The erasure ledger: what was erased stays erased, also when the database is put back to a backup.

Office: a file beside the database, one line `id time` for each erasure. It follows the audit trail: an
erasure is written here after its commit and before it is acknowledged, and at every start what a crash kept
from being written. Written before the commit, it could name what was never erased; some time after it, it
could lack what was. Replicas follow the one trail, each in a ledger of its own, so each is whole. At start
what the ledger names and the database still has is erased again. Refuses: anything but ids and times.
"""

import datetime as dt
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.services import submissions as acts
from app.storage import audit, ledger, submissions
from app.storage.audit import Actor
from app.storage.database import Database, Session

ACTOR = Actor("service", "ledger")
MARGIN = 5000  # events that may still be committed behind the newest: none takes that long
OVERLAP = dt.timedelta(hours=1)  # the same at a start, as time
BATCH = 500
KNOWN = 200  # so many in a row that the trail knows, and all before are known too


@dataclass(frozen=True, slots=True)
class Entry:
    """One erasure."""

    id: str
    at: dt.datetime

    def line(self) -> str:
        return f"{self.id} {self.at.isoformat()}"


class Ledger:
    """The ledger of one process."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._alone = threading.Lock()
        self._newest: int | None = None
        self._noted: set[str] = set()

    def settle(self, database: Database) -> int:
        """Write down every erasure that is committed and not written yet, durably; how many."""
        with self._alone:
            newest = database.read_now(audit.newest)
            begin = database.read_now(self._begin) if self._newest is None else self._newest - MARGIN
            found = [Entry(*each) for each in database.read_now(partial(audit.erasures, past=begin))]
            fresh = [each for each in found if each.id not in self._noted]
            if fresh:
                ledger.append(self.file, *(each.line() for each in fresh))
            self._newest, self._noted = newest, {each.id for each in found}
            return len(fresh)

    def _begin(self, session: Session) -> int:
        """The event to begin at: all of them without a ledger, else from a little before its last line."""
        known = entries(self.file)
        if not known:
            return 0
        since = known[-1].at - OVERLAP
        self._noted = {each.id for each in known if each.at >= since - OVERLAP}
        return audit.place(session, since) - 1


def entries(file: Path) -> list[Entry]:
    """Every whole line of a ledger; one that a crash cut off names nothing that was acknowledged."""
    found = []
    for line in ledger.lines(file):
        name, _, at = line.partition(" ")
        if submissions.ID.fullmatch(name):
            try:
                found.append(Entry(name, dt.datetime.fromisoformat(at).astimezone(dt.UTC)))
            except (ValueError, OverflowError):
                continue
    return found


def replay(database: Database, file: Path, *, now: dt.datetime) -> int:
    """Erase again what the ledger names and the database still has; how many.

    Those the trail has as erased are gone; it is walked back to where nothing else comes.
    """
    erased, known, pending = 0, 0, list(entries(file))
    while pending and known < KNOWN:
        batch, pending = [each.id for each in pending[-BATCH:]], pending[:-BATCH]
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
