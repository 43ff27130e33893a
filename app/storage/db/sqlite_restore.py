"""Restore of the embedded database from a backup.

Responsible for: a copy of the backup that can be checked and completed, and swapping it in while no other
process has the database open. Never: accepts an incomplete database, swaps beside a running service, or
destroys the previous database.
"""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from app.errors import StartupError

SIDECAR_FILES = ("-wal", "-shm")


@contextlib.contextmanager
def prepare_copy(backup: Path, database: Path) -> Iterator[Path]:
    """Copy the backup beside the database and check it. The copy is deleted at the end unless it was
    swapped in.
    """
    copy = database.with_name(f"{database.name}.restoring")
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove(copy)
    try:
        shutil.copyfile(backup, copy)
        copy.chmod(0o600)
        _check(copy, backup)
        yield copy
    finally:
        _remove(copy)


def swap_in(copy: Path, database: Path) -> Path | None:
    """Swap the copy in and return where the previous database is stored now, or None when there was none.

    Raises Refusal while another process has the database open, or when a file of an earlier restore is in
    the way.
    """
    _settle(copy)
    if not database.exists():
        copy.rename(database)
        _settle(database.parent)
        return None
    older = database.with_name(f"{database.name}.replaced")
    if older.exists():
        raise StartupError(f"{older} is there already, from an earlier restore; move it away or delete it.")
    with _alone(database):
        database.rename(older)
        copy.rename(database)
        _settle(database.parent)
    return older


@contextlib.contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Lock the database so that no other process has it open, and merge the write-ahead log into its one
    file.
    """
    with contextlib.closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as session:
        try:
            for statement in ("locking_mode=EXCLUSIVE", "wal_checkpoint(TRUNCATE)", "journal_mode=DELETE"):
                session.execute(f"PRAGMA {statement}").fetchall()
            session.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            raise StartupError("The database is in use: stop the service first.") from None
        except sqlite3.DatabaseError:  # the database to be replaced may be broken
            pass
        yield


def _check(copy: Path, backup: Path) -> None:
    try:
        with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as session:
            found = session.execute("PRAGMA integrity_check(1)").fetchall()
            ours = session.execute("SELECT count(*) FROM alembic_version").fetchone()
    except sqlite3.DatabaseError:
        found, ours = [], (0,)
    if found != [("ok",)] or ours != (1,):
        raise StartupError(f"{backup} is no whole backup of this product's database; nothing was changed.")


def _remove(copy: Path) -> None:
    for ending in ("", *SIDECAR_FILES):
        copy.with_name(copy.name + ending).unlink(missing_ok=True)


def _settle(path: Path) -> None:
    """Make a file, or the entries of a directory, durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
