"""Databases at head that tests use one after the other: emptied after each, never made anew.

Their engines outlive the service that uses them, so that statements are compiled and connections opened
once a process. Threads, the writer and everything else of a `Database` are new for every service.
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

from app.storage import database, schema
from app.storage.database import Database
from app.storage.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

make_engine = database._engine
DELETE = "; ".join(f'DELETE FROM "{table}"' for table in metadata.tables)
# In any order of the tables, and without waiting for a disk.
EMPTY_SQLITE = f"BEGIN IMMEDIATE; {DELETE}; COMMIT"
EMPTY_POSTGRES = f"{DELETE}; SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'"
POSTGRES_OPTIONS = "-c session_replication_role=replica -c synchronous_commit=off -c lock_timeout=10s"


class Shared:
    """A database at head with nothing in it, for one test at a time."""

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
        """Connect anew where another test has restarted the server, which may have lost the last removal."""
        try:
            self._connection.execute("SELECT 1")
        except psycopg.OperationalError:
            self._connection = self._connect()
            for engine in self._idle:
                sa.Engine.dispose(engine)
            self.empty()

    @contextlib.contextmanager
    def lasting(self) -> Iterator[None]:
        """Within it, each new Database of this address gets engines that outlive it."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(database, "_engine", self._engine)
            yield

    def empty(self) -> None:
        """Take every row out of it; its schema stays. Each Database of it has to be closed."""
        if isinstance(self._connection, sqlite3.Connection):
            self._connection.executescript(EMPTY_SQLITE)
        else:
            self._connection.execute(EMPTY_POSTGRES)

    def close(self) -> None:
        self._connection.close()
        for engine in self._idle:
            engine.pool.dispose()

    def _engine(self, url: sa.URL, pool: int, *, immediate: bool) -> sa.Engine:
        """An idle engine of this kind, or a new one; its Database has it to itself until it is closed."""
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
        if engine.pool.checkedout():  # type: ignore[attr-defined] # a transaction would reach into other tests
            sa.Engine.dispose(engine)
        else:
            self._idle[engine] = kind


def migrate(url: str) -> None:
    """Bring a database to head."""
    opened = Database(url)
    schema.migrate(opened)
    opened.close()


@cache
def _file_at_head() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "preconsult.db"
        migrate(f"sqlite:///{path}")
        return path.read_bytes()


def write_at_head(path: Path) -> None:
    """Make an embedded database at head: a copy, which is quicker than its migrations."""
    path.write_bytes(_file_at_head())
