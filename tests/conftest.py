"""Fixtures: every supported database, and a complete service on each. Never: uses fakes."""

import contextlib
import functools
import os
import random
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from app.clock import now
from app.main import create_app
from app.rules.engine.edition import Edition
from app.rules.library import load_library
from app.services.auth import api_keys
from app.services.auth.api_keys import NewApiKey
from app.services.demo import submissions
from app.services.submissions.assessment import SubmissionInput
from app.settings import Settings
from app.storage.db.database import Database, T, UnitOfWork
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor
from app.web.dependencies import Services
from tests import client, postgres_server
from tests.client import Client
from tests.databases import Shared

pytest_plugins = ("tests.seconds", "tests.levels", "tests.measures", "tests.tracing")

for name in [name for name in os.environ if name.startswith("PRECONSULT_") and "TEST" not in name]:
    del os.environ[name]  # settings of the developer's environment must not affect the tests


LIBRARY = functools.cache(load_library)
PEOPLE = submissions.demo_respondents
CROWDS: dict[tuple[Any, ...], tuple[list[SubmissionInput], tuple[Any, ...]]] = {}


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_server.Postgres]:
    """A real PostgreSQL server, shared by all tests of this process."""
    with postgres_server.start() as server:
        yield server


@pytest.fixture(scope="session")
def shared_sqlite() -> Iterator[Shared]:
    """A migrated SQLite database for all tests of this process; in memory where /dev/shm is writable."""
    memory = Path("/dev/shm")
    folder = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="preconsult-", dir=folder) as made:
        shared = Shared(f"sqlite:///{made}/preconsult.db")
        yield shared
        shared.close()


@pytest.fixture(scope="session")
def shared_postgres(postgres: postgres_server.Postgres) -> Iterator[Shared]:
    """A migrated PostgreSQL database, shared by all tests of this process."""
    postgres.create_database("shared")
    shared = Shared(postgres.url("shared"))
    yield shared
    shared.close()


@pytest.fixture  # levels.py chooses the databases
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of each kind: empty, or the shared migrated one if a test uses `at_head`."""
    if "at_head" in request.fixturenames:
        shared: Shared = request.getfixturevalue(f"shared_{request.param}")
        yield shared.address
    elif request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'preconsult.db'}"
    else:
        server: postgres_server.Postgres = request.getfixturevalue("postgres")
        name = f"t{uuid.uuid4().hex}"
        server.create_database(name)
        yield server.url(name)
        server.drop_database(name)  # dropping hundreds of databases at the end would take minutes


@pytest.fixture
def at_head(request: pytest.FixtureRequest, database_url: str) -> Iterator[Shared]:
    """That database, migrated and without rows; rows that the test leaves behind are deleted."""
    kind = "sqlite" if database_url.startswith("sqlite") else "postgres"
    shared: Shared = request.getfixturevalue(f"shared_{kind}")
    shared.renew()
    with shared.lasting():
        yield shared
    shared.empty()


@functools.cache
def _development() -> Settings:
    return Settings(
        env="development",
        log_level="error",
        rate_limit_per_key=10**9,  # a test of rate limits sets its own
        rate_limit_per_network=10**9,
    )


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """The settings of a development service on that database."""
    return _development().model_copy(update={"data_dir": tmp_path, "database_url": database_url})


@dataclass(frozen=True)
class Service:
    """A service in this process, with its client."""

    client: Client
    services: Services

    def key(self, *scopes: str, **more: Any) -> dict[str, str]:
        """The headers of a new API key with these scopes."""
        wanted = NewApiKey("test", scopes, **more)
        made = self.services.database.write_blocking(
            partial(api_keys.create, wanted=wanted, now=now(), actor=Actor("command"))
        )
        return {"authorization": f"Bearer {made}"}

    @property
    def database(self) -> Database:
        return self.services.database

    def read(self, work: UnitOfWork[T]) -> T:
        return self.database.read_blocking(work)

    def audit_count(self, action: str) -> int:
        """How many audit events have this action."""
        return self.read(partial(audit_log.count, action=action))


@contextlib.contextmanager
def idle(settings: Settings) -> Iterator[Service]:
    """A complete service in this process without background jobs."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("app.main.load_library", LIBRARY)  # the real library, loaded once per process
        app = create_app(settings)
    try:
        with client.at(app) as made:
            yield Service(made, app.state.services)
    finally:
        app.state.services.database.close()


@contextlib.contextmanager
def working(service: Service) -> Iterator[Service]:
    """The same service with all its background jobs, from startup to graceful shutdown."""
    app = service.client.app
    assert isinstance(app, FastAPI)
    with service.client.portal.wrap_async_context_manager(app.router.lifespan_context(app)):
        yield service


@pytest.fixture
def service(at_head: Shared, settings: Settings) -> Iterator[Service]:
    """A complete service in this process; background jobs run only if a test uses `running`."""
    with idle(settings) as made:
        yield made


@pytest.fixture
def running(service: Service) -> Iterator[Service]:
    """That service with its background jobs: chains audit events, sends alerts and webhooks, purges data."""
    with working(service):
        yield service


@pytest.fixture
def same_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Generate the same demo respondents only once per process: that takes as long as storing them."""
    monkeypatch.setattr(submissions, "demo_respondents", _same_people)


def _same_people(edition: Edition, count: int, chance: random.Random) -> list[SubmissionInput]:
    """Returns what `people` returns, and leaves `chance` in the same state as `people` does."""
    key = edition.sha256, count, chance.getstate()
    if key not in CROWDS:
        CROWDS[key] = PEOPLE(edition, count, chance), chance.getstate()
    found, state = CROWDS[key]
    chance.setstate(state)
    return list(found)


@pytest.fixture
def website(service: Service) -> dict[str, str]:
    """Headers of the clinic's website backend, which creates submissions."""
    return service.key("submissions:write")


@pytest.fixture
def reader(service: Service) -> dict[str, str]:
    """Headers of the clinic's office system, which reads submissions."""
    return service.key("submissions:read")


@pytest.fixture
def staff(service: Service) -> dict[str, str]:
    """Headers of intake staff, who review."""
    return service.key("review")
