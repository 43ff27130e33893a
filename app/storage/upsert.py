"""`INSERT ... ON CONFLICT`: SQLite and PostgreSQL word it alike, and each has its own construct for it."""

from typing import cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def insert(dialect: sa.Dialect, table: sa.Table) -> sqlite.Insert:
    """An insertion that may say what to do where a row is there already."""
    if dialect.name == "sqlite":
        return sqlite.insert(table)
    return cast("sqlite.Insert", postgresql.insert(table))
