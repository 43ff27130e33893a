"""Tests of the contact index: phones and e-mails are found in any spelling and are readable nowhere."""

import datetime as dt
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import now
from app.encryption import Keyring
from app.services.operations import retention
from app.services.operations.key_rotation import rotate
from app.services.submissions import contact_index_backfill
from app.services.submissions.contact_index_backfill import BackfillReport, backfill
from app.storage.events.audit_log import Actor, count
from app.storage.submissions import contact_index as rows
from app.storage.submissions.contact_index import Kind, find, normalise
from app.storage.tables.base import metadata
from app.storage.tables.submissions import contact_index, submissions
from tests.conftest import Service
from tests.sample_answers import CARA, PAT, PAT_CONTACT, body
from tests.web.conftest import bearer

PHONE, EMAIL = PAT_CONTACT["phone"], PAT_CONTACT["email"]


class Index:
    """The contact index of a service."""

    def __init__(self, service: Service, website: dict[str, str]) -> None:
        self.service, self.website = service, website

    def make(self, answers: dict[str, Any] = PAT, **more: Any) -> dict[str, Any]:
        document = body(answers, contact=PAT_CONTACT) if answers is PAT else body(answers)
        answer = self.service.client.post("/v1/submissions", json=document | more, headers=self.website)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def change(self, document: dict[str, Any], **contact: str | None) -> None:
        headers = bearer(document) | {"if-match": "*", "content-type": "application/merge-patch+json"}
        address = f"/v1/submissions/{document['id']}"
        answer = self.service.client.patch(address, json={"contact": contact}, headers=headers)
        assert answer.status_code == 200, answer.text

    def find(self, kind: Kind, value: str) -> list[str]:
        keyring = self.service.services.submissions.vault.keyring
        return self.service.read(lambda session: find(session, keyring, kind, value))

    def count(self) -> int:
        asked = sa.select(sa.func.count()).select_from(contact_index)
        return self.service.read(lambda session: session.execute(asked).scalar_one())

    def backfill(self) -> tuple[BackfillReport, list[int]]:
        """Index what is missing; returns the report and the progress."""
        sizes: list[int] = []
        database, vault = self.service.database, self.service.services.submissions.vault
        report = backfill(database, vault, now=now(), actor=Actor("command"), progress=sizes.append)
        return report, sizes

    def missing(self) -> int:
        return self.service.read(rows.count_missing)


@pytest.fixture
def index(service: Service, website: dict[str, str]) -> Index:
    return Index(service, website)


# --- what is not found -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("phone", ""),
        ("phone", "no number"),
        ("phone", "x5615550142"),
        ("phone", "555 0142"),
        ("phone", "5550142"),
        ("phone", "+44 561 555 0142"),
        ("phone", EMAIL),
        ("phone", "1" * 100_000),
        ("email", ""),
        ("email", "   "),
        ("email", "pat"),
        ("email", "pat.canary@example"),
        ("email", "%@example.org"),
        ("email", PHONE),
        ("email", "a\0b@example.org"),
        ("email", "\ud800@example.org"),
    ],
)
def test_parts_other_numbers_and_nonsense_find_nothing(index: Index, kind: Kind, value: str) -> None:
    index.make()
    assert index.find(kind, value) == []


def test_another_keyring_finds_nothing(index: Index) -> None:
    index.make()
    other = Keyring([("other", bytes(32))])
    assert index.service.read(lambda session: find(session, other, "email", EMAIL)) == []


# --- what is found ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelled",
    [
        PHONE,
        "561-555-0142",
        "(561) 555 0142",
        "1 561 555 0142",
        "001 561 555 0142",
        "+15615550142",
        "5615550142 x7",
    ],
)
def test_a_number_is_found_in_any_spelling(index: Index, spelled: str) -> None:
    made = index.make()["id"]
    assert index.find("phone", spelled) == [made]


@pytest.mark.parametrize("spelled", [EMAIL, f"  {EMAIL.upper()} ", EMAIL.title()])
def test_an_address_is_found_in_any_case(index: Index, spelled: str) -> None:
    made = index.make()["id"]
    assert index.find("email", spelled) == [made]


def test_spellings_of_one_letter_are_one_letter() -> None:
    assert normalise("email", "JOSE\u0301@example.org") == normalise("email", "jos\u00e9@EXAMPLE.org")
    assert normalise("phone", "+33 1 23 45 67 89") == normalise("phone", "0033 123456789") == "+33123456789"


