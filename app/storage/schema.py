"""Migrations: Alembic, under one database-wide lock, so that any number of replicas may start at once.

Office: brings the schema to head, or says where it stands. Refuses: to run beside another migration; to touch
a schema that is at head already.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.errors import Refusal
from app.storage.database import Database

MIGRATIONS = Path(__file__).parents[2] / "migrations"
LOCK = 0x70726563  # "prec": the advisory lock of this product


@cache
def head() -> str:
    """The newest revision there is."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    assert found is not None  # noqa: S101 - migrations/versions is never empty
    return found


def current(database: Database) -> str | None:
    """The revision the database is at, or None when it is empty."""
    with database.engine.connect() as session:
        return MigrationContext.configure(session).get_current_revision()


def is_current(session: sa.Connection) -> bool:
    """Can this release serve the schema: its own head, or that of a newer release?"""
    found = MigrationContext.configure(session).get_current_revision()
    return found is not None and (found == head() or found not in _known())


@cache
def _known() -> frozenset[str]:
    """The revisions this release has."""
    return frozenset(each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions())


def migrate(database: Database, revision: str = "head") -> None:
    """Bring the schema to `revision`, up or down; a no-op when it is there already."""
    target = head() if revision == "head" else revision
    found = current(database)
    if found == target or (found is not None and found not in _known()):
        return
    with _locked(database) as session:
        at = MigrationContext.configure(session).get_current_revision()
        if at == target:
            return  # a rival was quicker
        config = _config()
        config.attributes["connection"] = session
        known = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
        down = target == "base" or (at in known and target in known and known.index(target) > known.index(at))
        (command.downgrade if down else command.upgrade)(config, target)


def backup(database: Database, file: Path) -> None:
    """A consistent copy of the embedded database (SQLite's online backup). Raises Refusal."""
    if not database.is_sqlite:
        raise Refusal("This copies the embedded database; for PostgreSQL use pg_dump, as the README shows.")
    if file.exists():
        raise Refusal(f"{file} is there already; a backup never replaces a file.")
    with database.engine.connect() as session, contextlib.closing(sqlite3.connect(file)) as copy:
        file.chmod(0o600)
        source = session.connection.driver_connection
        assert source is not None  # noqa: S101 - an open connection has one
        source.backup(copy)


@contextlib.contextmanager
def _locked(database: Database) -> Iterator[sa.Connection]:
    """One transaction that holds the lock: BEGIN IMMEDIATE on SQLite, an advisory lock on PostgreSQL."""
    with database.engine.begin() as session:
        if not database.is_sqlite:
            session.exec_driver_sql("SET LOCAL lock_timeout = '120s'")
            session.exec_driver_sql("SET LOCAL statement_timeout = 0")
            session.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        yield session


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config
