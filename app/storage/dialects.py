"""One cache of compiled statements for all engines of a process.

Responsible for: SQLite and PostgreSQL as SQLAlchemy knows them, but equal wherever they word a statement the
same, so that what one engine compiled serves the next: readers beside the writer, and a second application
in the process. Never: shares between versions of a database.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.util import LRUCache

COMPILED: LRUCache[Any, Any] = LRUCache(2000)
DRIVERS = {"pysqlite": "sqlite+shared", "psycopg": "postgresql+shared"}


class Shared:
    """Equality of dialects. Everything else they are made with is the same for all engines (database.py)."""

    server_version_info: Any  # known once a first connection was made, which is before anything is compiled

    def __eq__(self, other: object) -> bool:
        same = type(self) is type(other)
        return same and self.server_version_info == getattr(other, "server_version_info", None)

    def __hash__(self) -> int:
        return hash(type(self))


registry.register("sqlite.shared", "app.storage.dialect_sqlite", "Sqlite")
registry.register("postgresql.shared", "app.storage.dialect_postgresql", "Postgres")


def create_engine(url: sa.URL, **more: Any) -> sa.Engine:
    """An engine that compiles nothing another one of this process has compiled."""
    drivername = DRIVERS.get(url.get_driver_name(), url.drivername)
    return sa.create_engine(
        url.set(drivername=drivername), execution_options={"compiled_cache": COMPILED}, **more
    )
