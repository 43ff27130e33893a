"""What the tests of the API share."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from app.storage import told
from app.storage.tables import audit_events, audit_head, metadata
from tests.conftest import LIBRARY, Service
from tests.people import Answers, body
from tests.web.colleague import ANN, Colleague, invite
from tests.web.visitor import Visitor

Headers = dict[str, str]
Document = dict[str, Any]
Create = Callable[..., Document]


@pytest.fixture
def create(service: Service, website: Headers) -> Create:
    """Create a submission; its document, access token and all."""

    def post(answers: Answers, **more: Any) -> Document:
        answer = service.client.post("/v1/submissions", json=body(answers, **more), headers=website)
        assert answer.status_code == 201, answer.text
        document: Document = answer.json()
        return document

    return post


def bearer(document: Document) -> Headers:
    """The headers of the respondent who was given this document."""
    return {"authorization": f"Bearer {document['access_token']}"}


def rules(document: Document) -> list[str]:
    """The rules of a summary's topics."""
    return [topic["rule"] for topic in document["summary"]["topics"]]


def quoted(summary: Document) -> list[Document]:
    """Every quotation of a summary, in order."""
    return [quotation for topic in summary["topics"] for quotation in topic["quotations"]]


def noted(service: Service) -> None:
    """Wait until the days on which keys were used are kept; nobody who asks does."""
    while service.rooms.doorkeeper._noting:
        time.sleep(0.01)


@contextlib.contextmanager
def opened(folder: Path, **given: Any) -> Iterator[Service]:
    """A service in production on SQLite in `folder`, with these settings."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("app.main.load_library", LIBRARY)
        app = create_app(Settings(data_dir=folder, log_level="error", **given))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Service(client, app.state.rooms)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests of a module that ask nothing of the database; many forms may be begun."""
    many = {"form_starts": 10**6, "form_starts_per_network": 10**6}
    with opened(tmp_path_factory.mktemp("house"), unreviewed_translations=True, **many) as made:
        yield made


@pytest.fixture
def visitor(house: Service) -> Visitor:
    """Somebody at the form of that service, on a device of their own."""
    return Visitor(house)


@pytest.fixture
def guest(service: Service) -> Visitor:
    """Somebody at the form of a service of their own, on every database."""
    return Visitor(service)


@pytest.fixture
def ann(service: Service) -> Colleague:
    """A reviewer at the door of the workbench, with a password and no second factor."""
    colleague = Colleague(service)
    colleague.accept(invite(service, ANN, name="Ann Lee"))
    colleague.act("/staff/sign-out")
    return colleague


def everything(service: Service) -> list[Any]:
    """Every row of every table, but what the service does meanwhile by itself (app/rounds.py)."""
    trail = audit_events.c
    acts = sa.select(*(each for each in trail if each.name not in ("position", "mac")))
    theirs = acts.where(trail.actor_kind != "service")
    by_itself = (audit_events, audit_head, told.events)
    tables = [each for each in metadata.sorted_tables if each not in by_itself]

    def dump(session: Any) -> list[Any]:
        asked = [theirs, *(sa.select(each) for each in tables)]
        return [tuple(row) for each in asked for row in session.execute(each)]

    return sorted(service.read(dump), key=repr)
