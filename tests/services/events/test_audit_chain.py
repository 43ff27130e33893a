"""Tests of the audit chain: every kind of tampering is found, with its position."""

import datetime as dt
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import now
from app.encryption import Keyring
from app.errors import StartupError
from app.services.events import audit_chain
from app.services.events.audit_chain import ChainBroken, VerificationReport, parse_anchors
from app.services.operations.key_rotation import load_vault, rotate
from app.storage.db.database import Database
from app.storage.events import audit_log
from app.storage.events.audit_log import Actor, AuditAction
from app.storage.tables.operations import audit_chain_head, audit_events
from tests.databases import Shared

WHO = Actor("staff", "somebody", "a-request")
OF = audit_events.c
Rows = list[dict[str, Any]]


class Trail:
    """The audit log of a service, to write, chain, verify and tamper with."""

    def __init__(self, database: Database, key_file: Path) -> None:
        self.database, self.key_file, self.at = database, key_file, now()
        self.keyring = load_vault(database, "", key_file, now=self.at).keyring

    def write(self, *ids: str) -> None:
        acts = [AuditAction("case.read", "submission", each) for each in ids]
        self.database.write_blocking(lambda session: audit_log.record(session, WHO, self.at, *acts))

    def link(self, limit: int = 1000) -> int:
        work = partial(audit_chain.append_links, keyring=self.keyring, now=self.at, limit=limit)
        return len(self.database.write_blocking(work))

    def verify(self, *heads: str) -> VerificationReport:
        anchors = parse_anchors(heads)
        return self.database.read_blocking(
            lambda session: audit_chain.verify(session, self.keyring, now=self.at, anchors=anchors)
        )

    def first_fault(self, *heads: str) -> tuple[str, int] | None:
        """Returns kind and position of the first fault, or None."""
        fault = self.verify(*heads).fault
        return None if fault is None else (fault.kind, fault.position)

    def head(self) -> str:
        return self.database.read_blocking(partial(audit_chain.head_line, keyring=self.keyring))

    def do(self, *statements: sa.Executable) -> None:
        """Tamper with the audit log: run these statements."""
        self.database.write_blocking(lambda session: [session.execute(each) for each in statements] and None)

    def copy(self) -> tuple[Rows, Rows]:
        def rows(session: Any) -> tuple[Rows, Rows]:
            events, head = (session.execute(sa.select(each)) for each in (audit_events, audit_chain_head))
            return [dict(row) for row in events.mappings()], [dict(row) for row in head.mappings()]

        return self.database.read_blocking(rows)

    def put_back(self, events: Rows, head: Rows) -> None:
        self.do(sa.delete(audit_events), sa.delete(audit_chain_head))
        self.database.write_blocking(
            lambda session: session.execute(sa.insert(audit_events), events) and None
        )
        self.database.write_blocking(
            lambda session: session.execute(sa.insert(audit_chain_head), head) and None
        )


@pytest.fixture
def audit_chain_job(at_head: Shared, tmp_path: Path) -> Iterator[Trail]:
    """An audit log with five chained events and no others."""
    database = Database(at_head.address)
    made = Trail(database, tmp_path / "keyring")
    made.write(*"abcde")
    assert made.link() == 5
    assert made.first_fault() is None
    yield made
    database.close()


# --- eight kinds of tampering ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
        ("actor_kind", "respondent"),
        ("actor_id", "somebody else"),
        ("actor_id", None),
        ("action", "case.changed"),
        ("object_type", "flag"),
        ("object_id", "other"),
        ("request_id", None),
        ("id", 1000),
        ("mac", b"k1.00"),
        ("mac", b"\xff"),
        ("mac", None),
    ],
)
def test_one_an_edited_field_is_told(audit_chain_job: Trail, column: str, value: object) -> None:
    audit_chain_job.do(sa.update(audit_events).where(OF.chain_position == 3).values({column: value}))
    assert audit_chain_job.first_fault() == ("changed", 3)


@pytest.mark.parametrize("position", [1, 3, 5], ids=["first", "middle", "last"])
def test_two_a_deleted_event_is_told(audit_chain_job: Trail, position: int) -> None:
    audit_chain_job.do(sa.delete(audit_events).where(OF.chain_position == position))
    assert audit_chain_job.first_fault() == ("missing", position)


