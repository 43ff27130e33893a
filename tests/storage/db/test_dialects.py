"""Engines of a process share compiled statements if they would compile them identically."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from app.storage.db.database import Database
from app.storage.db.dialect_postgresql import Postgres
from app.storage.db.dialect_sqlite import Sqlite
from app.storage.db.dialects import COMPILED


def test_what_one_database_compiled_serves_the_next(database_url: str) -> None:
    asked: sa.Executable = sa.select(sa.literal(7).label("of_this_test"), sa.literal_column("1 + 1"))
    answers, sizes = [], [len(COMPILED)]
    for _ in range(2):
        database = Database(database_url)
        answers.append(database.read_blocking(lambda session: tuple(session.execute(asked).one())))
        sizes.append(len(COMPILED))
        database.close()
    assert answers == [(7, 2)] * 2
    assert sizes[0] < sizes[1] == sizes[2]


def test_a_database_of_another_version_compiles_for_itself() -> None:
    make: Callable[[], Any] = Postgres  # SQLAlchemy does not type it
    one, other = make(), make()
    one.server_version_info = other.server_version_info = (18, 6)
    assert one == other
    assert hash(one) == hash(other)
    other.server_version_info = (19, 0)
    assert one != other
    assert Sqlite() != make()
