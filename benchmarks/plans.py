"""How a database executes a page's queries: every statement of a page, its plan, and its duration.

Responsible for: recording the statements of one request, reading their plans, and finding scans of large
tables. Never: repeats a statement that changes data.
"""

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from app.storage.db.database import Database
from benchmarks.workbench_rows import BIG

NAMES = "|".join(table.name for table in BIG)
WALKS = {  # how a plan describes a scan of a table, or of a whole index on it
    "sqlite": re.compile(rf"SCAN ({NAMES})\b.*"),
    "postgresql": re.compile(rf"Seq Scan on ({NAMES})\b.*"),
}
REPEATS = 5


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that was executed, with its values."""

    text: str
    values: Any

    @property
    def reads(self) -> bool:
        return self.text.lstrip().upper().startswith(("SELECT", "WITH")) and "FOR UPDATE" not in self.text


@contextlib.contextmanager
def heard(database: Database) -> Iterator[list[Statement]]:
    """The statements executed in this block."""
    found: list[Statement] = []

    def hear(_session: Any, _cursor: Any, text: str, values: Any, _context: Any, many: bool) -> None:
        if not many and not text.startswith(("SAVEPOINT", "RELEASE", "INSERT", "BEGIN", "PRAGMA")):
            found.append(Statement(text, values))

    engines = {database.engine, database._readers}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", hear)
    try:
        yield found
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", hear)


def walks(database: Database, statements: Sequence[Statement]) -> list[str]:
    """Lines of plans that scan a large table."""
    found = []
    with database.engine.connect() as session:
        for each in statements:
            lines = plan(session, each)
            found += [match[0] for match in map(WALKS[session.dialect.name].search, lines) if match]
            found += _whole_indexes(lines)
    return list(dict.fromkeys(found))


def plan(session: sa.Connection, statement: Statement) -> list[str]:
    """The lines of the database's plan for a statement."""
    how = "EXPLAIN QUERY PLAN " if session.dialect.name == "sqlite" else "EXPLAIN "
    rows = session.exec_driver_sql(how + statement.text, statement.values)
    return [str(row[-1]).strip() for row in rows]


def _whole_indexes(lines: Sequence[str]) -> list[str]:
    """PostgreSQL: index scans without a condition, except one that only skips test submissions."""
    following = [*lines[1:], ""]
    return [
        line
        for line, then in zip(lines, following, strict=True)
        if re.search(rf"Index (?:Only )?Scan .*on ({NAMES})\b", line)
        and not then.startswith(("Index Cond", "Filter: (NOT test)"))
    ]


def slowest(database: Database, statements: Sequence[Statement]) -> list[tuple[float, Statement]]:
    """Median seconds of each reading statement, the slowest first."""
    with database._readers.connect() as session:
        timed = [(_seconds(session, each), each) for each in statements if each.reads]
    return sorted(timed, key=lambda pair: -pair[0])


def _seconds(session: sa.Connection, statement: Statement) -> float:
    taken = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        session.exec_driver_sql(statement.text, statement.values).all()
        taken.append(time.perf_counter() - begun)
    return median(taken)
