"""`preconsult contact-index rebuild`: what it indexes, prints and records, and its exit status."""

from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.storage.events.audit_log import Filters, page
from app.storage.submissions.contact_index import count_missing
from app.storage.tables.submissions import contact_index, submissions
from tests.cli.test_records import Shell
from tests.conftest import Service
from tests.databases import Shared
from tests.sample_answers import CARA, PAT, PAT_CONTACT, body


@pytest.fixture
def unindexed(service: Service, website: dict[str, str]) -> list[str]:
    """The ids of three submissions with contact details that are not in the index; a fourth has none."""
    documents = [*[body(PAT, contact=PAT_CONTACT)] * 3, body(CARA)]
    made = [
        service.client.post("/v1/submissions", json=each, headers=website).json()["id"] for each in documents
    ]
    service.database.write_blocking(lambda session: session.execute(sa.delete(contact_index)) and None)
    return made[:3]


@pytest.fixture
def run(at_head: Shared, tmp_path: Path) -> Shell:
    """The command line of that service."""
    return Shell(at_head.address, tmp_path)


@pytest.mark.both_databases
def test_rebuild_indexes_what_is_missing(service: Service, unindexed: list[str], run: Shell) -> None:
    review = service.key("review")
    asked = {"text": PAT_CONTACT["email"]}
    assert service.read(count_missing) == 3
    result = run("contact-index", "rebuild")
    assert (result.exit_code, result.stdout) == (0, "3 submissions indexed.\n")
    assert "Indexing 3 submissions" in result.stderr
    assert not any(secret in result.output for secret in (*PAT_CONTACT.values(), *unindexed))
    assert service.read(count_missing) == 0
    found = service.client.post("/v1/submissions/search", json=asked, headers=review).json()
    assert {each["id"] for each in found["items"]} == set(unindexed)
    assert run("contact-index", "rebuild").stdout == "0 submissions indexed.\n"
    events = service.read(partial(page, filters=Filters(action="lookups.made"), before=None, limit=9))
    assert [(each.actor_kind, each.object_type, each.object_id) for each in events] == [
        ("command", "service", None)
    ] * 2
    assert all(each.chain_position for each in events)


def test_rebuild_fails_when_a_submission_cannot_be_decrypted(
    service: Service, unindexed: list[str], run: Shell
) -> None:
    damaged = sa.update(submissions).where(submissions.c.id == unindexed[1]).values(contact=b"x" * 40)
    service.database.write_blocking(lambda session: session.execute(damaged) and None)
    result = run("contact-index", "rebuild")
    assert (result.exit_code, result.stdout) == (1, "2 submissions indexed.\n")
    assert result.stderr.splitlines()[-1] == (
        "preconsult: 1 submissions could not be decrypted and are not in the index."
    )
    assert service.read(count_missing) == 1


def test_rebuild_without_the_encryption_keys_is_refused(
    service: Service, unindexed: list[str], run: Shell
) -> None:
    service.services.settings.key_file.unlink()
    assert "are missing" in run.refused("contact-index", "rebuild")
    assert service.read(count_missing) == len(unindexed)


def test_start_indexes_nothing_and_records_nothing(running: Service, unindexed: list[str]) -> None:
    assert running.read(count_missing) == len(unindexed)
    assert not running.read(partial(page, filters=Filters(action="lookups.made"), before=None, limit=9))
