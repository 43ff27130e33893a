"""Migrated databases that tests use one after the other: emptied after each test, never created again.

Their engines outlive the service that uses them, so that statements are compiled and connections are opened
once per process. Threads, the writer and all other parts of a `Database` are new for every service.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import sqlalchemy as sa

from app.storage.db import database, migrations
from app.storage.db.database import Database
from app.storage.tables.base import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

make_engine = database._engine
DELETE = "; ".join(f'DELETE FROM "{table}"' for table in metadata.tables)
# Deletes in any order of the tables, and without waiting for a disk.
EMPTY_SQLITE = f"BEGIN IMMEDIATE; {DELETE}; COMMIT"
EMPTY_POSTGRES = f"{DELETE}; SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'"
POSTGRES_OPTIONS = "-c session_replication_role=replica -c synchronous_commit=off -c lock_timeout=10s"


class Shared:
    """A migrated database without rows, for one test at a time."""

    def __init__(self, address: str) -> None:
        self.address, self.url = address, sa.make_url(address)
        self._idle: dict[sa.Engine, tuple[int, bool]] = {}
        migrate(address)
        self._connection: Any = self._connect()

    def _connect(self) -> sqlite3.Connection | psycopg.Connection:
        if self.url.get_backend_name() != "sqlite":
            address = self.address.replace("+psycopg", "", 1)
            return psycopg.connect(address, autocommit=True, options=POSTGRES_OPTIONS)
        connection = sqlite3.connect(str(self.url.database), isolation_level=None)
        for pragma in ("synchronous=OFF", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def renew(self) -> None:
        """Reconnect and empty again if a test has restarted the server, which may lose the last deletion."""
        try:
            self._connection.execute("SELECT 1")
        except psycopg.OperationalError:
            self._connection = self._connect()
            for engine in self._idle:
                sa.Engine.dispose(engine)
            self.empty()

    @contextlib.contextmanager
    def lasting(self) -> Iterator[None]:
        """Within the block, each new Database of this address gets engines that outlive it."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(database, "_engine", self._engine)
            yield

    def empty(self) -> None:
        """Delete all rows; the schema stays. Every Database on it must be closed."""
        if isinstance(self._connection, sqlite3.Connection):
            self._connection.executescript(EMPTY_SQLITE)
        else:
            self._connection.execute(EMPTY_POSTGRES)

    def close(self) -> None:
        self._connection.close()
        for engine in self._idle:
            engine.pool.dispose()

    def _engine(self, url: sa.URL, pool: int, *, immediate: bool) -> sa.Engine:
        """An idle engine of this kind, or a new one; only one Database uses it until it is closed."""
        if url != self.url:
            return make_engine(url, pool, immediate=immediate)
        for engine, kind in self._idle.items():
            if kind == (pool, immediate):
                del self._idle[engine]
                return engine
        engine = make_engine(url, pool, immediate=immediate)
        engine.dispose = partial(self._disposed, engine, (pool, immediate))  # type: ignore[method-assign]
        return engine

    def _disposed(self, engine: sa.Engine, kind: tuple[int, bool]) -> None:
        if engine.pool.checkedout():  # type: ignore[attr-defined] # an open transaction would affect other tests
            sa.Engine.dispose(engine)
        else:
            self._idle[engine] = kind


def migrate(url: str) -> None:
    """Migrate a database to head."""
    opened = Database(url)
    migrations.migrate(opened)
    opened.close()


@cache
def _file_at_head() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "preconsult.db"
        migrate(f"sqlite:///{path}")
        return path.read_bytes()


def write_at_head(path: Path) -> None:
    """Create a migrated SQLite database by copying one, which is faster than running the migrations."""
    path.write_bytes(_file_at_head())
