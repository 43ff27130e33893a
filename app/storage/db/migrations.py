"""Migrations: Alembic, under one database-wide lock, so that any number of replicas may start at once.

Responsible for: migrating the schema to head, and reporting its revision. Never: runs beside another
migration, or changes a schema that is at head already.
"""

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from app.errors import StartupError
from app.storage.db.database import Database

MIGRATIONS = Path(__file__).parents[3] / "migrations"
LOCK = 0x70726563  # "prec": the advisory lock of this product
VERSION = sa.table("alembic_version", sa.column("version_num"))
REVISION = re.compile(r'^(down_)?revision = (?:None|"(\w+)")$', re.MULTILINE)


@cache
def head() -> str:
    """Return the newest revision of this release."""
    return revisions()[-1]


def current(database: Database) -> str | None:
    """Return the revision of the database, or None when it is empty."""
    with database.engine.connect() as session:
        return _found(session)


def supports_schema(session: sa.Connection) -> bool:
    """Return whether this release supports the schema: it is at its own head, or at a revision of a newer
    release.
    """
    found = _found(session)
    return found is not None and (found == head() or found not in revisions())


def _found(session: sa.Connection) -> str | None:
    """Return the revision in the table of Alembic; a start without migrations does not import Alembic."""
    if not sa.inspect(session).has_table(VERSION.name):
        return None
    return session.execute(sa.select(VERSION.c.version_num)).scalar_one_or_none()


@cache
def revisions() -> tuple[str, ...]:
    """Return the revisions of this release, oldest first, as read from their files."""
    after: dict[str, str] = {}
    for path in (MIGRATIONS / "versions").glob("*.py"):
        names = dict(REVISION.findall(path.read_text(encoding="utf-8")))
        after[names["down_"]] = names[""]
    found, last = [], ""
    while last in after:
        last = after[last]
        found.append(last)
    return tuple(found)


def migrate(database: Database, revision: str = "head") -> None:
    """Migrate the schema to `revision`, up or down.

    Does nothing when it is there already, or at a revision this release does not know.
    """
    target = head() if revision == "head" else revision
    found = current(database)
    if found == target or (found is not None and found not in revisions()):
        return
    with _locked(database) as session:
        at, known = _found(session), revisions()
        if at == target:
            return  # another process was faster
        down = target == "base" or (at in known and target in known and known.index(target) < known.index(at))
        _run(session, target, down=down)


def _run(session: sa.Connection, target: str, *, down: bool) -> None:
    from alembic import command  # noqa: PLC0415 - only needed when there is something to migrate
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = session
    (command.downgrade if down else command.upgrade)(config, target)


def backup(database: Database, file: Path) -> None:
    """Write a consistent copy of the embedded database (SQLite's online backup). Raises Refusal."""
    if not database.is_sqlite:
        raise StartupError(
            "This copies the embedded database; for PostgreSQL use pg_dump: docs/operations.md."
        )
    if file.exists():
        raise StartupError(f"{file} is there already; a backup never replaces a file.")
    with database.engine.connect() as session, contextlib.closing(sqlite3.connect(file)) as copy:
        file.chmod(0o600)
        source = session.connection.driver_connection
        assert source is not None  # noqa: S101 - an open connection has one
        source.backup(copy)


@contextlib.contextmanager
def _locked(database: Database) -> Iterator[sa.Connection]:
    """Open a transaction that holds the lock: BEGIN IMMEDIATE on SQLite, an advisory lock on PostgreSQL."""
    with database.engine.begin() as session:
        if not database.is_sqlite:
            session.exec_driver_sql("SET LOCAL lock_timeout = '120s'")
            session.exec_driver_sql("SET LOCAL statement_timeout = 0")
            session.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        yield session
