"""The audit log: events of an object, of an actor, of a day; one page at a time."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import now
from app.storage.db.database import Database
from app.storage.events import audit_log
from app.storage.events.audit_log import AccessSummary, Actor, AuditAction, Event, Filters
from app.storage.tables.operations import audit_events
from tests.databases import Shared

HOUR, NONE = dt.timedelta(hours=1), dt.timedelta(0)
ANN, BEN, PURGE = Actor("staff", "ann"), Actor("staff", "ben"), Actor("service", "purge")
NOBODY = Actor("respondent")


class Record:
    """An audit log of 100 events, one per hour; Ben is the actor of every tenth."""

    def __init__(self, database: Database) -> None:
        self.database, self.begin = database, now().replace(microsecond=0)
        for number in range(100):
            self.write(BEN if number % 10 == 9 else ANN, number, "case.read", f"case{number % 7}")

    def write(
        self, who: Actor, hours: int, action: str, object_id: str | None, more: dt.timedelta = NONE
    ) -> None:
        act, at = AuditAction(action, "submission", object_id), self.begin + hours * HOUR + more
        self.database.write_blocking(lambda session: audit_log.record(session, who, at, act))

    def page(self, before: int | None = None, limit: int = 1000, **filters: Any) -> list[Event]:
        asked = Filters(**filters)
        return self.database.read_blocking(lambda session: audit_log.page(session, asked, before, limit))

    def hours(self, events: list[Event]) -> list[int]:
        return [(event.at - self.begin) // HOUR for event in events]


@pytest.fixture
def audit_chain_job(at_head: Shared) -> Iterator[Record]:
    database = Database(at_head.address)
    yield Record(database)
    database.close()


@pytest.mark.parametrize(
    "filters",
    [
        {"actor": "nobody"},
        {"actor": "command"},
        {"action": "case"},
        {"object_id": "case"},
        {"object_id": "case1", "actor": "cid"},
        {"begin": dt.datetime(2099, 1, 1, tzinfo=dt.UTC)},
        {"end": dt.datetime(1999, 1, 1, tzinfo=dt.UTC)},
        {"actor": "' OR 1=1 --"},
    ],
)
def test_what_does_not_fit_is_not_shown(audit_chain_job: Record, filters: dict[str, Any]) -> None:
    assert audit_chain_job.page(**filters) == []


def test_an_empty_trail_has_empty_pages(audit_chain_job: Record) -> None:
    audit_chain_job.database.write_blocking(lambda session: session.execute(sa.delete(audit_events)) and None)
    assert audit_chain_job.page(begin=audit_chain_job.begin, end=audit_chain_job.begin + HOUR) == []
    assert (
        audit_chain_job.database.read_blocking(lambda session: audit_log.access_report(session, "case1"))
        == []
    )


def test_pages_go_from_the_newest_to_the_oldest_and_miss_nobody(audit_chain_job: Record) -> None:
    seen: list[Event] = []
    while found := audit_chain_job.page(before=seen[-1].id if seen else None, limit=7):
        audit_chain_job.write(PURGE, 500, "submission.erased", "another")
        seen += found
    assert audit_chain_job.hours(seen) == list(range(99, -1, -1))


def test_filters_may_be_combined(audit_chain_job: Record) -> None:
    audit_chain_job.write(NOBODY, 100, "submission.drafted", "case9")
    assert audit_chain_job.hours(audit_chain_job.page(actor="ben")) == list(range(99, 0, -10))
    assert audit_chain_job.hours(audit_chain_job.page(actor="respondent")) == [100]
    assert audit_chain_job.hours(audit_chain_job.page(action="submission.drafted")) == [100]
    assert audit_chain_job.hours(audit_chain_job.page(actor="ben", object_id="case2")) == [79, 9]


@pytest.mark.parametrize(("first", "last"), [(0, 1), (0, 100), (24, 48), (50, 51), (99, 100), (-50, 3)])
def test_a_day_is_found_without_walking_to_it(audit_chain_job: Record, first: int, last: int) -> None:
    found = audit_chain_job.page(
        begin=audit_chain_job.begin + first * HOUR, end=audit_chain_job.begin + last * HOUR
    )
    assert audit_chain_job.hours(found) == list(range(last - 1, max(first, 0) - 1, -1))


def test_what_was_written_a_little_out_of_order_is_not_missed(audit_chain_job: Record) -> None:
    for seconds in (3630, 3570, 3601, 3599):
        audit_chain_job.write(ANN, 99, "late", None, dt.timedelta(seconds=seconds))
    edge = audit_chain_job.begin + 100 * HOUR
    assert len(audit_chain_job.page(begin=edge, end=edge + HOUR)) == 2
    assert len(audit_chain_job.page(action="late", end=edge)) == 2


def test_who_had_to_do_with_a_case_is_told_once_each(audit_chain_job: Record) -> None:
    audit_chain_job.write(NOBODY, -1, "submission.drafted", "case1")
    audit_chain_job.write(ANN, 200, "contact.revealed", "case1")
    found = audit_chain_job.database.read_blocking(lambda session: audit_log.access_report(session, "case1"))
    begin = audit_chain_job.begin
    assert found == [
        AccessSummary("respondent", None, begin - HOUR, begin - HOUR, {"submission.drafted": 1}),
        AccessSummary(
            "staff", "ann", begin + HOUR, begin + 200 * HOUR, {"case.read": 13, "contact.revealed": 1}
        ),
        AccessSummary("staff", "ben", begin + 29 * HOUR, begin + 99 * HOUR, {"case.read": 2}),
    ]


def test_events_of_an_object_come_in_order(audit_chain_job: Record) -> None:
    of = audit_chain_job.database.read_blocking(
        lambda session: audit_log.events_of(session, "case3", limit=5)
    )
    assert audit_chain_job.hours(of) == [3, 10, 17, 24, 31]
    more = audit_chain_job.database.read_blocking(
        lambda session: audit_log.events_of(session, "case3", of[-1].id, 2)
    )
    assert audit_chain_job.hours(more) == [38, 45]
