"""Fixtures: every database we promise, and a whole service on each. Refuses: fakes."""

import functools
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.rules.library import load_library
from app.services import keys
from app.services.keys import Wanted
from app.settings import Settings
from app.storage import schema
from app.storage.audit import Actor
from app.storage.database import Database, T, Work
from app.web.deps import Rooms, now
from tests import pgtmp

pytest_plugins = ("tests.seconds", "tests.levels", "tests.measures")

for name in [name for name in os.environ if name.startswith("PRECONSULT_") and "TEST" not in name]:
    del os.environ[name]  # what the developer has set is not what is tested


LIBRARY = functools.cache(load_library)


@pytest.fixture(scope="session")
def postgres() -> Iterator[pgtmp.Postgres]:
    """A real server, for all tests of this process."""
    with pgtmp.start() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedded database at head with nothing in it, to be copied: quicker than to migrate each."""
    path = tmp_path_factory.mktemp("migrated") / "preconsult.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_database(postgres: pgtmp.Postgres) -> str:
    """The same for PostgreSQL: one for the tests of this process, emptied after each."""
    postgres.create_database("migrated")
    _migrate(postgres.url("migrated"))
    return "migrated"


def _migrate(url: str) -> None:
    database = Database(url)
    schema.migrate(database)
    database.close()


@pytest.fixture  # levels.py chooses the databases
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind: empty, or at head where a whole service stands on it."""
    ready = "service" in request.fixturenames
    if request.param == "sqlite":
        path = tmp_path / "preconsult.db"
        if ready:
            shutil.copy(request.getfixturevalue("migrated_file"), path)
        yield f"sqlite:///{path}"
        return
    server: pgtmp.Postgres = request.getfixturevalue("postgres")
    if ready:
        yield server.url(request.getfixturevalue("migrated_database"))
        server.empty(request.getfixturevalue("migrated_database"))
        return
    name = f"t{uuid.uuid4().hex}"
    server.create_database(name)
    yield server.url(name)
    server.drop_database(name)  # hundreds of them would take minutes to remove at the end


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """The settings of a development service on that database."""
    return Settings(
        env="development",
        data_dir=tmp_path,
        database_url=database_url,
        log_level="error",
        requests_per_key=10**9,  # a test that asks for limits names them
        requests_per_network=10**9,
    )


@dataclass(frozen=True)
class Service:
    """A running service. `website` may create and change, `office` read, `staff` review, `nobody` nothing."""

    client: TestClient
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


@pytest.fixture
def service(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A whole service in this process, its database migrated and its keys made."""
    monkeypatch.setattr("app.main.load_library", LIBRARY)  # the real one, read once a process
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Service(client, app.state.rooms)


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
