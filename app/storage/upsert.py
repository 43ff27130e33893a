"""`INSERT ... ON CONFLICT`: SQLite and PostgreSQL word it alike, and each has its own construct for it.

Responsible for: the construct of the database at hand. Never: imports the other one's.
"""

from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.dialects.sqlite import Insert


def insert(dialect: sa.Dialect, table: sa.Table) -> "Insert":
    """An insertion that may say what to do where a row is there already."""
    if dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite  # noqa: PLC0415

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415

    return cast("Insert", postgresql.insert(table))
