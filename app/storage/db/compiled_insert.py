"""Inserts that are compiled once and passed to the driver unchanged.

Responsible for: the few inserts on the hot path; `python3 dev.py bench submit` measures what it saves.
Never: accepts rows that lack a column.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import Insert

Bind = tuple[str, Callable[[Any], Any] | None]


class CompiledInsert:
    """An insert into all columns of a table except those that the database fills in."""

    def __init__(self, make: Callable[[Dialect], Insert], *left_out: str) -> None:
        self._make, self._left_out = make, left_out
        self._ready: dict[str, tuple[str, list[Bind], bool]] = {}

    def __call__(self, session: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> sa.CursorResult[Any]:
        """Insert `rows`, each with a value for every column."""
        found = self._ready.get(session.dialect.name)
        if found is None:
            found = self._ready[session.dialect.name] = self._compiled(session.dialect)
        statement, binds, positional = found
        if positional:
            values: list[Any] = [tuple(_bound(row[name], process) for name, process in binds) for row in rows]
        else:
            values = [{name: _bound(row[name], process) for name, process in binds} for row in rows]
        return session.exec_driver_sql(statement, values if len(values) > 1 else values[0])

    def _compiled(self, dialect: Dialect) -> tuple[str, list[Bind], bool]:
        insert = self._make(dialect)
        table = insert.table
        names = [column.name for column in table.columns if column.name not in self._left_out]
        compiled = insert.compile(dialect=dialect, column_keys=names)
        order: list[str] | None = getattr(compiled, "positiontup", None)
        kinds = {column.name: column.type.dialect_impl(dialect) for column in table.columns}
        binds: list[Bind] = [(name, kinds[name].bind_processor(dialect)) for name in order or names]
        return str(compiled), binds, order is not None


def _bound(value: Any, process: Callable[[Any], Any] | None) -> Any:
    return process(value) if process else value