def test_three_a_tail_cut_off_with_its_head_is_told_by_the_anchor_alone(audit_chain_job: Trail) -> None:
    _, older = audit_chain_job.copy()
    audit_chain_job.write("f", "g")
    audit_chain_job.link()
    published = audit_chain_job.head()
    audit_chain_job.do(
        sa.delete(audit_events).where(OF.chain_position > 5), sa.update(audit_chain_head).values(older[0])
    )
    assert audit_chain_job.first_fault() is None
    assert audit_chain_job.first_fault(published) == ("anchor", 6)


def test_four_all_events_deleted_is_told(audit_chain_job: Trail) -> None:
    published = audit_chain_job.head()
    audit_chain_job.do(sa.delete(audit_events))
    assert audit_chain_job.first_fault() == ("missing", 1)
    audit_chain_job.do(sa.delete(audit_chain_head))
    assert audit_chain_job.first_fault() == ("head", 0)
    audit_chain_job.link()
    assert audit_chain_job.first_fault(published) == ("anchor", 1)


def test_five_two_events_swapped_are_told(audit_chain_job: Trail) -> None:
    events = sa.update(audit_events)
    for there, services in ((2, 100), (4, 2), (100, 4)):
        audit_chain_job.do(events.where(OF.chain_position == there).values(chain_position=services))
    assert audit_chain_job.first_fault() == ("changed", 2)


@pytest.mark.parametrize(
    ("position", "told"),
    [(6, ("changed", 6)), (0, ("forged", 0)), (-9, ("forged", -9)), (9, ("missing", 6)), (3, ("changed", 3))],
)
def test_six_a_forged_event_is_told(audit_chain_job: Trail, position: int, told: tuple[str, int]) -> None:
    model = next(row for row in audit_chain_job.copy()[0] if row["chain_position"] == 3)
    forged = model | {"id": model["id"] + 1000, "chain_position": position, "object_id": "forged"}
    audit_chain_job.do(sa.delete(audit_events).where(OF.chain_position == position))
    audit_chain_job.do(sa.insert(audit_events).values(forged))
    assert audit_chain_job.first_fault() == told


def test_seven_the_table_put_back_to_an_older_copy_is_told_by_the_anchor(audit_chain_job: Trail) -> None:
    older = audit_chain_job.copy()
    audit_chain_job.write("f")
    audit_chain_job.link()
    published = audit_chain_job.head()
    audit_chain_job.put_back(*older)
    assert audit_chain_job.first_fault() is None
    assert audit_chain_job.first_fault(published) == ("anchor", 6)
    audit_chain_job.write("g", "h")
    audit_chain_job.link()
    assert audit_chain_job.first_fault() is None
    assert audit_chain_job.first_fault(published) == ("anchor", 6)


