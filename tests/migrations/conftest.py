"""A database without any table."""

from collections.abc import Iterator

import pytest

from app.storage.db.database import Database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    yield made
    made.close()
