"""What tests from outside share. Refuses: sharing a database between tests."""

import uuid

import pytest

from tests import pgtmp

pytest.register_assert_rewrite("tests.outside.truth")


@pytest.fixture
def postgres_url(postgres: pgtmp.Postgres) -> str:
    """An empty database on the PostgreSQL server."""
    name = f"o{uuid.uuid4().hex}"
    postgres.create_database(name)
    return postgres.url(name)