@pytest.mark.parametrize(
    "change",
    [
        {"position": 4},
        {"position": 6},
        {"mac": b"k1.00"},
        {"at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)},
    ],
)
def test_eight_a_head_that_was_edited_is_told(audit_chain_job: Trail, change: dict[str, object]) -> None:
    audit_chain_job.do(sa.update(audit_chain_head).values(change))
    fault = audit_chain_job.first_fault()
    assert fault is not None
    assert fault[0] in ("head", "forged", "missing")


# --- refused ---------------------------------------------------------------------------------------


def taken_out(audit_chain_job: Trail) -> None:
    audit_chain_job.do(sa.delete(audit_events).where(OF.chain_position == 5))


def headless(audit_chain_job: Trail) -> None:
    audit_chain_job.do(sa.delete(audit_chain_head))


def lowered(audit_chain_job: Trail) -> None:
    audit_chain_job.do(sa.update(audit_chain_head).values(position=4))


@pytest.mark.parametrize("tamper", [taken_out, headless, lowered])
def test_nothing_is_linked_behind_an_end_that_does_not_fit(
    audit_chain_job: Trail, tamper: Callable[[Trail], None]
) -> None:
    tamper(audit_chain_job)
    before = audit_chain_job.first_fault()
    audit_chain_job.write("f")
    with pytest.raises(ChainBroken):
        audit_chain_job.link()
    with pytest.raises(ChainBroken):
        audit_chain_job.head()
    assert audit_chain_job.first_fault() == before
    assert audit_chain_job.verify().waiting == 1


def test_another_key_signs_nothing_that_fits(audit_chain_job: Trail) -> None:
    audit_chain_job.keyring = Keyring([(audit_chain_job.keyring.newest, bytes(32))])
    assert audit_chain_job.first_fault() == ("changed", 1)
    with pytest.raises(ChainBroken):
        audit_chain_job.link()
    audit_chain_job.keyring = Keyring([("other", bytes(32))])
    assert audit_chain_job.first_fault() == ("changed", 1)


def test_an_event_that_waits_for_more_than_five_minutes_is_told(audit_chain_job: Trail) -> None:
    audit_chain_job.write("f")
    audit_chain_job.at += dt.timedelta(minutes=5)
    assert audit_chain_job.first_fault() is None
    audit_chain_job.at += dt.timedelta(milliseconds=1)
    assert audit_chain_job.first_fault() == ("waiting", 6)
    audit_chain_job.link()
    assert audit_chain_job.first_fault() is None


@pytest.mark.parametrize(
    "line",
    [
        "x",
        "[]",
        "null",
        "[" * 100_000,
        '{"position": 1}',
        '{"position": "1", "mac": "k.0"}',
        '{"position": true, "mac": "k.0"}',
        '{"position": -1, "mac": "k.0"}',
        '{"position": 1.5, "mac": "k.0"}',
        '{"position": 1, "mac": null}',
        '{"position": 1, "mac": "é"}',
        '{"position": 5, "mac": "k.0"}\n{"position": 5, "mac": "k.1"}',
    ],
)
def test_what_is_no_anchor_is_refused_by_its_line(line: str) -> None:
    with pytest.raises(StartupError, match=r"Line \d of the anchor file"):
        parse_anchors(line.splitlines())


# --- valid -----------------------------------------------------------------------------------------


def test_events_are_linked_in_order_a_limit_at_a_time(audit_chain_job: Trail) -> None:
    audit_chain_job.write(*"fghij")
    assert [audit_chain_job.link(limit=2) for _ in range(4)] == [2, 2, 1, 0]
    events = sorted(audit_chain_job.copy()[0], key=lambda row: row["chain_position"])
    assert [row["object_id"] for row in events] == list("abcdefghij")
    assert [row["chain_position"] for row in events] == list(range(1, 11))
    assert (audit_chain_job.verify().linked, audit_chain_job.verify().waiting) == (10, 0)


def test_a_chain_without_events_has_a_head_and_is_whole(audit_chain_job: Trail) -> None:
    audit_chain_job.do(sa.delete(audit_events), sa.delete(audit_chain_head))
    assert audit_chain_job.link() == 0
    assert audit_chain_job.first_fault(audit_chain_job.head()) is None
    audit_chain_job.write("a")
    assert audit_chain_job.link() == 1
    assert audit_chain_job.first_fault() is None


def test_heads_that_were_published_hold_for_ever(audit_chain_job: Trail) -> None:
    heads = [audit_chain_job.head()]
    for each in "fgh":
        audit_chain_job.write(each)
        audit_chain_job.link()
        heads.append(audit_chain_job.head())
    assert audit_chain_job.first_fault(*heads, "", *heads) is None


def test_the_chain_outlives_the_rotation_of_keys(audit_chain_job: Trail) -> None:
    before = audit_chain_job.keyring.newest
    heads = [audit_chain_job.head()]
    rotate(
        audit_chain_job.database, "", audit_chain_job.key_file, now=audit_chain_job.at, actor=Actor("command")
    )
    audit_chain_job.write("f")
    assert audit_chain_job.link() == 2
    assert audit_chain_job.keyring.newest != before
    heads.append(audit_chain_job.head())
    assert audit_chain_job.first_fault(*heads) is None
    signers = {row["mac"].partition(b".")[0].decode() for row in audit_chain_job.copy()[0]}
    assert signers == {before, audit_chain_job.keyring.newest}


def test_many_who_link_at_once_make_one_chain(audit_chain_job: Trail) -> None:
    def both(number: int) -> None:
        audit_chain_job.write(f"x{number}")
        audit_chain_job.link(limit=3)

    with ThreadPoolExecutor(6) as hands:
        list(hands.map(both, range(24)))
    while audit_chain_job.link():
        pass
    assert (audit_chain_job.verify().linked, audit_chain_job.first_fault()) == (29, None)
