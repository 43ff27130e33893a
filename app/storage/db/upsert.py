"""`INSERT ... ON CONFLICT`: the same SQL in SQLite and PostgreSQL, but a separate SQLAlchemy construct for
each.

Responsible for: the construct of the current database. Never: imports the construct of the other one.
"""

from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.dialects.sqlite import Insert


def insert(dialect: sa.Dialect, table: sa.Table) -> "Insert":
    """Return an insert that accepts an ON CONFLICT clause."""
    if dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite  # noqa: PLC0415

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415

    return cast("Insert", postgresql.insert(table))
