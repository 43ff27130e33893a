"""Tests of the keyring at startup, and of key rotation while a service runs."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.clock import now
from app.encryption import key_id
from app.errors import StartupError
from app.services.operations.key_rotation import load_vault, rotate
from app.storage.events.audit_log import Actor
from app.storage.tables.submissions import submissions
from tests.conftest import Service
from tests.sample_answers import CARA, body
from tests.web.conftest import bearer

COMMAND = Actor("command")


@pytest.fixture
def key_file(service: Service) -> Path:
    return service.services.settings.key_file


@pytest.fixture
def reopen(service: Service, key_file: Path) -> Callable[[], object]:
    return lambda: load_vault(service.database, "", key_file, now=now())


def test_a_missing_key_file_is_refused_and_not_replaced(key_file: Path, reopen: Callable[[], object]) -> None:
    key_file.unlink()
    with pytest.raises(StartupError, match="missing"):
        reopen()
    assert not key_file.exists()


def test_a_wrong_key_under_the_right_name_is_refused(key_file: Path, reopen: Callable[[], object]) -> None:
    name = key_file.read_text().partition(":")[0]
    key_file.write_text(f"{name}:{'A' * 43}=\n")
    with pytest.raises(StartupError, match="wrong"):
        reopen()


def test_the_right_key_file_opens(reopen: Callable[[], object]) -> None:
    reopen()


def test_rotation_leaves_nothing_under_the_old_key_and_everything_readable(
    service: Service, website: dict[str, str], key_file: Path
) -> None:
    made = [service.client.post("/v1/submissions", json=body(CARA), headers=website).json() for _ in range(3)]
    before = service.services.submissions.vault.keyring.newest
    newest, moved = rotate(service.database, "", key_file, now=now(), actor=COMMAND)
    assert (newest != before, moved) == (True, 3)
    made.append(service.client.post("/v1/submissions", json=body(CARA), headers=website).json())
    wrapped = service.read(
        lambda session: list(session.execute(sa.select(submissions.c.wrapped_data_key)).scalars())
    )
    assert {key_id(each) for each in wrapped} == {newest}
    for document in made:
        answer = service.client.get(f"/v1/submissions/{document['id']}", headers=bearer(document))
        assert answer.json()["answers"] == CARA


def test_rotation_with_keys_from_the_settings_wraps_under_the_first_of_them(
    service: Service, website: dict[str, str], key_file: Path
) -> None:
    service.client.post("/v1/submissions", json=body(CARA), headers=website)
    given = f"fresh:{'A' * 43}=," + key_file.read_text().strip()
    assert rotate(service.database, given, key_file, now=now(), actor=COMMAND) == ("fresh", 1)