def test_everybody_with_a_number_is_found_the_newest_first(index: Index) -> None:
    made = [index.make()["id"] for _ in range(3)]
    assert index.find("phone", PHONE) == made[::-1]
    assert (
        index.service.read(
            lambda session: find(
                session, index.service.services.submissions.vault.keyring, "phone", PHONE, limit=2
            )
        )
        == made[:0:-1]
    )


def test_who_gives_no_contact_costs_nothing(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "index", None)
    monkeypatch.setattr(rows, "reindex", None)
    document = index.make(CARA, status="draft")
    headers = bearer(document) | {"if-match": "*", "content-type": "application/merge-patch+json"}
    address = f"/v1/submissions/{document['id']}"
    assert index.service.client.patch(address, json={"language": "es"}, headers=headers).status_code == 200
    assert index.count() == 0


def test_what_is_changed_is_found_by_what_it_is_now(index: Index) -> None:
    document = index.make(status="draft")
    index.change(document, email="other@example.org", phone=None)
    assert (index.find("email", EMAIL), index.find("phone", PHONE)) == ([], [])
    assert index.find("email", "Other@example.org") == [document["id"]]
    index.change(document, email=None)
    assert index.count() == 0


def test_rotation_of_keys_loses_nobody(index: Index) -> None:
    first = index.make()["id"]
    settings = index.service.services.settings
    rotate(index.service.database, "", settings.key_file, now=now(), actor=Actor("command"))
    second = index.make()["id"]
    assert index.find("email", EMAIL) == [second, first]
    assert index.find("phone", PHONE) == [second, first]


def test_backfill_indexes_what_was_stored_without_the_index(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_index_backfill, "BATCH", 2)
    made = [index.make()["id"] for _ in range(5)]
    index.make(CARA)
    remove = sa.delete(contact_index).where(contact_index.c.submission_id != made[0])
    index.service.database.write_blocking(lambda session: session.execute(remove) and None)
    unreadable = sa.update(submissions).where(submissions.c.id == made[2]).values(contact=b"x" * 40)
    index.service.database.write_blocking(lambda session: session.execute(unreadable) and None)
    assert index.missing() == 4
    assert index.backfill() == (BackfillReport(processed=4, failed=1), [2, 2, 0])
    assert index.find("phone", PHONE) == [made[4], made[3], made[1], made[0]]
    assert index.missing() == 1
    assert index.backfill() == (BackfillReport(processed=1, failed=1), [1, 0])
    assert index.service.read(partial(count, action="lookups.made")) == 2


def test_interrupted_backfill_continues_with_what_is_left(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_index_backfill, "BATCH", 2)
    made = [index.make()["id"] for _ in range(3)]
    index.service.database.write_blocking(lambda session: session.execute(sa.delete(contact_index)) and None)

    def interrupt(_size: int) -> None:
        raise KeyboardInterrupt

    database, vault = index.service.database, index.service.services.submissions.vault
    with pytest.raises(KeyboardInterrupt):
        backfill(database, vault, now=now(), actor=Actor("command"), progress=interrupt)
    assert index.find("email", EMAIL) == made[1::-1]
    assert index.service.read(partial(count, action="lookups.made")) == 0
    assert index.backfill() == (BackfillReport(processed=1, failed=0), [1, 0])
    assert index.find("email", EMAIL) == made[::-1]


# --- what is stored --------------------------------------------------------------------------------


def test_nobody_can_read_a_number_or_an_address_here(index: Index, tmp_path: Path) -> None:
    index.make()

    def dump(session: Any) -> bytes:
        tables = (session.execute(sa.select(table)).all() for table in metadata.sorted_tables)
        kept = (value for found in tables for row in found for value in row)
        return b"\0".join(value if isinstance(value, bytes) else str(value).encode() for value in kept)

    told = index.service.read(dump)
    index.service.database.checkpoint()
    told += b"".join(path.read_bytes() for path in tmp_path.glob("preconsult.db*"))
    for canary in (EMAIL, EMAIL.upper(), PHONE, "5615550142", "561 555", "pat.canary"):
        assert canary.encode() not in told
    assert {len(each) for each in index.service.read(_digests)} == {16}


def _digests(session: Any) -> list[bytes]:
    return list(session.execute(sa.select(contact_index.c.digest)).scalars())


def test_what_is_erased_is_found_no_more(index: Index) -> None:
    document = index.make()
    headers = bearer(document) | {"if-match": "*"}
    index.service.client.delete(f"/v1/submissions/{document['id']}", headers=headers)
    assert (index.find("phone", PHONE), index.count()) == ([], 0)
    index.make()
    index.service.database.write_blocking(partial(retention.purge, now=now() + dt.timedelta(days=31)))
    assert index.count() == 0
