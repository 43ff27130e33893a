"""Fixtures and functions that the tests of the web layer share."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from app.services.auth import passwords
from app.settings import Settings
from app.storage.tables.base import metadata
from tests.conftest import Service, idle
from tests.databases import write_at_head
from tests.sample_answers import Answers, body
from tests.web.form_client import Visitor
from tests.web.staff_client import ANN, Colleague, invite

Headers = dict[str, str]
Document = dict[str, Any]
Create = Callable[..., Document]


@pytest.fixture(autouse=True)
def cheap_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 at its lowest cost, unless a test requests `production_passwords`."""
    if "production_passwords" in request.fixturenames:
        return

    def kdf() -> Argon2id:
        return Argon2id(salt=os.urandom(16), length=32, iterations=1, lanes=1, memory_cost=8)

    monkeypatch.setattr(passwords, "_kdf", kdf)
    monkeypatch.setattr(passwords, "_nobodys", cache(passwords._nobodys.__wrapped__))


@pytest.fixture
def production_passwords() -> None:
    """Password hashing costs what it does in production."""


@pytest.fixture
def create(service: Service, website: Headers) -> Create:
    """Returns a function that creates a submission and returns its document with the access token."""

    def post(answers: Answers, **more: Any) -> Document:
        answer = service.client.post("/v1/submissions", json=body(answers, **more), headers=website)
        assert answer.status_code == 201, answer.text
        document: Document = answer.json()
        return document

    return post


def bearer(document: Document) -> Headers:
    """The headers of the respondent who received this document."""
    return {"authorization": f"Bearer {document['access_token']}"}


def rules(document: Document) -> list[str]:
    """The rules of a summary's topics."""
    return [topic["rule"] for topic in document["summary"]["topics"]]


def quoted(summary: Document) -> list[Document]:
    """Every quotation of a summary, in order."""
    return [quotation for topic in summary["topics"] for quotation in topic["quotations"]]


def noted(service: Service) -> None:
    """Wait until the last-used days of the keys are stored; requests do not wait for that."""
    while service.services.authenticator._noting:
        time.sleep(0.01)


@contextlib.contextmanager
def opened(folder: Path, **given: Any) -> Iterator[Service]:
    """A service in production mode on SQLite in `folder`, with these settings and without background jobs."""
    write_at_head(folder / "preconsult.db")
    with idle(Settings(data_dir=folder, log_level="error", **given)) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests of a module that do not depend on the database; its form limits are high."""
    many = {"form_start_limit": 10**6, "form_start_limit_per_network": 10**6}
    with opened(tmp_path_factory.mktemp("house"), allow_unreviewed_translations=True, **many) as made:
        yield made


@pytest.fixture
def visitor(shared: Service) -> Visitor:
    """A respondent at the form of that service, on their own device."""
    return Visitor(shared)


@pytest.fixture
def guest(service: Service) -> Visitor:
    """A respondent at the form of a service that no other test uses, on every database."""
    return Visitor(service)


@pytest.fixture
def ann(service: Service) -> Colleague:
    """A reviewer with a password and no second factor, who has signed out."""
    colleague = Colleague(service)
    colleague.accept(invite(service, ANN, name="Ann Lee"))
    colleague.act("/staff/sign-out")
    return colleague


def everything(service: Service) -> list[Any]:
    """Every row of every table of a service without background jobs."""

    def dump(session: Any) -> list[Any]:
        asked = (f'SELECT * FROM "{table}"' for table in metadata.tables)
        return [tuple(row) for each in asked for row in session.exec_driver_sql(each)]

    return sorted(service.read(dump), key=repr)
