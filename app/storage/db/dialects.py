"""One cache of compiled statements for all engines of a process.

Responsible for: the SQLite and PostgreSQL dialects of SQLAlchemy, made equal where they compile a statement
to the same SQL, so that what one engine has compiled serves the next: the readers as well as the writer,
and a second application in the process. Never: shares statements between versions of a database.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.util import LRUCache

COMPILED: LRUCache[Any, Any] = LRUCache(2000)
DRIVERS = {"pysqlite": "sqlite+shared", "psycopg": "postgresql+shared"}


class Shared:
    """Equality of dialects. Every other setting of a dialect is the same for all engines (database.py)."""

    server_version_info: Any  # known after the first connection, which is before anything is compiled

    def __eq__(self, other: object) -> bool:
        same = type(self) is type(other)
        return same and self.server_version_info == getattr(other, "server_version_info", None)

    def __hash__(self) -> int:
        return hash(type(self))


registry.register("sqlite.shared", "app.storage.db.dialect_sqlite", "Sqlite")
registry.register("postgresql.shared", "app.storage.db.dialect_postgresql", "Postgres")


def create_engine(url: sa.URL, **more: Any) -> sa.Engine:
    """Create an engine that reuses every statement other engines of this process have compiled."""
    drivername = DRIVERS.get(url.get_driver_name(), url.drivername)
    return sa.create_engine(
        url.set(drivername=drivername), execution_options={"compiled_cache": COMPILED}, **more
    )
