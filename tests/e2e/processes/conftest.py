"""Fixtures of the black-box tests. Never: shares a database between tests."""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.storage.db import migrations
from app.storage.db.database import Database
from tests import postgres_server

pytest.register_assert_rewrite("tests.e2e.processes.truth")


@pytest.fixture(scope="session")
def template(postgres: postgres_server.Postgres) -> str:
    """A database at head with nothing in it, to be copied: quicker than to migrate each."""
    postgres.create_database("outside")
    with contextlib.closing(Database(postgres.url("outside"))) as database:
        migrations.migrate(database)
    return "outside"


@pytest.fixture
def postgres_url(postgres: postgres_server.Postgres, template: str) -> Iterator[str]:
    """A database of its own on the PostgreSQL server, at head with nothing in it."""
    name = f"o{uuid.uuid4().hex}"
    postgres.create_database(name, template)
    yield postgres.url(name)
    postgres.drop_database(name)  # a restart after a crash reads every file of every database


@pytest.fixture  # tests/levels.py chooses the databases
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind; `serving` or `mortal` creates the embedded one."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'preconsult.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url
