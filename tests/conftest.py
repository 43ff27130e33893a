"""Fixtures: every database we promise, and a whole service on each. Refuses: fakes."""

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

from app.main import create_app
from app.rules.edition import Edition
from app.rules.library import load_library
from app.services import keys, seeding
from app.services.drawn import Given
from app.services.keys import Wanted
from app.settings import Settings
from app.storage.audit import Actor
from app.storage.database import Database, T, Work
from app.web.deps import Rooms, now
from tests import client, pgtmp
from tests.client import Client
from tests.databases import Shared

pytest_plugins = ("tests.seconds", "tests.levels", "tests.measures", "tests.tracing")

for name in [name for name in os.environ if name.startswith("PRECONSULT_") and "TEST" not in name]:
    del os.environ[name]  # what the developer has set is not what is tested


LIBRARY = functools.cache(load_library)
PEOPLE = seeding.people
CROWDS: dict[tuple[Any, ...], tuple[list[Given], tuple[Any, ...]]] = {}


@pytest.fixture(scope="session")
def postgres() -> Iterator[pgtmp.Postgres]:
    """A real server, for all tests of this process."""
    with pgtmp.start() as server:
        yield server


@pytest.fixture(scope="session")
def shared_sqlite() -> Iterator[Shared]:
    """An embedded database at head, for all tests of this process; in memory where there is a disk of it."""
    memory = Path("/dev/shm")
    folder = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="preconsult-", dir=folder) as made:
        shared = Shared(f"sqlite:///{made}/preconsult.db")
        yield shared
        shared.close()


@pytest.fixture(scope="session")
def shared_postgres(postgres: pgtmp.Postgres) -> Iterator[Shared]:
    """The same on PostgreSQL."""
    postgres.create_database("shared")
    shared = Shared(postgres.url("shared"))
    yield shared
    shared.close()


@pytest.fixture  # levels.py chooses the databases
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind: empty, or the one at head where a test asks for `at_head`."""
    if "at_head" in request.fixturenames:
        shared: Shared = request.getfixturevalue(f"shared_{request.param}")
        yield shared.address
    elif request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'preconsult.db'}"
    else:
        server: pgtmp.Postgres = request.getfixturevalue("postgres")
        name = f"t{uuid.uuid4().hex}"
        server.create_database(name)
        yield server.url(name)
        server.drop_database(name)  # hundreds of them would take minutes to remove at the end


@pytest.fixture
def at_head(request: pytest.FixtureRequest, database_url: str) -> Iterator[Shared]:
    """That database at head and empty; what the test leaves in it is removed."""
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
        requests_per_key=10**9,  # a test that asks for limits names them
        requests_per_network=10**9,
    )


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """The settings of a development service on that database."""
    return _development().model_copy(update={"data_dir": tmp_path, "database_url": database_url})


@dataclass(frozen=True)
class Service:
    """A running service. `website` may create and change, `office` read, `staff` review, `nobody` nothing."""

    client: Client
    rooms: Rooms

    def key(self, *scopes: str, **more: Any) -> dict[str, str]:
        """The headers of a fresh API key."""
        wanted = Wanted("test", scopes, **more)
        made = self.rooms.database.write_now(
            partial(keys.create, wanted=wanted, now=now(), actor=Actor("command"))
        )
        return {"authorization": f"Bearer {made}"}

    @property
    def database(self) -> Database:
        return self.rooms.database

    def read(self, work: Work[T]) -> T:
        return self.database.read_now(work)


@contextlib.contextmanager
def idle(settings: Settings) -> Iterator[Service]:
    """A whole service in this process that does nothing by itself."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("app.main.load_library", LIBRARY)  # the real one, read once a process
        app = create_app(settings)
    try:
        with client.at(app) as made:
            yield Service(made, app.state.rooms)
    finally:
        app.state.rooms.database.close()


@contextlib.contextmanager
def working(service: Service) -> Iterator[Service]:
    """The same service with all that it does by itself, from its start to its graceful stop."""
    app = service.client.app
    assert isinstance(app, FastAPI)
    with service.client.portal.wrap_async_context_manager(app.router.lifespan_context(app)):
        yield service


@pytest.fixture
def service(at_head: Shared, settings: Settings) -> Iterator[Service]:
    """A whole service in this process; nothing goes on by itself unless a test asks for `running`."""
    with idle(settings) as made:
        yield made


@pytest.fixture
def running(service: Service) -> Iterator[Service]:
    """That service with its rounds: the trail is linked, alerts and webhooks are sent, data is purged."""
    with working(service):
        yield service


@pytest.fixture
def same_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeding takes as long to make people up as to keep them: here the same are made up once a process."""
    monkeypatch.setattr(seeding, "people", _same_people)


def _same_people(edition: Edition, count: int, chance: random.Random) -> list[Given]:
    """What `people` gives, and `chance` as it leaves it."""
    key = edition.sha256, count, chance.getstate()
    if key not in CROWDS:
        CROWDS[key] = PEOPLE(edition, count, chance), chance.getstate()
    found, state = CROWDS[key]
    chance.setstate(state)
    return list(found)


@pytest.fixture
def website(service: Service) -> dict[str, str]:
    """The clinic's website backend: it creates."""
    return service.key("submissions:write")


@pytest.fixture
def office(service: Service) -> dict[str, str]:
    """The clinic's office: it reads."""
    return service.key("submissions:read")


@pytest.fixture
def staff(service: Service) -> dict[str, str]:
    """Intake staff: they review."""
    return service.key("review")
